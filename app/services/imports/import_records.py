"""The records that a planned import becomes, all of them in memory before the first is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from app.db.base import OfPractice
from app.db.engine.engine import Connection
from app.db.models import Course, Location, Patient, Practitioner, Session
from app.db.queries.imports import imports as rows
from app.db.queries.scheduling.facts import CourseFacts, fact_of
from app.db.queries.table_rows import new
from app.db.rows.audit import AuditEventRow
from app.db.rows.base import Fields, JsonObject, OwnRow, RowOfPractice, Values
from app.db.rows.patients import PatientRow, PatientValues
from app.db.rows.practice import (
    LocationRow,
    LocationValues,
    PracticeRow,
    PractitionerRow,
    PractitionerValues,
)
from app.db.rows.scheduling import CourseRow, CourseValues, SessionRow, SessionValues
from app.domain.access.access import Actor
from app.domain.charting import dosing
from app.domain.charting.protocol import Protocol
from app.domain.ids import new_id
from app.domain.imports.import_values import same_words
from app.domain.imports.importing import Row
from app.domain.scheduling.sessions import SessionStatus, stored
from app.services.audit import audit
from app.services.imports.import_plan import Known, Places, Plan
from app.services.patients.patients import keys_of
from app.services.scheduling import course_dates, treatments

UNSPECIFIED = "unspecified"


@dataclass(slots=True)
class Records:
    """What is to be saved, by kind; `rewritten` are (id, derived columns) of courses there are."""

    locations: list[LocationRow] = field(default_factory=list)
    practitioners: list[PractitionerRow] = field(default_factory=list)
    patients: list[PatientRow] = field(default_factory=list)
    courses: list[CourseRow] = field(default_factory=list)
    sessions: list[SessionRow] = field(default_factory=list)
    rewritten: list[tuple[str, CourseValues]] = field(default_factory=list)
    session_of_line: dict[int, str] = field(default_factory=dict)
    audit: list[AuditEventRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Made:
    """Makes one practice's records, each complete and with its audit row."""

    records: Records
    by: Actor
    now: datetime

    def record(self, model: type[OfPractice[OwnRow, Values]], values: Values) -> OwnRow:
        id = new_id(self.now)
        return new(model, values, practice_id=self.by.practice_id, id=id, now=self.now)

    def audited(
        self,
        record: RowOfPractice,
        values: Fields,
        *,
        kind: str,
        action: str = "create",
        patient_id: str | None = None,
    ) -> None:
        self.records.audit.append(
            audit.event(
                by=self.by,
                now=self.now,
                action=f"{kind}.{action}",
                kind=kind,
                id=record["id"],
                patient_id=patient_id,
                changes=audit.made(values),
            )
        )


def records_of(
    db: Connection,
    plan: Plan,
    places: Places,
    *,
    practice: PracticeRow,
    protocol: Protocol,
    by: Actor,
    now: datetime,
) -> Records:
    """Return the records that the rows taken become; `places` learns the new names."""
    made = _Made(Records(), by, now)
    _new_places(made, plan.accepted, places, practice["time_zone"])
    groups = [whose for whose in plan.known.values() if whose.taken]
    known = [whose.patient["id"] for whose in groups if whose.patient]
    courses_of: dict[str, dict[str, CourseFacts]] = {}
    for facts in rows.facts_of_patients(db, practice_id=by.practice_id, patient_ids=known):
        course_dates.load_protocols(db, facts, practice_id=by.practice_id)
        courses_of.setdefault(facts.course["patient_id"], {})[facts.course["id"]] = facts
    for whose in groups:
        courses = courses_of.get(whose.patient["id"], {}) if whose.patient else {}
        if whose.course:
            facts = courses[whose.course["id"]]
            _sessions(made, whose, facts, places)
            made.records.rewritten.append(_derived(facts))
        else:
            facts = _new_course(made, whose, practice, protocol, [*courses.values()])
            _sessions(made, whose, facts, places)
            derived = course_dates.columns(facts, course_dates.derive(facts))
            made.records.courses.append({**facts.course, **derived})
        made.records.rewritten += [_derived(o) for o in course_dates.followers(facts)]
    return made.records


