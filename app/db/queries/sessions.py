"""Sessions of a course, and of a practice by day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_

from app.db.models import Course, Patient, Session
from app.db.queries.records import Record, table_of

_table, _course, _patient = table_of(Session), table_of(Course), table_of(Patient)

_LAST_CHART = (
    select(_table.c.injections, _table.c.protocol, _table.c.protocol_version)
    .where(
        _table.c.practice_id == bindparam("practice_id"),
        _table.c.course_id == bindparam("course_id"),
        _table.c.status == "given",
        _table.c.charting == "by_site",
    )
    .order_by(_table.c.given_on.desc(), _table.c.id.desc())
    .limit(1)
)


def last_chart(
    db: Connection, *, practice_id: str, course_id: str, other_than: str | None
) -> Record | None:
    """Return the latest chart by site of the course, leaving out one session."""
    statement = _LAST_CHART
    if other_than:
        statement = statement.where(_table.c.id != other_than)
    row = db.execute(statement, {"practice_id": practice_id, "course_id": course_id}).mappings()
    found = row.first()
    return dict(found) if found else None


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
) -> list[Record]:
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
        .join(
            _course,
            (_course.c.practice_id == _table.c.practice_id) & (_course.c.id == _table.c.course_id),
        )
        .join(
            _patient,
            (_patient.c.practice_id == _course.c.practice_id)
            & (_patient.c.id == _course.c.patient_id),
        )
        .where(_table.c.practice_id == practice_id)
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
        statement.where(*conditions).order_by(_table.c.sort_at, _table.c.id).limit(limit)
    )
    return [dict(row) for row in rows.mappings()]


def booked_from(
    db: Connection, *, practice_id: str, course_ids: list[str], since: date
) -> list[Record]:
    """Return the bookings of these courses on or after a day."""
    rows = db.execute(
        select(_table).where(
            _table.c.practice_id == practice_id,
            _table.c.course_id.in_(course_ids),
            _table.c.status == "booked",
            _table.c.starts_on >= since,
        )
    )
    return [dict(row) for row in rows.mappings()]
