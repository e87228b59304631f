"""Sessions of a course, and of a practice by day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, select, tuple_

from app.db.aggregate import rows_of
from app.db.models import Course, Identifier, Patient, Session
from app.db.queries.scheduling import facts
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.table_rows import PRACTICE_ID, table_of
from app.db.rows.scheduling import SessionRow
from app.domain.charting.dosing import Charting

_table, _course, _patient = table_of(Session), table_of(Course), table_of(Patient)
_identifier = table_of(Identifier)


class Found(NamedTuple):
    """A session, the facts of its course, and other systems' identifiers of it."""

    session: SessionRow
    facts: CourseFacts
    identifiers: list[dict[str, str]]


# The course's own sessions are read from the same table, so the one asked for needs a name.
_own = _table.alias("own")
_place = bindparam("location_id", type_=_table.c.location_id.type)
_person = bindparam("practitioner_id", type_=_table.c.practitioner_id.type)
_SESSION = [c.label(f"s_{c.name}") for c in _own.c]
_ONE = (
    facts.statement(
        facts.OF_ITS_PATIENT.join(
            _own,
            and_(_own.c.practice_id == PRACTICE_ID, _own.c.course_id == facts.asked.c.id),
        ),
        func.coalesce(_place, _own.c.location_id),
        func.coalesce(_person, _own.c.practitioner_id),
    )
    .add_columns(
        *_SESSION,
        rows_of(
            _identifier,
            _identifier.c.system,
            _identifier.c.value,
            where=and_(
                _identifier.c.practice_id == PRACTICE_ID,
                _identifier.c.kind == "session",
                _identifier.c.resource_id == _own.c.id,
            ),
        ).label("identifiers"),
    )
    .where(facts.asked.c.practice_id == PRACTICE_ID, _own.c.id == bindparam("id"))
)
_KEYS = [c.name for c in _table.c]


def one(
    db: Connection,
    *,
    practice_id: str,
    id: str,
    location_id: str | None = None,
    practitioner_id: str | None = None,
) -> Found | None:
    """Return a session with all that decisions about it rest on, in one statement.

    The named place and person are looked up with it; without names, the session's own.
    """
    values = {
        "practice_id": practice_id,
        "id": id,
        "location_id": location_id,
        "practitioner_id": practitioner_id,
    }
    rows = db.execute(_ONE, values).all()
    if not rows:
        return None
    *stored, identified = rows[0][-len(_KEYS) - 1 :]
    session: Any = dict(zip(_KEYS, stored, strict=True))
    course = facts.own(rows, session["course_id"])
    assert course is not None  # noqa: S101 - joined by that id
    named = sorted((system, value) for system, value in identified or ())
    return Found(session, course, [{"system": s, "value": v} for s, v in named])


_LAST_CHART = (
    select(_table.c.injections, _table.c.protocol, _table.c.protocol_version)
    .where(
        _table.c.practice_id == PRACTICE_ID,
        _table.c.course_id == bindparam("course_id"),
        _table.c.status == "given",
        _table.c.charting == Charting.BY_SITE,
    )
    .order_by(_table.c.given_on.desc(), _table.c.id.desc())
    .limit(1)
)


class LastChart(NamedTuple):
    """A chart by site as it is stored, and the protocol version it was made under."""

    injections: list[list[int]]
    protocol: str
    protocol_version: int


def last_chart(
    db: Connection, *, practice_id: str, course_id: str, other_than: str | None
) -> LastChart | None:
    """Return the latest chart by site of the course, leaving out one session."""
    statement = _LAST_CHART
    if other_than:
        statement = statement.where(_table.c.id != other_than)
    row = db.execute(statement, {"practice_id": practice_id, "course_id": course_id}).first()
    return LastChart(*row) if row else None


class SessionOfPatient(NamedTuple):
    """A session, and the patient it is for."""

    session: SessionRow
    patient_id: str
    mrn: str
    family_name: str
    given_name: str
    birth_date: date


def page(
    db: Connection,
    *,
    practice_id: str,
    course_id: str | None = None,
    statuses: tuple[str, ...] = (),
    given: tuple[date | None, date | None] = (None, None),
    starts: tuple[date | None, date | None] = (None, None),
    location_id: str | None = None,
    practitioner_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> list[SessionOfPatient]:
    """Return sessions in the order of the day, each with the patient it is for.

    Ranges of days are inclusive; `after` is the (sort instant, id) of the last one seen.
    """
    statement = (
        select(
            _table,
            _course.c.patient_id,
            _patient.c.mrn,
            _patient.c.family_name,
            _patient.c.given_name,
            _patient.c.birth_date,
        )
        .select_from(_table)
        .join(
            _course,
            (_course.c.practice_id == PRACTICE_ID) & (_course.c.id == _table.c.course_id),
        )
        .join(
            _patient,
            (_patient.c.practice_id == PRACTICE_ID) & (_patient.c.id == _course.c.patient_id),
        )
        .where(_table.c.practice_id == PRACTICE_ID)
    )
    conditions: list[Any] = []
    if course_id:
        conditions.append(_table.c.course_id == course_id)
    if statuses:
        conditions.append(_table.c.status.in_(statuses))
    for column, (first, last) in ((_table.c.given_on, given), (_table.c.starts_on, starts)):
        if first:
            conditions.append(column >= first)
        if last:
            conditions.append(column <= last)
    if location_id:
        conditions.append(_table.c.location_id == location_id)
    if practitioner_id:
        conditions.append(_table.c.practitioner_id == practitioner_id)
    if after:
        here = tuple_(_table.c.sort_at, _table.c.id)
        conditions.append(here > tuple_(*after, types=[_table.c.sort_at.type, _table.c.id.type]))
    rows = db.execute(
        statement.where(*conditions).order_by(_table.c.sort_at, _table.c.id).limit(limit),
        {"practice_id": practice_id},
    )
    return [_with_patient(row) for row in rows]


def _with_patient(row: Any) -> SessionOfPatient:
    session: Any = dict(zip(_KEYS, row[: len(_KEYS)], strict=True))
    return SessionOfPatient(session, *row[len(_KEYS) :])