def _derived(facts: CourseFacts) -> tuple[str, CourseValues]:
    return facts.course["id"], course_dates.columns(facts, course_dates.derive(facts))


def _new_places(made: _Made, taken: Sequence[Row], places: Places, time_zone: str) -> None:
    for row in taken:
        if row.location and (key := same_words(row.location)) not in places.location_ids:
            place = LocationValues(name=row.location, time_zone=time_zone, active=True)
            location = made.record(Location, place)
            made.audited(location, place, kind="location")
            made.records.locations.append(location)
            places.location_ids[key] = location["id"]
        if row.practitioner and (key := same_words(row.practitioner)) not in places.person_ids:
            who = PractitionerValues(name=row.practitioner, active=True)
            person = made.record(Practitioner, who)
            made.audited(person, who, kind="practitioner")
            made.records.practitioners.append(person)
            places.person_ids[key] = person["id"]


def _new_course(
    made: _Made,
    whose: Known,
    practice: PracticeRow,
    protocol: Protocol,
    others: Sequence[CourseFacts],
) -> CourseFacts:
    """Make the course, and the patient too when there is none, with the facts they rest on."""
    patient, first = whose.patient, whose.first
    assert first is not None  # noqa: S101 - groups without a row taken are left out
    if patient is None:
        values: PatientValues = {
            "mrn": first.mrn,
            "family_name": first.family_name,
            "given_name": first.given_name,
            "birth_date": first.birth_date,
            "sex": first.sex,
            "phone": first.phone,
        }
        keys = keys_of(first.mrn, first.family_name, first.given_name)
        patient = made.record(Patient, values | keys)
        made.audited(patient, values, kind="patient", patient_id=patient["id"])
        made.records.patients.append(patient)
    named = (row.indication for row in whose.taken if row.indication)
    opened: CourseValues = {
        "patient_id": patient["id"],
        "protocol": protocol.code,
        "protocol_version": protocol.version,
        "indication": next(named, UNSPECIFIED),
    }
    if patient["deceased_on"]:
        # Nothing is left open for a patient who has died.
        opened["state"] = "stopped"
        opened["closed_on"] = patient["deceased_on"]
        opened["close_reason"] = "deceased"
    course = made.record(Course, opened)
    made.audited(course, opened, kind="course", patient_id=patient["id"])
    facts = CourseFacts(
        course=course,
        practice=practice,
        birth_date=patient["birth_date"],
        deceased_on=patient["deceased_on"],
        sessions=[],
        outside=[],
        holds=[],
        closures=[],
        others=[*others],
        protocol=protocol,
    )
    for other in others:
        other.others.append(facts)
    return facts


def _sessions(made: _Made, whose: Known, facts: CourseFacts, places: Places) -> None:
    course, protocol = facts.course, facts.protocol
    assert protocol is not None  # noqa: S101 - loaded with the facts
    for row in whose.taken:
        circumstances = treatments.about_day(facts, row.given_on)
        values: SessionValues = {
            "course_id": course["id"],
            "status": SessionStatus.GIVEN,
            "given_on": row.given_on,
            "sort_at": treatments.sort_at(None, row.given_on),
            "completeness": dosing.Completeness.COMPLETE,
            "location_id": places.location_ids[same_words(row.location)] if row.location else None,
            "practitioner_id": (
                places.person_ids[same_words(row.practitioner)] if row.practitioner else None
            ),
            "product": protocol.product,
            "protocol": protocol.code,
            "protocol_version": protocol.version,
            "charting": dosing.Charting.TOTAL,
            "administered": row.hundredths,
            "findings": [*_total(protocol, row.hundredths), *circumstances],
        }
        session = made.record(Session, values)
        made.audited(
            session, values, kind="session", action="give", patient_id=course["patient_id"]
        )
        made.records.sessions.append(session)
        made.records.session_of_line[row.line] = session["id"]
        facts.sessions.append(fact_of(session))


@lru_cache(maxsize=1024)
def _total(protocol: Protocol, hundredths: int) -> tuple[JsonObject, ...]:
    chart = dosing.total(protocol, hundredths)
    return tuple(stored(chart.findings))
