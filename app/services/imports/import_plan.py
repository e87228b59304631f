"""Which rows of a history are taken, and as whose treatments: decided in memory.

What the practice has already is read in a few statements before; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.queries.imports import imports as rows
from app.db.rows.base import Fields
from app.db.rows.patients import PatientRow
from app.db.rows.scheduling import CourseRow
from app.domain.dates import local_day
from app.domain.imports.import_mapping import HistoryMapping
from app.domain.imports.import_values import same_words
from app.domain.imports.importing import Columns, Remark, RemarkCode, Row, read_row
from app.services.imports.import_file import Line
from app.services.patients.patients import mrn_key


@dataclass(slots=True)
class Known:
    """A patient of the practice, or one whom the file brings: `patient` is None then."""

    patient: PatientRow | None
    course: CourseRow | None
    given: dict[date, int | None]
    first: Row | None = None
    taken: list[Row] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)

    def value(self, name: str) -> object:
        """Return what is known of the patient so far."""
        if self.patient is not None:
            patient: Fields = self.patient
            return patient[name]
        return getattr(self.first, name) if self.first else None


@dataclass(slots=True)
class Plan:
    """What a load would do: the rows taken by patient, and the remarks about the others."""

    known: dict[str, Known] = field(default_factory=dict)
    accepted: list[Row] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


class Places:
    """A practice's locations and practitioners by name, without regard to case and spaces."""

    def __init__(
        self,
        locations: Iterable[tuple[str, str, str]],
        people: Iterable[tuple[str, str]],
        *,
        practice_zone: str,
        now: datetime,
    ) -> None:
        self.location_ids: dict[str, str] = {}
        # The oldest of one name wins, as the last one written here.
        self.person_ids: dict[str, str] = {
            same_words(name): person_id for person_id, name in reversed([*people])
        }
        self._zones: dict[str, str] = {}
        for location_id, name, zone in reversed([*locations]):
            self.location_ids[same_words(name)] = location_id
            self._zones[same_words(name)] = zone
        self._practice_zone = practice_zone
        self._now = now
        self._days: dict[str | None, date] = {}

    def today_at(self, location: str | None) -> date:
        """Return the present day at a location; a new one will be in the practice's zone."""
        today = self._days.get(location)
        if today is None:
            zone = self._zones.get(same_words(location), None) if location else None
            today = local_day(self._now, zone or self._practice_zone)
            self._days[location] = today
        return today


def plan(
    db: Connection,
    lines: Sequence[Line],
    columns: Columns,
    places: Places,
    mapping: HistoryMapping,
    *,
    practice_id: str,
    tick: Callable[[int], None],
) -> Plan:
    """Return what to do with each line; `tick` is called with how many were read."""
    made = Plan()
    read: list[tuple[str, Row]] = []
    for count, line in enumerate(lines, 1):
        row = _read(line, columns, places)
        if isinstance(row, Remark):
            made.rejected.append(row)
        else:
            read.append((mrn_key(row.mrn), row))
        if count % 500 == 0:
            tick(count)
    made.known = known(
        db, {key for key, _ in read}, protocol=mapping.protocol, practice_id=practice_id
    )
    for key, row in read:
        _accept_or_skip(made, made.known.setdefault(key, Known(None, None, {})), row, columns)
    made.rejected.sort()
    made.warnings.sort()
    return made


def _read(line: Line, columns: Columns, places: Places) -> Row | Remark:
    if line.broken:
        message = "The row's quotation marks do not match."
        return Remark(line.number, None, RemarkCode.ROW_UNREADABLE, message)
    return read_row(line.number, line.cells, columns, places.today_at)


def known(
    db: Connection, mrn_keys: set[str], *, protocol: str, practice_id: str
) -> dict[str, Known]:
    """Return who of these is a patient already, with the course and the days treated.

    Of several courses under the protocol an active one comes first, then the newest; a
    treatment in any of them counts as already there.
    """
    patients = rows.patients(db, practice_id=practice_id, mrn_keys=mrn_keys)
    by_mrn = {p["mrn_key"]: Known(p, None, {}) for p in patients}
    of_patient = {p["id"]: by_mrn[p["mrn_key"]] for p in patients}
    of_course: dict[str, Known] = {}
    for course in rows.courses(db, practice_id=practice_id, patient_ids=of_patient):
        if course["protocol"] != protocol:
            continue
        whose = of_course[course["id"]] = of_patient[course["patient_id"]]
        if (
            whose.course is None
            or course["state"] == "active"
            or (whose.course["state"] != "active")
        ):
            whose.course = course
    for course_id, given_on, administered in rows.given(
        db, practice_id=practice_id, course_ids=of_course
    ):
        of_course[course_id].given[given_on] = administered
    return by_mrn


def _accept_or_skip(made: Plan, whose: Known, row: Row, columns: Columns) -> None:
    birth_date = whose.value("birth_date")
    if birth_date is not None and birth_date != row.birth_date:
        message = "The patient with this MRN has another birth date: correct one of the two."
        head = columns.head("birth_date")
        made.rejected.append(Remark(row.line, head, RemarkCode.BIRTH_DATE_DIFFERS, message))
        return
    if row.given_on in whose.given:
        made.skipped.append(row.line)
        if whose.given[row.given_on] != row.hundredths:
            message = "Skipped: a session of that day is recorded already, with other units."
            head = columns.head("units")
            made.warnings.append(Remark(row.line, head, RemarkCode.UNITS_DIFFER, message))
        return
    _compare(made, whose, row, columns)
    whose.given[row.given_on] = row.hundredths
    if whose.first is None:
        whose.first = row
    whose.taken.append(row)
    made.accepted.append(row)


_STAYS = "differs from the patient's record, which was not changed."
_COMPARED = (
    ("family_name", RemarkCode.NAME_DIFFERS, f"The last name {_STAYS}"),
    ("given_name", RemarkCode.NAME_DIFFERS, f"The first name {_STAYS}"),
    ("sex", RemarkCode.SEX_DIFFERS, f"The sex {_STAYS}"),
    ("phone", RemarkCode.PHONE_DIFFERS, f"The phone number {_STAYS}"),
    (
        "indication",
        RemarkCode.INDICATION_DIFFERS,
        "The diagnosis differs from the course's, which was not changed.",
    ),
)


def _compare(made: Plan, whose: Known, row: Row, columns: Columns) -> None:
    """Note where the row says something else than is known, once for each other value."""
    if whose.first is None and row.indication is None and whose.course is None:
        message = (
            "The diagnosis is empty: a new course is unspecified unless another row names one."
        )
        head = columns.head("indication") if "indication" in columns.of_field else None
        made.warnings.append(Remark(row.line, head, RemarkCode.INDICATION_MISSING, message))
    if whose.patient is None and whose.first is None:
        return
    for name, code, message in _COMPARED:
        said = getattr(row, name)
        if said is None:
            continue
        form = same_words(said)
        stands = _standing(whose, name)
        if stands is None:
            if whose.patient is None and whose.first:
                setattr(whose.first, name, said)  # a new patient's gaps are filled by later rows
            continue
        if form != same_words(stands) and (name, form) not in whose.told:
            whose.told.add((name, form))
            made.warnings.append(Remark(row.line, columns.head(name), code, message))


def _standing(whose: Known, name: str) -> str | None:
    if name == "indication":
        if whose.course is not None:
            return whose.course["indication"]
        return whose.first.indication if whose.first else None
    stands = whose.value(name)
    return str(stands) if stands else None
