"""The worklist: open courses by due date, with what their standing on a day is judged from.

The page is one statement whatever the number of patients: courses come from an index in order,
and bookings and holds are looked up for the rows of the page alone. Status and booking state
are conditions on stored dates here, so that filters and counts need no row in Python; a test
holds them equal to the ladder in `domain.worklist`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
)

from app.db.aggregate import rows_of
from app.db.models import Course, Hold, Patient, Session
from app.db.queries.records import table_of
from app.db.text import contains

course, patient = table_of(Course), table_of(Patient)
session, hold = table_of(Session), table_of(Hold)

Order = tuple[date, str]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The day asked about and the practice's numbers that turn due dates into statuses."""

    on: date
    lead_days: int
    overdue_after_days: int
    lapsed_after_days: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows the list; an empty filter lets every course through that is not closed."""

    statuses: tuple[str, ...] = ()
    bookings: tuple[str, ...] = ()
    due_from: date | None = None
    due_to: date | None = None
    location_id: str | None = None
    practitioner_id: str | None = None
    q: str | None = None


_ON = bindparam("on", type_=course.c.due_on.type)
_OF_COURSE = and_(
    session.c.practice_id == course.c.practice_id,
    session.c.course_id == course.c.id,
    session.c.status == "booked",
)
_HELD = (
    select(literal(1))
    .where(
        hold.c.practice_id == course.c.practice_id,
        hold.c.course_id == course.c.id,
        hold.c.starts_on <= _ON,
        or_(hold.c.ends_on.is_(None), hold.c.ends_on >= _ON),
    )
    .correlate(course)
    .exists()
)


def _booked(*conditions: Any) -> Any:
    return select(literal(1)).where(_OF_COURSE, *conditions).correlate(course).exists()


_BOOKED = _booked(session.c.starts_on >= _ON)
_PAST = _booked(session.c.starts_on < _ON)


def _first(column: Any) -> Any:
    """That column of the booking a row shows: the next one, else the oldest unresolved one."""
    return (
        select(column)
        .where(_OF_COURSE)
        .order_by(
            (session.c.starts_on < _ON), session.c.starts_on, session.c.starts_at, session.c.id
        )
        .limit(1)
        .correlate(course)
        .scalar_subquery()
    )


def status(at: Thresholds) -> ColumnElement[str]:
    """Return the ladder of `domain.worklist.status_on` as an expression."""
    return case(
        (course.c.state != "active", "closed"),
        (_HELD, "on_hold"),
        (course.c.anchor_on.is_(None), "not_started"),
        (course.c.due_on <= at.on - timedelta(at.lapsed_after_days), "lapsed"),
        (course.c.due_on <= at.on - timedelta(at.overdue_after_days), "overdue"),
        (course.c.due_on <= at.on, "due"),
        (course.c.due_on <= at.on + timedelta(at.lead_days), "due_soon"),
        else_="upcoming",
    )


def booking() -> ColumnElement[str]:
    """Return the booking state of `domain.worklist.standing` as an expression."""
    return case(
        (_BOOKED, "booked"),
        (_PAST, "unresolved"),
        (course.c.missed_session_id.is_not(None), "missed"),
        else_="unbooked",
    )


def _conditions(filters: Filters, at: Thresholds) -> list[Any]:
    found: list[Any] = []
    if not filters.statuses:
        found.append(course.c.state == "active")
    else:
        found.append(_statuses(filters.statuses, at))
    if filters.bookings:
        found.append(booking().in_(filters.bookings))
    if filters.due_from:
        found.append(course.c.due_on >= filters.due_from)
    if filters.due_to:
        found.append(course.c.due_on <= filters.due_to)
    if filters.location_id:
        found.append(
            func.coalesce(_first(session.c.location_id), course.c.location_id)
            == filters.location_id
        )
    if filters.practitioner_id:
        found.append(
            func.coalesce(_first(session.c.practitioner_id), course.c.practitioner_id)
            == filters.practitioner_id
        )
    for word in (filters.q or "").casefold().split():
        found.append(contains(patient.c.search_key, word))
    return found


def _statuses(wanted: Sequence[str], at: Thresholds) -> Any:
    """Each status as a range of the index where it is one, so that a page can be found in it."""
    last = {
        "lapsed": at.on - timedelta(at.lapsed_after_days),
        "overdue": at.on - timedelta(at.overdue_after_days),
        "due": at.on,
        "due_soon": at.on + timedelta(at.lead_days),
    }
    before = {"overdue": "lapsed", "due": "overdue", "due_soon": "due"}
    started = and_(course.c.state == "active", course.c.anchor_on.is_not(None), not_(_HELD))
    found: list[Any] = []
    for name in wanted:
        if name == "closed":
            found.append(course.c.state != "active")
        elif name == "on_hold":
            found.append(and_(course.c.state == "active", _HELD))
        elif name == "not_started":
            found.append(
                and_(course.c.state == "active", course.c.anchor_on.is_(None), not_(_HELD))
            )
        elif name == "upcoming":
            found.append(and_(started, course.c.sort_on > last["due_soon"]))
        else:
            limits = [course.c.sort_on <= last[name]]
            if name in before:
                limits.append(course.c.sort_on > last[before[name]])
            found.append(and_(started, *limits))
    return or_(*found)


_BOOKINGS = rows_of(
    session,
    session.c.id,
    session.c.starts_on,
    session.c.starts_at,
    session.c.location_id,
    session.c.practitioner_id,
    session.c.confirmed_at,
    where=_OF_COURSE,
).label("bookings")
_HOLDS = rows_of(
    hold,
    hold.c.id,
    hold.c.starts_on,
    hold.c.ends_on,
    hold.c.review_on,
    where=and_(
        hold.c.practice_id == course.c.practice_id,
        hold.c.course_id == course.c.id,
        or_(hold.c.ends_on.is_(None), hold.c.ends_on >= _ON),
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
        and_(patient.c.practice_id == course.c.practice_id, patient.c.id == course.c.patient_id),
    )
    .where(course.c.practice_id == bindparam("practice_id"))
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
        session.c.practice_id == course.c.practice_id,
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
    statement = _ROWS.where(*_conditions(filters, at))
    return statement.where(_AFTER) if continued else statement


# The unfiltered list, asked for most: its statement does not depend on the day.
_OPEN = _ROWS.where(course.c.state == "active")
_OPEN_AFTER = _OPEN.where(_AFTER)


def page(
    db: Connection,
    *,
    practice_id: str,
    filters: Filters,
    at: Thresholds,
    after: Order | None,
    limit: int,
    doses: bool = False,
) -> list[Any]:
    """Return up to `limit` rows in order of (due date, id), from after the one named."""
    values: dict[str, Any] = {"practice_id": practice_id, "on": at.on, "limit": limit}
    if after:
        values["after_on"], values["after_id"] = after
    if filters == Filters():
        statement = _OPEN_AFTER if after else _OPEN
    else:
        statement = _page(filters, at, after is not None)
    if doses:
        statement = statement.add_columns(_LAST_DOSE)
    return list(db.execute(statement, values))


def stream(
    db: Connection,
    *,
    practice_id: str,
    filters: Filters,
    at: Thresholds,
    piece: int = 500,
    doses: bool = False,
) -> Iterator[Any]:
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
            and_(
                patient.c.practice_id == course.c.practice_id,
                patient.c.id == course.c.patient_id,
            ),
        )
        .where(course.c.practice_id == practice_id, *_conditions(filters, at))
        .subquery()
    )
    rows = db.execute(
        select(inner.c.status, inner.c.booking, func.count()).group_by(
            inner.c.status, inner.c.booking
        ),
        {"on": at.on},
    )
    return {(found, booked): number for found, booked, number in rows}


def only_booked(filters: Filters) -> Filters | None:
    """Return the filters narrowed to courses with a booking ahead, None when that excludes all."""
    if filters.bookings and "booked" not in filters.bookings:
        return None
    return replace(filters, bookings=("booked",))
