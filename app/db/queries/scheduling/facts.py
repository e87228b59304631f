"""All that a decision about one course rests on, read in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, FromClause, Select, and_, bindparam, select

from app.db import models
from app.db.aggregate import day, instant, rows_of
from app.db.engine.prepared import Prepared
from app.db.queries.table_rows import PRACTICE_ID, table_of
from app.db.rows.practice import PracticeRow
from app.db.rows.scheduling import CourseRow, SessionRow
from app.domain.charting.protocol import Protocol
from app.domain.scheduling.schedule import Hold, Treatment
from app.domain.scheduling.sessions import SessionStatus
from app.domain.scheduling.worklist import Closure

course, patient = table_of(models.Course), table_of(models.Patient)
practice, closure = table_of(models.Practice), table_of(models.Closure)
session, outside = table_of(models.Session), table_of(models.OutsideSession)
hold, location = table_of(models.Hold), table_of(models.Location)
practitioner = table_of(models.Practitioner)


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

    @property
    def treated_on(self) -> date | None:
        """The day of a treatment that counts."""
        return self.given_on if self.status == SessionStatus.GIVEN else None


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
    confirmed_at, ended_at, ended_by = row[10:]
    return SessionFact(
        id_,
        status,
        instant(starts_at) if starts_at else None,
        date.fromisoformat(starts_on) if starts_on else None,
        date.fromisoformat(made_on) if made_on else None,
        date.fromisoformat(given_on) if given_on else None,
        complete,
        continues,
        at,
        by,
        confirmed_at is not None,
        instant(ended_at) if ended_at else None,
        ended_by,
    )


def fact_of(session: SessionRow) -> SessionFact:
    """Return what the rules need to know of the session."""
    return SessionFact(
        session["id"],
        session["status"],
        session["starts_at"],
        session["starts_on"],
        session["made_on"],
        session["given_on"],
        session["completeness"],
        session["continues_session_id"],
        session["location_id"],
        session["practitioner_id"],
        session["confirmed_at"] is not None,
        session["ended_at"],
        session["ended_by"],
    )


@dataclass(slots=True)
class CourseFacts:
    """A course, its history, and the settings it is judged by.

    `others` are the patient's other courses: treatments belong to the patient. `protocol` is the
    pinned version, which services load.
    """

    course: CourseRow
    practice: PracticeRow
    birth_date: date
    deceased_on: date | None
    sessions: list[SessionFact]
    outside: list[Treatment]
    holds: list[Hold]
    closures: list[Closure]
    location_zone: str | None = None
    practitioner_known: bool = False
    others: list[CourseFacts] = field(default_factory=list)
    protocol: Protocol | None = None


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

    `source` holds every course of whoever it holds one of. The two ids name the place and person
    to look up with them, `NO_ID` where there is none.
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


# A course, and all courses of its patient.
asked = course.alias("asked")
OF_ITS_PATIENT = asked.join(
    course,
    and_(course.c.practice_id == PRACTICE_ID, course.c.patient_id == asked.c.patient_id),
)
_BY_COURSE = Prepared(
    statement(OF_ITS_PATIENT, bindparam("location_id"), bindparam("practitioner_id")).where(
        asked.c.practice_id == PRACTICE_ID, asked.c.id == bindparam("id")
    )
)
_FACTS = statement(course, bindparam("location_id"), bindparam("practitioner_id"))
_N_COURSE, _N_PRACTICE = len(_COURSE), len(_PRACTICE)
_COURSE_KEYS = [c.name for c in course.c]
_PRACTICE_KEYS = [c.name for c in practice.c]
_NOBODY = {"location_id": NO_ID, "practitioner_id": NO_ID}


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
    return own(_BY_COURSE.rows(db, values), course_id)


def own(rows: Sequence[Any], course_id: str) -> CourseFacts | None:
    """Return the facts of that course from the rows of one patient's courses."""
    found = [_read(row) for row in rows]
    if len(found) > 1:
        _together(found)
    return next((facts for facts in found if facts.course["id"] == course_id), None)


def _together(found: Sequence[CourseFacts]) -> None:
    """Let the courses of each patient know of one another."""
    of_patient: dict[str, list[CourseFacts]] = {}
    for facts in found:
        of_patient.setdefault(facts.course["patient_id"], []).append(facts)
    for facts in found:
        courses = of_patient[facts.course["patient_id"]]
        facts.others = [other for other in courses if other is not facts]


def _read(row: Any) -> CourseFacts:
    born, died, zone, person, sessions, outside, holds, closures = row[
        _N_COURSE + _N_PRACTICE : _N_COURSE + _N_PRACTICE + 8
    ]
    stored: Any = dict(zip(_COURSE_KEYS, row[:_N_COURSE], strict=True))
    settings: Any = dict(zip(_PRACTICE_KEYS, row[_N_COURSE : _N_COURSE + _N_PRACTICE], strict=True))
    return CourseFacts(
        course=stored,
        practice=settings,
        birth_date=born,
        deceased_on=died,
        location_zone=zone,
        practitioner_known=person is not None,
        sessions=[read_session(s) for s in sessions] if sessions else [],
        outside=[Treatment(date.fromisoformat(on), id, "outside_session") for on, id in outside]
        if outside
        else [],
        holds=read_holds(holds) if holds else [],
        closures=[read_closure(c) for c in closures] if closures else [],
    )


def read_holds(rows: Sequence[Any]) -> list[Hold]:
    """Return holds from their JSON lists."""
    return [
        Hold(id, day(since) or date.min, day(until), day(review_on))
        for id, since, until, review_on in rows
    ]


def read_closure(row: list[Any]) -> Closure:
    """Return a closure from its JSON list."""
    return Closure(day(row[0]) or date.min, day(row[1]) or date.max, row[2], row[3])


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
    wanted = select(asked.c.id).where(asked.c.practice_id == PRACTICE_ID).order_by(asked.c.id)
    if after:
        wanted = wanted.where(asked.c.id > after)
    if waiting_below is not None:
        wanted = wanted.where(asked.c.dates_revision < waiting_below)
    ids = list(db.scalars(wanted.limit(limit), {"practice_id": practice_id}))
    return of_courses(db, practice_id=practice_id, course_ids=ids) if ids else []


def of_courses(db: Connection, *, practice_id: str, course_ids: Sequence[str]) -> list[CourseFacts]:
    """Return the facts of these courses in order of id; no more than one statement may carry."""
    patients = select(asked.c.patient_id).where(
        asked.c.practice_id == PRACTICE_ID, asked.c.id.in_(course_ids)
    )
    named = set(course_ids)
    found = _of_patients(db, practice_id, patients)
    return [facts for facts in found if facts.course["id"] in named]


def of_patients(
    db: Connection, *, practice_id: str, patient_ids: Sequence[str]
) -> list[CourseFacts]:
    """Return the facts of all courses of these patients; no more than one statement may carry."""
    return _of_patients(db, practice_id, patient_ids)


def _of_patients(db: Connection, practice_id: str, patients: Any) -> list[CourseFacts]:
    wanted = _FACTS.where(course.c.patient_id.in_(patients)).order_by(course.c.id)
    found = [_read(row) for row in db.execute(wanted, {"practice_id": practice_id, **_NOBODY})]
    _together(found)
    return found
