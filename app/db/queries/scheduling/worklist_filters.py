"""What narrows the worklist, as conditions on stored dates: statuses, booking states, people.

Filters and counts need no row in Python this way; a test holds these expressions equal to the
ladder in `domain.scheduling.worklist`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal, not_, or_, select

from app.db.models import Course, Hold, Patient, Session
from app.db.queries.table_rows import PRACTICE_ID, table_of
from app.db.text import contains

course, patient = table_of(Course), table_of(Patient)
session, hold = table_of(Session), table_of(Hold)


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


ON = bindparam("on", type_=course.c.due_on.type)
OF_COURSE = and_(
    session.c.practice_id == PRACTICE_ID,
    session.c.course_id == course.c.id,
    session.c.status == "booked",
)
_HELD = (
    select(literal(1))
    .where(
        hold.c.practice_id == PRACTICE_ID,
        hold.c.course_id == course.c.id,
        hold.c.starts_on <= ON,
        or_(hold.c.ends_on.is_(None), hold.c.ends_on >= ON),
    )
    .correlate(course)
    .exists()
)


def _booked(*conditions: Any) -> Any:
    return select(literal(1)).where(OF_COURSE, *conditions).correlate(course).exists()


_BOOKED = _booked(session.c.starts_on >= ON)
_PAST = _booked(session.c.starts_on < ON)


def _first(column: Any) -> Any:
    """That column of the booking a row shows: the next one, else the oldest unresolved one."""
    return (
        select(column)
        .where(OF_COURSE)
        .order_by(
            (session.c.starts_on < ON), session.c.starts_on, session.c.starts_at, session.c.id
        )
        .limit(1)
        .correlate(course)
        .scalar_subquery()
    )


def status(at: Thresholds) -> ColumnElement[str]:
    """Return the ladder of `domain.scheduling.worklist.status_on` as an expression."""
    return case(
        (course.c.state != "active", "closed"),
        (_HELD, "on_hold"),
        (course.c.last_treated_on.is_(None), "not_started"),
        (course.c.due_on <= at.on - timedelta(at.lapsed_after_days), "lapsed"),
        (course.c.due_on <= at.on - timedelta(at.overdue_after_days), "overdue"),
        (course.c.due_on <= at.on, "due"),
        (course.c.due_on <= at.on + timedelta(at.lead_days), "due_soon"),
        else_="upcoming",
    )


def booking() -> ColumnElement[str]:
    """Return the booking state of `domain.scheduling.worklist.standing` as an expression."""
    return case(
        (_BOOKED, "booked"),
        (_PAST, "unresolved"),
        (course.c.missed_session_id.is_not(None), "missed"),
        else_="unbooked",
    )


def conditions(filters: Filters, at: Thresholds) -> list[Any]:
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
    started = and_(course.c.state == "active", course.c.last_treated_on.is_not(None), not_(_HELD))
    found: list[Any] = []
    for name in wanted:
        if name == "closed":
            found.append(course.c.state != "active")
        elif name == "on_hold":
            found.append(and_(course.c.state == "active", _HELD))
        elif name == "not_started":
            found.append(
                and_(course.c.state == "active", course.c.last_treated_on.is_(None), not_(_HELD))
            )
        elif name == "upcoming":
            found.append(and_(started, course.c.sort_on > last["due_soon"]))
        else:
            limits = [course.c.sort_on <= last[name]]
            if name in before:
                limits.append(course.c.sort_on > last[before[name]])
            found.append(and_(started, *limits))
    return or_(*found)


def only_booked(filters: Filters) -> Filters | None:
    """Return the filters narrowed to courses with a booking ahead, None when that excludes all."""
    if filters.bookings and "booked" not in filters.bookings:
        return None
    return replace(filters, bookings=("booked",))
