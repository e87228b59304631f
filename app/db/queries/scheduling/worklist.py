"""The worklist: open courses by due date, with what their standing on a day is judged from.

The page is one statement whatever the number of patients: courses come from an index in order,
and bookings and holds are looked up for the rows of the page alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, tuple_

from app.db.aggregate import rows_of
from app.db.engine.prepared import Prepared
from app.db.queries.scheduling.worklist_filters import (
    OF_COURSE,
    ON,
    Filters,
    Thresholds,
    booking,
    conditions,
    course,
    hold,
    only_booked,
    patient,
    session,
    status,
)
from app.db.queries.table_rows import PRACTICE_ID

__all__ = ["Filters", "Order", "Stored", "Thresholds", "counts", "only_booked", "page", "stream"]

Order = tuple[date, str]


class Stored(NamedTuple):
    """A row of the list as it is stored: a course, its patient, what is booked and held.

    A named tuple, because the 25 columns of 50 rows are read one by one for every page, and
    a result row takes ten times as long to find a column by its name.
    """

    id: str
    sort_on: date
    patient_id: str
    protocol: str
    state: str
    cycle: int
    last_treated_on: date | None
    anchor_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_rule: str | None
    due_source_type: str | None
    due_source_id: str | None
    interval_days: int | None
    min_interval_days: int | None
    protocol_version: int
    missed_session_id: str | None
    location_id: str | None
    practitioner_id: str | None
    mrn: str
    family_name: str
    given_name: str
    birth_date: date
    phone: str | None
    bookings: list[list[Any]] | None
    holds: list[list[Any]] | None
    last_administered: int | None = None


_BOOKINGS = rows_of(
    session,
    session.c.id,
    session.c.starts_on,
    session.c.starts_at,
    session.c.location_id,
    session.c.practitioner_id,
    session.c.confirmed_at,
    where=OF_COURSE,
).label("bookings")
_HOLDS = rows_of(
    hold,
    hold.c.id,
    hold.c.starts_on,
    hold.c.ends_on,
    hold.c.review_on,
    where=and_(
        hold.c.practice_id == PRACTICE_ID,
        hold.c.course_id == course.c.id,
        or_(hold.c.ends_on.is_(None), hold.c.ends_on >= ON),
    ),
).label("holds")

_ROWS: Select[Any] = (
    select(
        course.c.id,
        course.c.sort_on,
        course.c.patient_id,
        course.c.protocol,
        course.c.state,
        course.c.cycle,
        course.c.last_treated_on,
        course.c.anchor_on,
        course.c.earliest_on,
        course.c.due_on,
        course.c.due_rule,
        course.c.due_source_type,
        course.c.due_source_id,
        course.c.interval_days,
        course.c.min_interval_days,
        course.c.protocol_version,
        course.c.missed_session_id,
        course.c.location_id,
        course.c.practitioner_id,
        patient.c.mrn,
        patient.c.family_name,
        patient.c.given_name,
        patient.c.birth_date,
        patient.c.phone,
        _BOOKINGS,
        _HOLDS,
    )
    .select_from(course)
    .join(
        patient,
        and_(patient.c.practice_id == PRACTICE_ID, patient.c.id == course.c.patient_id),
    )
    .where(course.c.practice_id == PRACTICE_ID)
    .order_by(course.c.sort_on, course.c.id)
    .limit(bindparam("limit"))
)
_AFTER = tuple_(course.c.sort_on, course.c.id) > tuple_(
    bindparam("after_on"),
    bindparam("after_id"),
    types=[course.c.sort_on.type, course.c.id.type],
)


_LAST_DOSE = (
    select(session.c.administered)
    .where(
        session.c.practice_id == PRACTICE_ID,
        session.c.course_id == course.c.id,
        session.c.status == "given",
    )
    .order_by(session.c.given_on.desc(), session.c.id.desc())
    .limit(1)
    .correlate(course)
    .scalar_subquery()
    .label("last_administered")
)


@lru_cache(maxsize=256)
def _page(filters: Filters, at: Thresholds, continued: bool) -> Select[Any]:
    statement = _ROWS.where(*conditions(filters, at))
    return statement.where(_AFTER) if continued else statement


# The unfiltered list, asked for most: its statement does not depend on the day.
_OPEN = _ROWS.where(course.c.state == "active")
_FIRST_PAGE, _LATER_PAGE = Prepared(_OPEN), Prepared(_OPEN.where(_AFTER))


def page(
    db: Connection,
    *,
    practice_id: str,
    filters: Filters,
    at: Thresholds,
    after: Order | None,
    limit: int,
    doses: bool = False,
) -> list[Stored]:
    """Return up to `limit` rows in order of (due date, id), from after the one named."""
    values: dict[str, Any] = {"practice_id": practice_id, "on": at.on, "limit": limit}
    if after:
        values["after_on"], values["after_id"] = after
    if filters == Filters() and not doses:
        unfiltered = _LATER_PAGE if after else _FIRST_PAGE
        return [Stored(*row) for row in unfiltered.rows(db, values)]
    statement = _page(filters, at, after is not None)
    if doses:
        statement = statement.add_columns(_LAST_DOSE)
    return [Stored(*row) for row in db.execute(statement, values)]


def stream(
    db: Connection,
    *,
    practice_id: str,
    filters: Filters,
    at: Thresholds,
    piece: int = 500,
    doses: bool = False,
) -> Iterator[Stored]:
    """Yield all rows in order, a page at a time: nothing of the size of the list is held.

    With `doses` each row has `last_administered`, the latest given total in hundredths.
    """
    after: Order | None = None
    while True:
        rows = page(
            db,
            practice_id=practice_id,
            filters=filters,
            at=at,
            after=after,
            limit=piece,
            doses=doses,
        )
        yield from rows
        if len(rows) < piece:
            return
        after = (rows[-1].sort_on, rows[-1].id)


def counts(
    db: Connection, *, practice_id: str, filters: Filters, at: Thresholds
) -> dict[tuple[str, str], int]:
    """Return how many courses have each (status, booking state)."""
    inner = (
        select(status(at).label("status"), booking().label("booking"))
        .select_from(course)
        .join(
            patient,
            and_(patient.c.practice_id == PRACTICE_ID, patient.c.id == course.c.patient_id),
        )
        .where(course.c.practice_id == PRACTICE_ID, *conditions(filters, at))
        .subquery()
    )
    rows = db.execute(
        select(inner.c.status, inner.c.booking, func.count()).group_by(
            inner.c.status, inner.c.booking
        ),
        {"practice_id": practice_id, "on": at.on},
    )
    return {(found, booked): number for found, booked, number in rows}
