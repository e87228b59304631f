"""All that a decision about one course rests on, read in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, FromClause, Select, and_, bindparam, select

from app.db.aggregate import day, instant, rows_of
from app.db.engine.prepared import Prepared
from app.db.models import (
    Closure,
    Course,
    Hold,
    Location,
    OutsideSession,
    Patient,
    Practice,
    Practitioner,
    Session,
)
from app.db.queries.table_rows import PRACTICE_ID, Record, table_of
from app.domain.dates import Interval
from app.domain.scheduling import schedule, worklist
from app.domain.scheduling.schedule import History, Plan, Treatment
from app.domain.scheduling.worklist import StateFacts

course, patient, practice = table_of(Course), table_of(Patient), table_of(Practice)
session, outside, hold = table_of(Session), table_of(OutsideSession), table_of(Hold)
closure, location, practitioner = table_of(Closure), table_of(Location), table_of(Practitioner)


# The id of no row: what an outer join compares with when nobody is looked up. With NULL a planner
# sees that the condition is never true, drops it, and with it the practice.
NO_ID = "00000000-0000-0000-0000-000000000000"


class SessionFact(NamedTuple):
    """What the rules need to know of one session of the course."""

    id: str
    status: str
    starts_at: datetime | None
    starts_on: date | None
    made_on: date | None
    given_on: date | None
    completeness: str | None
    continues: str | None
    location_id: str | None
    practitioner_id: str | None
    confirmed: bool
    ended_at: datetime | None
    ended_by: str | None


_SESSION = (
    session.c.id,
    session.c.status,
    session.c.starts_at,
    session.c.starts_on,
    session.c.made_on,
    session.c.given_on,
    session.c.completeness,
    session.c.continues_session_id,
    session.c.location_id,
    session.c.practitioner_id,
    session.c.confirmed_at,
    session.c.ended_at,
    session.c.ended_by,
)


def read_session(row: list[Any]) -> SessionFact:
    """Return a session fact from its JSON list."""
    id_, status, starts_at, starts_on, made_on, given_on, complete, continues, at, by = row[:10]
    return SessionFact(
        id_,
        status,
        instant(starts_at) if starts_at else None,
        day(starts_on),
        day(made_on),
        day(given_on),
        complete,
        continues,
        at,
        by,
        row[10] is not None,
        instant(row[11]) if row[11] else None,
        row[12],
    )


@dataclass(slots=True)
class CourseFacts:
    """A course, its history, and the settings it is judged by."""

    course: Record
    practice: Record
    patient: Record
    sessions: list[SessionFact]
    outside: list[Treatment]
    holds: list[schedule.Hold]
    closures: list[worklist.Closure]
    location_zone: str | None = None
    practitioner_known: bool = False
    interval: Interval = field(default=Interval(84, "day"))

    def plan(self) -> Plan:
        """Return the numbers that apply: the course's own before the practice's."""
        return plan_of(self.course, self.practice, self.interval)

    def history(self) -> History:
        """Return the history as the schedule engine wants it."""
        treatments = list(self.outside)
        bookings: list[schedule.Booking] = []
        endings: list[schedule.Ending] = []
        for s in self.sessions:
            if s.status == "given" and s.given_on:
                treatments.append(Treatment(s.given_on, s.id, "session", s.continues))
            elif s.status == "booked" and s.starts_on and s.starts_at:
                bookings.append(booking_of(s))
            elif s.status in ("cancelled", "no_show") and s.starts_on and s.ended_at:
                by_patient = s.status == "no_show" or s.ended_by == "patient"
                made_on = s.made_on or s.starts_on
                endings.append(schedule.Ending(s.id, s.starts_on, made_on, s.ended_at, by_patient))
        treatments.sort(key=lambda t: (t.on, t.id))
        return History(
            treatments,
            in_order(self.holds),
            worklist.bookings_in_order(bookings),
            endings,
            self.course["prior_cycles"],
            self.course["planned_start_on"],
            self.course["closed_on"],
        )


def booking_of(fact: SessionFact) -> schedule.Booking:
    """Return a booked session as the rules see it."""
    assert fact.starts_on  # noqa: S101 - a constraint of the table
    assert fact.starts_at  # noqa: S101 - likewise
    return schedule.Booking(
        fact.id,
        fact.starts_on,
        fact.starts_at,
        fact.made_on or fact.starts_on,
        fact.location_id,
        fact.practitioner_id,
        fact.confirmed,
    )


def plan_of(course: Record, practice: Record, interval: Interval) -> Plan:
    """Return the numbers for a course; `interval` is its protocol version's."""
    own, minimum = course["interval_days"], course["min_interval_days"]
    return Plan(
        Interval(own, "day") if own else interval,
        minimum or practice["min_interval_days"],
        practice["early_tolerance_days"],
        practice["lead_days"],
        practice["overdue_after_days"],
        practice["lapsed_after_days"],
        minimum is not None,
        own is not None,
    )


def state_facts(course: Record, history: History, dates: schedule.Dates) -> StateFacts:
    """Return what the course's standing is judged from."""
    return StateFacts(
        history.closed_on is not None,
        dates.anchor_on,
        dates.earliest_on,
        dates.due_on,
        history.holds,
        history.bookings,
        worklist.missed_since(dates.anchor_on, history.endings),
        course["location_id"],
        course["practitioner_id"],
    )


def _of_course(table: Any) -> Any:
    return and_(table.c.practice_id == PRACTICE_ID, table.c.course_id == course.c.id)


