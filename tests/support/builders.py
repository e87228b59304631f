"""Histories and plans in few words, for the tests of the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.domain.dates import Interval
from app.domain.scheduling.schedule import Booking, Ending, History, Hold, Limit, Plan, Treatment
from app.domain.scheduling.worklist import Closure, StateFacts

DAY = timedelta(1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def given(on: str, id: str | None = None, *, continues: str | None = None) -> Treatment:
    return Treatment(day(on), id or f"session-{on}", "session", continues)


def elsewhere(on: str) -> Treatment:
    return Treatment(day(on), f"outside-{on}", "outside_session")


def hold(since: str, until: str | None = None, review_on: str | None = None) -> Hold:
    return Hold(
        f"hold-{since}",
        day(since),
        day(until) if until else None,
        day(review_on) if review_on else None,
    )


def booked(
    on: str,
    *,
    made_on: str = "2026-01-05",
    location: str | None = None,
    practitioner: str | None = None,
    confirmed: bool = False,
) -> Booking:
    return Booking(
        f"booking-{on}", day(on), noon(day(on)), day(made_on), location, practitioner, confirmed
    )


def ended(slot_on: str, on: str | None = None, *, by_patient: bool = True) -> Ending:
    """A booking that came to nothing, ended on its own day unless told otherwise."""
    slot = day(slot_on)
    return Ending(
        f"ending-{slot_on}", slot, day("2026-01-05"), noon(day(on) if on else slot), by_patient
    )


def closed(
    since: str, until: str | None = None, *, location: str | None = None, by: str | None = None
) -> Closure:
    return Closure(day(since), day(until or since), location, by)


def in_order(*treatments: Treatment) -> list[Treatment]:
    return sorted(treatments, key=lambda t: (t.on, t.id))


def history(*treatments: Treatment, holds: tuple[Hold, ...] = (), **rest: Any) -> History:
    return History(in_order(*treatments), holds)._replace(**rest)


def plan(interval: Interval | None = None, **numbers: Any) -> Plan:
    """The numbers a new practice starts with: 84 days, due soon 14 before, overdue 7 after."""
    return Plan(interval or Interval(84, "day"))._replace(**numbers)


def facts(
    *bookings: Booking,
    due: str | None = "2026-03-30",
    anchor: str | None = "2026-01-05",
    holds: tuple[Hold, ...] = (),
    closed: bool = False,
    missed: str | None = None,
    location: str | None = None,
    practitioner: str | None = None,
) -> StateFacts:
    """A course given on 2026-01-05 and due on 2026-03-30, the earliest day too."""
    due_on = day(due) if due else None
    return StateFacts(
        closed,
        anchor is not None,
        due_on if anchor else None,
        due_on,
        holds,
        bookings,
        missed,
        location,
        practitioner,
    )


def not_before(on: str, rule: str = "payer_minimum") -> Limit:
    first = day(on)
    return Limit(rule, "payer_policy", "policy-1", lambda wanted: max(wanted, first))


def only_if(rule: str, allows: Callable[[date], bool], within: int = 400) -> Limit:
    """A limit that goes from day to day until one is allowed; none within so many days: never."""

    def first_day(wanted: date) -> date | None:
        days = (wanted + timedelta(n) for n in range(within))
        return next((each for each in days if allows(each)), None)

    return Limit(rule, "patient", "patient-1", first_day)
