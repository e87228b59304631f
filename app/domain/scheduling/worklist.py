"""Where a course stands on a given day: its status, its booking, its flags, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from app.domain.scheduling.schedule import Booking, Ending, Hold, Plan


class CourseStatus(StrEnum):
    """The ladder: the first one that applies on a day is the course's status."""

    CLOSED = "closed"
    ON_HOLD = "on_hold"
    NOT_STARTED = "not_started"
    LAPSED = "lapsed"
    OVERDUE = "overdue"
    DUE = "due"
    DUE_SOON = "due_soon"
    UPCOMING = "upcoming"


class BookingState(StrEnum):
    """Whether the next session has its appointment."""

    BOOKED = "booked"
    UNRESOLVED = "unresolved"
    MISSED = "missed"
    UNBOOKED = "unbooked"


class Flag(StrEnum):
    """What to know about a course on a day."""

    BOOKED_EARLY = "booked_early"
    BOOKED_LATE = "booked_late"
    BOOKING_ON_CLOSURE = "booking_on_closure"


class ActionCode(StrEnum):
    """What someone has to do; of two on one day, the one that stands first here comes first."""

    CLOSE_BOOKING = "close_booking"
    REVIEW_HOLD = "review_hold"
    CONFIRM = "confirm"
    BOOK = "book"


STATUSES = tuple(status.value for status in CourseStatus)
BOOKINGS = tuple(state.value for state in BookingState)
FLAGS = tuple(flag.value for flag in Flag)
ACTIONS = tuple(code.value for code in ActionCode)

# Patients are asked to confirm this many days ahead; house default, no clinical source.
CONFIRM_DAYS_BEFORE = 3
# How far `suggested_on` looks for an open day before it says that there is none.
SEARCH_DAYS = 366


class Closure(NamedTuple):
    """Closed days of a place, a person, both together, or (neither named) the whole practice."""

    since: date
    until: date
    location_id: str | None = None
    practitioner_id: str | None = None

    def covers(self, day: date, location_id: str | None, practitioner_id: str | None) -> bool:
        return (
            self.since <= day <= self.until
            and (self.location_id is None or self.location_id == location_id)
            and (self.practitioner_id is None or self.practitioner_id == practitioner_id)
        )


class StateFacts(NamedTuple):
    """What a course's state on any day is judged from; `bookings` by date and start.

    `started`: it has a treatment of its own.
    """

    closed: bool
    started: bool
    earliest_on: date | None
    due_on: date | None
    holds: Sequence[Hold] = ()
    bookings: Sequence[Booking] = ()
    missed_session_id: str | None = None
    location_id: str | None = None
    practitioner_id: str | None = None


class Action(NamedTuple):
    """What someone has to do and by when; `act_by` null where nothing sets a day."""

    code: ActionCode
    act_by: date | None
    source_type: str
    source_id: str | None


class CourseState(NamedTuple):
    """The answer for one course on one day."""

    status: CourseStatus
    days_overdue: int
    overdue_from: date | None
    booking: BookingState
    booked: Booking | None
    flags: list[Flag]
    actions: list[Action]
    location_id: str | None
    practitioner_id: str | None
    suggested_on: date | None


def status_on(
    day: date,
    *,
    closed: bool,
    started: bool,
    due_on: date | None,
    holds: Iterable[Hold],
    plan: Plan,
) -> CourseStatus:
    """Return the course's status on `day`: the first line of the ladder that applies."""
    if closed:
        return CourseStatus.CLOSED
    if any(hold.covers(day) for hold in holds):
        return CourseStatus.ON_HOLD
    if not started or due_on is None:
        return CourseStatus.NOT_STARTED
    if day >= due_on + timedelta(plan.lapsed_after_days):
        return CourseStatus.LAPSED
    if day >= due_on + timedelta(plan.overdue_after_days):
        return CourseStatus.OVERDUE
    if day >= due_on:
        return CourseStatus.DUE
    if day >= due_on - timedelta(plan.lead_days):
        return CourseStatus.DUE_SOON
    return CourseStatus.UPCOMING


def missed_since(anchor_on: date | None, endings: Iterable[Ending]) -> str | None:
    """Return the id of the missed booking when the latest ending since the anchor is one.

    What was booked for the anchor's own day or before, or ended before it (a later slot given
    up for an earlier one), belongs to the cycle that was given.
    """
    since = [
        e
        for e in endings
        if anchor_on is None or (e.slot_on > anchor_on and e.ended_at.date() >= anchor_on)
    ]
    latest = max(since, key=lambda e: (e.ended_at, e.id), default=None)
    return latest.id if latest and latest.by_patient else None