_COURSE = [c.label(f"c_{c.name}") for c in course.c]
_PRACTICE = [c.label(f"p_{c.name}") for c in practice.c]

HISTORY = (
    rows_of(session, *_SESSION, where=_of_course(session)).label("sessions"),
    rows_of(
        outside,
        outside.c.given_on,
        outside.c.id,
        where=and_(_of_course(outside), outside.c.voided_at.is_(None)),
    ).label("outside"),
    rows_of(
        hold, hold.c.id, hold.c.starts_on, hold.c.ends_on, hold.c.review_on, where=_of_course(hold)
    ).label("holds"),
)

_CLOSURES = rows_of(
    closure,
    closure.c.starts_on,
    closure.c.ends_on,
    closure.c.location_id,
    closure.c.practitioner_id,
    where=closure.c.practice_id == PRACTICE_ID,
).label("closures")


def statement(source: FromClause, location_id: Any, practitioner_id: Any) -> Select[Any]:
    """Return the statement whose rows `read` understands: facts of the courses in `source`.

    The two ids name the place and person to look up with them, `NO_ID` where there is none.
    """
    return (
        select(
            *_COURSE,
            *_PRACTICE,
            patient.c.birth_date,
            patient.c.deceased_on,
            location.c.time_zone.label("location_zone"),
            practitioner.c.id.label("practitioner"),
            *HISTORY,
            _CLOSURES,
        )
        .select_from(source)
        .join(practice, practice.c.id == PRACTICE_ID)
        .join(
            patient,
            and_(patient.c.practice_id == PRACTICE_ID, patient.c.id == course.c.patient_id),
        )
        .outerjoin(
            location,
            and_(location.c.practice_id == PRACTICE_ID, location.c.id == location_id),
        )
        .outerjoin(
            practitioner,
            and_(practitioner.c.practice_id == PRACTICE_ID, practitioner.c.id == practitioner_id),
        )
        .where(course.c.practice_id == PRACTICE_ID)
    )


_FACTS = statement(course, bindparam("location_id"), bindparam("practitioner_id"))
_BY_COURSE = Prepared(_FACTS.where(course.c.id == bindparam("id")))
_N_COURSE, _N_PRACTICE = len(_COURSE), len(_PRACTICE)
_COURSE_KEYS = [c.name for c in course.c]
_PRACTICE_KEYS = [c.name for c in practice.c]


def of_course(
    db: Connection,
    *,
    practice_id: str,
    course_id: str,
    location_id: str | None = None,
    practitioner_id: str | None = None,
) -> CourseFacts | None:
    """Return the facts of a course, and whether the named place and person exist."""
    values = {
        "practice_id": practice_id,
        "id": course_id,
        "location_id": location_id or NO_ID,
        "practitioner_id": practitioner_id or NO_ID,
    }
    rows = _BY_COURSE.rows(db, values)
    return read(rows[0]) if rows else None


def read(row: Any) -> CourseFacts:
    """Return the facts from a row of `statement`."""
    rest = row[_N_COURSE + _N_PRACTICE :]
    return CourseFacts(
        course=dict(zip(_COURSE_KEYS, row[:_N_COURSE], strict=True)),
        practice=dict(zip(_PRACTICE_KEYS, row[_N_COURSE : _N_COURSE + _N_PRACTICE], strict=True)),
        patient={"birth_date": rest[0], "deceased_on": rest[1]},
        location_zone=rest[2],
        practitioner_known=rest[3] is not None,
        sessions=[read_session(s) for s in rest[4] or ()],
        outside=[Treatment(day(o[0]) or date.min, o[1], "outside_session") for o in rest[5] or ()],
        holds=read_holds(rest[6]),
        closures=[read_closure(c) for c in rest[7] or ()],
    )


def read_holds(rows: list[Any] | None) -> list[schedule.Hold]:
    """Return holds from their JSON lists, in the order in which the rules meet them."""
    found = [
        schedule.Hold(id, day(since) or date.min, day(until), day(review_on))
        for id, since, until, review_on in rows or ()
    ]
    return in_order(found)


def in_order(holds: Sequence[schedule.Hold]) -> list[schedule.Hold]:
    """Return holds by their first day: of two that end together the same one is always named."""
    return sorted(holds, key=lambda hold: (hold.since, hold.id))


def read_closure(row: list[Any]) -> worklist.Closure:
    """Return a closure from its JSON list."""
    return worklist.Closure(day(row[0]) or date.min, day(row[1]) or date.max, row[2], row[3])


def after_course(
    db: Connection,
    *,
    practice_id: str,
    after: str | None,
    limit: int,
    waiting_below: int | None = None,
) -> list[CourseFacts]:
    """Return the facts of up to `limit` courses in order of id, from after the id `after`.

    `waiting_below` keeps only courses whose dates were computed under an older revision of the
    practice's settings.
    """
    wanted = _FACTS.order_by(course.c.id).limit(limit)
    if after:
        wanted = wanted.where(course.c.id > after)
    if waiting_below is not None:
        wanted = wanted.where(course.c.dates_revision < waiting_below)
    values = {"practice_id": practice_id, "location_id": NO_ID, "practitioner_id": NO_ID}
    return [read(row) for row in db.execute(wanted, values)]


def of_courses(db: Connection, *, practice_id: str, course_ids: Sequence[str]) -> list[CourseFacts]:
    """Return the facts of these courses; no more ids than one statement may carry."""
    values = {"practice_id": practice_id, "location_id": NO_ID, "practitioner_id": NO_ID}
    found = db.execute(_FACTS.where(course.c.id.in_(course_ids)), values)
    return [read(row) for row in found]
