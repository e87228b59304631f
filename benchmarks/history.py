"""Made-up patients with their courses, sessions and holds, as rows ready for a bulk load.

Every cell is text that both databases read alike, or None. The stored dates of a course are
what `services.scheduling.course_dates` would write; the benchmark checks a sample of them with
`db verify`'s code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from app.data import builtin_protocols
from app.domain.charting import dosing
from app.domain.dates import Interval
from app.domain.scheduling import schedule
from app.domain.scheduling.schedule import History, Hold, Plan, Schedule, Treatment
from app.domain.scheduling.sessions import stored
from benchmarks.practice import Practice

Cell = str | None
Row = tuple[Cell, ...]

SESSIONS = 6
_STAMPS = ("practice_id", "id", "created_at", "updated_at", "version")
COLUMNS = {
    "patient": (*_STAMPS, "mrn", "mrn_key", "family_name", "given_name", "family_key", "search_key",
                "birth_date", "sex", "phone", "active"),
    "course": (*_STAMPS, "patient_id", "protocol", "protocol_version", "indication",
               "planned_start_on", "prior_cycles", "state", "closed_on", "cycle", "last_treated_on",
               "anchor_on", "earliest_on", "due_on", "due_rule", "due_source_type", "due_source_id",
               "missed_session_id", "location_id", "practitioner_id", "sort_on", "dates_revision"),
    "session": (*_STAMPS, "course_id", "status", "sort_at", "starts_at", "starts_on", "made_on",
                "confirmed_at", "ended_at", "ended_by", "given_at", "given_on", "completeness",
                "location_id", "practitioner_id", "product", "protocol", "protocol_version",
                "charting", "injections", "administered", "findings"),
    "hold": (*_STAMPS, "course_id", "starts_on", "ends_on", "review_on", "reason"),
}  # fmt: skip

_FAMILIES = (
    "Acornhurst", "Bramblewick", "Candlebrook", "Dovetailor", "Emberlane", "Fernwhistle",
    "Gingerbrook", "Hazelnook", "Inkwellby", "Juniperson", "Kettlestone", "Lanternby",
)  # fmt: skip
_GIVENS = ("Arabeth", "Bromley", "Cordelise", "Dashiel", "Elowenna", "Finnigan", "Griselle")
_PREEMPT = builtin_protocols()[0]
# As the application's JSON column writes them.
_CHART = json.dumps(dosing.pack(dosing.as_protocol(_PREEMPT)))
_TOTAL = json.dumps(stored(dosing.total(_PREEMPT, 15500).findings))
_UNIX_DAYS = 719_163  # the ordinal of 1970-01-01
_UNDATED = "9999-12-31"
_PLAN = Plan(Interval(84, "day"))


@dataclass(slots=True)
class Piece:
    """Rows of some patients, by table, in an order that foreign keys accept."""

    patient: list[Row] = field(default_factory=list)
    course: list[Row] = field(default_factory=list)
    session: list[Row] = field(default_factory=list)
    hold: list[Row] = field(default_factory=list)


class Histories:
    """Patients of one practice, the same ones for the same number and day."""

    def __init__(self, practice: Practice, *, all_by_site: bool = False) -> None:
        self._practice = practice
        self._all_by_site = all_by_site
        self._today = practice.day.toordinal()
        self._random = random.Random(2016)
        self._iso = {
            n: date.fromordinal(n).isoformat()
            for n in range(self._today - 1500, self._today + 1500)
        }

    def pieces(self, patients: int, size: int) -> Iterator[Piece]:
        """Yield the rows of so many patients, `size` at a time."""
        for first in range(0, patients, size):
            piece = Piece()
            for number in range(first, min(first + size, patients)):
                self._patient(piece, number)
            yield piece

    def _id(self, day: int) -> str:
        """A UUIDv7 of that day."""
        ms = (day - _UNIX_DAYS) * 86_400_000 + self._random.getrandbits(24)
        tail = self._random.getrandbits(74)
        return (
            f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{tail >> 62:03x}-"
            f"{0x8000 | tail >> 48 & 0x3FFF:04x}-{tail & 0xFFFF_FFFF_FFFF:012x}"
        )

    def _stamps(self, id: str, day: int) -> Row:
        at = f"{self._iso[day]} 15:04:05.678901"
        return self._practice.practice_id, id, at, at, "1"

    def _patient(self, piece: Piece, number: int) -> None:
        chance, today = self._random.random, self._today
        spread = chance()
        if spread < 0.80:
            last = today - int(chance() * 98)
        elif spread < 0.92:
            last = today - 91 - int(chance() * 70)
        else:
            last = today - 168 - int(chance() * 230)
        days = [last]
        while len(days) < SESSIONS:
            days.insert(0, days[0] - 84 - int(chance() * 15))
        began = days[0] - 1
        patient_id = self._id(began)
        mrn, family = f"B{number:07d}", _FAMILIES[number % len(_FAMILIES)]
        given = f"{_GIVENS[number % len(_GIVENS)]} {number % 997}"
        born = f"{1950 + number % 55}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        search = f"{family} {given} {family} {mrn}".casefold()
        piece.patient.append(
            (*self._stamps(patient_id, began), mrn, mrn.casefold(), family, given,
             family.casefold(), search, born, "female", f"+1 555 {number % 10_000_000:07d}", "1")
        )  # fmt: skip
        self._course(piece, patient_id, days if chance() >= 0.02 else [], began, number)

    def _course(
        self, piece: Piece, patient_id: str, days: list[int], began: int, number: int
    ) -> None:
        chance, today, iso = self._random.random, self._today, self._iso
        course_id, place = self._id(began), self._practice.locations[number % 3]
        person, last_id = self._practice.practitioners[number % 5], None
        by_site = self._all_by_site or number % 10 == 0
        for day in days:
            last_id = self._given(piece, course_id, day, place, person, by_site)
        kind, hold = chance(), None
        closed = kind < 0.04
        if not closed and kind < 0.07 and days:
            hold = self._hold(piece, course_id, days[-1], open_ended=kind < 0.055)
        due = days[-1] + 84 if days else None
        missed = None
        if not closed and days:
            missed = self._plans(piece, course_id, days[-1], place, person)
        if hold and last_id:
            history = History([Treatment(date.fromordinal(days[-1]), last_id)], [hold])
            derived = _cells(schedule.compute(history, _PLAN))
        elif due:
            derived = (iso[days[-1]], iso[due], iso[due], "interval", "session", last_id)
        else:
            planned = iso[today + number % 61 - 30]
            derived = (None, None, planned, "planned_start", "course", None)
        piece.course.append(
            (*self._stamps(course_id, began), patient_id, "preempt", "1", "G43.709",
             None if days else derived[2], "0", "stopped" if closed else "active",
             iso[today] if closed else None, str(len(days) + 1), derived[0], *derived, missed,
             place if days else None, person if days else None, derived[2] or _UNDATED, "1")
        )  # fmt: skip

    def _given(
        self, piece: Piece, course_id: str, day: int, place: str, person: str, by_site: bool
    ) -> str:
        """A session by site was booked and given; one known by its total came from paper."""
        id, on = self._id(day), self._iso[day]
        if by_site:
            made = self._iso[day - 40]
            cells: Row = (
                f"{on} 14:20:00.000000", f"{on} 14:20:00.000000", on, made, None, None, None,
                f"{on} 14:31:00.000000", on, "complete", place, person, _PREEMPT.product,
                "preempt", "1", "by_site", _CHART, "15500", None,
            )  # fmt: skip
        else:
            cells = (
                f"{on} 12:00:00.000000", None, None, None, None, None, None, None, on, "complete",
                place, person, _PREEMPT.product, "preempt", "1", "total", None, "15500", _TOTAL,
            )  # fmt: skip
        piece.session.append((*self._stamps(id, day), course_id, "given", *cells))
        return id

    def _hold(self, piece: Piece, course_id: str, last: int, *, open_ended: bool) -> Hold:
        begins = last + 70
        ends = None if open_ended else begins + 30
        id, iso = self._id(min(begins, self._today)), self._iso
        review = iso[begins + 28] if open_ended else None
        cells = (iso[begins], iso[ends] if ends else None, review, "Pregnancy test pending")
        stamped = self._stamps(id, min(begins, self._today))
        piece.hold.append((*stamped, course_id, *cells))
        until = date.fromordinal(ends) if ends else None
        return Hold(id, date.fromordinal(begins), until)

    def _plans(
        self, piece: Piece, course_id: str, last: int, place: str, person: str
    ) -> str | None:
        """Book a third of the courses, leave some bookings behind; the missed one's id."""
        kind, due, today = self._random.random(), last + 84, self._today
        if kind < 0.33:
            on = max(due, today + 1) + int(kind * 40)
            sure = f"{self._iso[today]} 10:00:00.000000" if kind < 0.1 else None
            self._booking(piece, course_id, on, place, person, "booked", sure, None)
        elif kind < 0.37 and last < today - 12:
            on = today - 1 - int(kind * 20)
            self._booking(piece, course_id, on, place, person, "booked", None, None)
        elif kind < 0.40 and last < today - 2:
            ended = f"{self._iso[today - 1]} 10:00:00.000000"
            return self._booking(piece, course_id, today, place, person, "cancelled", None, ended)
        return None

    def _booking(
        self, piece: Piece, course_id: str, day: int, place: str, person: str,
        status: str, confirmed: Cell, ended: Cell,
    ) -> str:  # fmt: skip
        made = self._today - 13
        id, on = self._id(made), self._iso[day]
        starts = f"{on} 14:20:00.000000"
        nothing = (None,) * 3, (None,) * 7
        piece.session.append(
            (*self._stamps(id, made), course_id, status, starts, starts, on, self._iso[made],
             confirmed, ended, "patient" if ended else None, *nothing[0], place, person,
             *nothing[1])
        )  # fmt: skip
        return id


def _cells(dates: Schedule) -> Row:
    def iso(day: date | None) -> Cell:
        return day.isoformat() if day else None

    due = dates.due
    assert due
    return (
        iso(dates.anchor_on), iso(dates.earliest_on), iso(dates.due_on), due.rule,
        due.source_type, due.source_id,
    )  # fmt: skip
