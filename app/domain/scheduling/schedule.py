"""When the next session of a course is due, and why: the dates of one course from its history.

Nothing here depends on today. The 84 days of the PREEMPT cycle come in as the protocol's
interval (SmPC: every 12 weeks); the practice's minimum keeps payers' "not before day 84".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from app.domain.dates import LAST_DAY, Interval

Day = date  # `Reason` has a field named `date`


class Treatment(NamedTuple):
    """One treatment that was given, here (`session`) or elsewhere (`outside_session`)."""

    on: date
    id: str
    source: Literal["session", "outside_session"] = "session"
    continues: str | None = None


class Hold(NamedTuple):
    """Days on which nothing is to be given; `until` is inclusive, None while open-ended."""

    id: str
    since: date
    until: date | None
    review_on: date | None = None

    def covers(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


class Booking(NamedTuple):
    """An appointment without an outcome; `on` is its date at its location."""

    id: str
    on: date
    starts_at: datetime
    made_on: date
    location_id: str | None = None
    practitioner_id: str | None = None
    confirmed: bool = False


class Ending(NamedTuple):
    """A booking that came to nothing: missed, or cancelled by the patient or the clinic."""

    id: str
    slot_on: date
    made_on: date
    ended_at: datetime
    by_patient: bool


class Limit(NamedTuple):
    """One more reason for which a day may not be treated on (payer's minimum, dose room).

    `first_day` gives the first day at or after a candidate that it allows, None for none.
    """

    rule: str
    source_type: str
    source_id: str | None
    first_day: Callable[[date], date | None]


class Plan(NamedTuple):
    """The numbers that apply to one course: practice settings, overridden by its own."""

    interval: Interval
    min_interval_days: int = 84
    early_tolerance_days: int = 0
    lead_days: int = 14
    overdue_after_days: int = 7
    lapsed_after_days: int = 84
    min_from_course: bool = False
    interval_from_course: bool = False


class History(NamedTuple):
    """What happened in one course; `treatments` in order of (on, id)."""

    treatments: Sequence[Treatment] = ()
    holds: Sequence[Hold] = ()
    bookings: Sequence[Booking] = ()
    endings: Sequence[Ending] = ()
    prior_cycles: int = 0
    planned_start_on: date | None = None
    closed_on: date | None = None

    def as_of(self, day: date) -> History:
        """Return the record without what was given, held, stopped or booked after that day."""
        return self._replace(
            treatments=[t for t in self.treatments if t.on <= day],
            holds=[h for h in self.holds if h.since <= day],
            bookings=[b for b in self.bookings if b.made_on <= day],
            endings=[e for e in self.endings if e.made_on <= day],
            closed_on=self.closed_on if self.closed_on and self.closed_on <= day else None,
        )


class Reason(NamedTuple):
    """Why one of the dates is what it is; `decisive` marks the reason that set it."""

    date: str
    rule: str
    on: Day | None
    decisive: bool
    source_type: str
    source_id: str | None


class Dates(NamedTuple):
    """The dates of a course, null where they cannot be said yet, and what set `due_on`."""

    anchor_on: date | None
    clinical_due_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_soon_from: date | None
    overdue_from: date | None
    lapsed_from: date | None
    due_rule: str | None
    due_source_type: str | None
    due_source_id: str | None


class Push(NamedTuple):
    """A step in the search for the earliest day: this rule moved it to `on` (None: to never)."""

    rule: str
    on: date | None
    source_type: str
    source_id: str | None


def thresholds(due_on: date | None, plan: Plan) -> tuple[date | None, date | None, date | None]:
    """Return the first days of "due soon", "overdue" and "lapsed" around a due date."""
    if due_on is None:
        return None, None, None
    return (
        due_on - timedelta(plan.lead_days),
        due_on + timedelta(plan.overdue_after_days),
        due_on + timedelta(plan.lapsed_after_days),
    )


def dates(history: History, plan: Plan, limits: Sequence[Limit] = ()) -> Dates:
    """Return the course's dates; before the first session only `due_on` may be known."""
    if not history.treatments:
        planned = history.planned_start_on
        rule, source = ("planned_start", "course") if planned else (None, None)
        return Dates(None, None, None, planned, None, None, None, rule, source, None)
    anchor = history.treatments[-1]
    clinical = plan.interval.after(anchor.on)
    push = _earliest(anchor.on, history.holds, plan, limits)[-1]
    earliest = push.on
    if earliest is None or earliest <= clinical:
        due, cause = clinical, Push("interval", clinical, anchor.source, anchor.id)
    else:
        due, cause = earliest, push
    soon, overdue, lapsed = thresholds(due, plan)
    return Dates(
        anchor.on,
        clinical,
        earliest,
        due,
        soon,
        overdue,
        lapsed,
        cause.rule,
        cause.source_type,
        cause.source_id,
    )


def _earliest(
    anchor_on: date, holds: Sequence[Hold], plan: Plan, limits: Sequence[Limit]
) -> list[Push]:
    """Return the steps by which the earliest day was found; the last one stands."""
    day = anchor_on + timedelta(plan.min_interval_days)
    source = "course" if plan.min_from_course else "practice"
    steps = [Push("minimum_interval", day, source, None)]
    moved = bool(holds or limits)
    while moved:
        moved = False
        for hold in holds:
            if hold.covers(day):
                if hold.until is None or hold.until >= LAST_DAY:
                    return [*steps, Push("hold", None, "hold", hold.id)]
                day = hold.until + timedelta(1)
                steps.append(Push("hold", day, "hold", hold.id))
                moved = True
        for limit in limits:
            allowed = limit.first_day(day)
            if allowed is None or allowed > LAST_DAY:
                return [*steps, Push(limit.rule, None, limit.source_type, limit.source_id)]
            if allowed > day:
                day = allowed
                steps.append(Push(limit.rule, day, limit.source_type, limit.source_id))
                moved = True
    return steps


def reasons(history: History, plan: Plan, limits: Sequence[Limit] = ()) -> list[Reason]:
    """Return why each date is what it is, the decisive reason of each marked."""
    found = dates(history, plan, limits)
    told: list[Reason] = []
    if not history.treatments:
        if found.due_on:
            told.append(Reason("due_on", "planned_start", found.due_on, True, "course", None))
    else:
        anchor = history.treatments[-1]
        interval = Push("interval", found.clinical_due_on, anchor.source, anchor.id)
        steps = _earliest(anchor.on, history.holds, plan, limits)
        told.append(Reason("anchor_on", "latest_treatment", anchor.on, True, *interval[2:]))
        told.append(Reason("clinical_due_on", *interval[:2], True, *interval[2:]))
        for step in steps:
            told.append(Reason("earliest_on", *step[:2], step is steps[-1], *step[2:]))
        by_interval = found.due_rule == "interval"
        told.append(Reason("due_on", *interval[:2], by_interval, *interval[2:]))
        for step in steps:
            decisive = not by_interval and step is steps[-1]
            told.append(Reason("due_on", *step[:2], decisive, *step[2:]))
        if found.earliest_on:
            told.append(
                Reason("treatable_from", "earliest", found.earliest_on, True, "course", None)
            )
    for name, rule, on in (
        ("due_soon_from", "lead_days", found.due_soon_from),
        ("overdue_from", "overdue_after_days", found.overdue_from),
        ("lapsed_from", "lapsed_after_days", found.lapsed_from),
    ):
        if on:
            told.append(Reason(name, rule, on, True, "practice", None))
    return told


def projection(
    history: History, plan: Plan, count: int, limits: Sequence[Limit] = ()
) -> list[date]:
    """Return the next `count` due dates if each session is given on its due date.

    The first one is the course's present `due_on`; shorter when a date cannot be said or lies
    past the calendar's end (year 2200).
    """
    due_dates: list[date] = []
    while len(due_dates) < count:
        due = dates(history, plan, limits).due_on
        if due is None or due > LAST_DAY or (due_dates and due <= due_dates[-1]):
            break
        due_dates.append(due)
        given = Treatment(due, f"projected-{len(due_dates):04d}")
        history = history._replace(treatments=[*history.treatments, given])
    return due_dates