def suggested_on(
    due_on: date | None,
    closures: Sequence[Closure],
    location_id: str | None,
    practitioner_id: str | None,
) -> date | None:
    """Return the first open day on or after the due date; None when a whole year is closed."""
    if due_on is None or not closures:
        return due_on
    for ahead in range(SEARCH_DAYS):
        day = due_on + timedelta(ahead)
        if not any(c.covers(day, location_id, practitioner_id) for c in closures):
            return day
    return None


def state_on(
    day: date, facts: StateFacts, plan: Plan, closures: Sequence[Closure] = ()
) -> CourseState:
    """Return where the course stands on `day`."""
    status = status_on(
        day,
        closed=facts.closed,
        started=facts.started,
        due_on=facts.due_on,
        holds=facts.holds,
        plan=plan,
    )
    booked = next((b for b in facts.bookings if b.on >= day), None)
    if booked:
        booking = BookingState.BOOKED
    elif facts.bookings:
        booking = BookingState.UNRESOLVED
    elif facts.missed_session_id:
        booking = BookingState.MISSED
    else:
        booking = BookingState.UNBOOKED
    shown = booked or (facts.bookings[0] if facts.bookings else None)
    location_id = shown.location_id if shown and shown.location_id else facts.location_id
    practitioner_id = (
        shown.practitioner_id if shown and shown.practitioner_id else facts.practitioner_id
    )
    overdue_from: date | None = None
    if facts.started and facts.due_on:
        overdue_from = facts.due_on + timedelta(plan.overdue_after_days)
    late = status in (CourseStatus.OVERDUE, CourseStatus.LAPSED) and facts.due_on is not None
    return CourseState(
        status=status,
        days_overdue=(day - facts.due_on).days if late and facts.due_on else 0,
        overdue_from=overdue_from,
        booking=booking,
        booked=shown,
        flags=_flags(booked, facts, overdue_from, closures) if booked else [],
        actions=_actions(day, status, booking, facts, plan),
        location_id=location_id,
        practitioner_id=practitioner_id,
        suggested_on=suggested_on(facts.due_on, closures, location_id, practitioner_id),
    )


def _flags(
    booked: Booking, facts: StateFacts, overdue_from: date | None, closures: Sequence[Closure]
) -> list[Flag]:
    flags = []
    if facts.earliest_on and booked.on < facts.earliest_on:
        flags.append(Flag.BOOKED_EARLY)
    if overdue_from and booked.on >= overdue_from:
        flags.append(Flag.BOOKED_LATE)
    if any(c.covers(booked.on, booked.location_id, booked.practitioner_id) for c in closures):
        flags.append(Flag.BOOKING_ON_CLOSURE)
    return flags


def _actions(
    day: date, status: CourseStatus, booking: BookingState, facts: StateFacts, plan: Plan
) -> list[Action]:
    if status is CourseStatus.CLOSED:
        return []
    actions = []
    for booked in facts.bookings:
        if booked.on < day:
            actions.append(Action(ActionCode.CLOSE_BOOKING, booked.on, "session", booked.id))
        elif not booked.confirmed:
            confirm_by = booked.on - timedelta(CONFIRM_DAYS_BEFORE)
            actions.append(Action(ActionCode.CONFIRM, confirm_by, "session", booked.id))
    for hold in facts.holds:
        if hold.review_on and hold.covers(day):
            actions.append(Action(ActionCode.REVIEW_HOLD, hold.review_on, "hold", hold.id))
    free = booking in (BookingState.UNBOOKED, BookingState.MISSED)
    if free and status is not CourseStatus.ON_HOLD:
        by = facts.due_on - timedelta(plan.lead_days) if facts.due_on else None
        actions.append(Action(ActionCode.BOOK, by, "course", None))
    if len(actions) > 1:
        actions.sort(key=_urgency)
    return actions


def _urgency(action: Action) -> tuple[date, int]:
    return action.act_by or date.max, ACTIONS.index(action.code)


def bookings_in_order(bookings: Iterable[Booking]) -> list[Booking]:
    """Return them as `StateFacts` wants them: by date, then start, then id."""
    return sorted(bookings, key=attrgetter("on", "starts_at", "id"))
