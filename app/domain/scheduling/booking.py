"""Whether a day may be booked, as the practice wants its bookings guarded."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from app.domain.scheduling.schedule import Schedule


class EarlyBooking(StrEnum):
    """What the practice wants done about a booking before the earliest day."""

    WARN = "warn"
    REASON_REQUIRED = "reason_required"
    REFUSE = "refuse"


class Guard(StrEnum):
    """Why a day may not be booked."""

    NOT_BOOKING_MASTER = "not_booking_master"
    PATIENT_DECEASED = "patient_deceased"
    COURSE_CLOSED = "course_closed"
    TOO_EARLY = "too_early"


class Policy(NamedTuple):
    """The practice's settings about bookings; `by_ehr`: its EHR owns them."""

    by_ehr: bool
    early: EarlyBooking


class Allowed(NamedTuple):
    """The day may be booked."""


class Refused(NamedTuple):
    """The day may not be booked.

    Where it is too early, `rule` set the earliest day (None: there is none), and `override`
    says that a reason would help.
    """

    guard: Guard
    rule: str | None = None
    earliest_on: date | None = None
    override: bool = False


def may_book(
    day: date,
    schedule: Schedule,
    policy: Policy,
    *,
    from_ehr: bool,
    deceased: bool,
    closed: bool,
    reason: str | None,
) -> Allowed | Refused:
    """Return whether `day` may be booked; `reason` is why it may be although it is too early.

    The bookings of an EHR that owns them are its facts: shown with their flags, never refused.
    """
    if policy.by_ehr:
        return Allowed() if from_ehr else Refused(Guard.NOT_BOOKING_MASTER)
    if deceased:
        return Refused(Guard.PATIENT_DECEASED)
    if closed:
        return Refused(Guard.COURSE_CLOSED)
    if not schedule.steps or policy.early is EarlyBooking.WARN:
        return Allowed()
    earliest = schedule.earliest_on
    overridable = policy.early is EarlyBooking.REASON_REQUIRED
    if (earliest and day >= earliest) or (overridable and reason):
        return Allowed()
    return Refused(Guard.TOO_EARLY, schedule.steps[-1].rule, earliest, overridable)
