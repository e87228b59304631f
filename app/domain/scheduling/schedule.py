"""When the next session of a course is due, and why: the dates of one course from its history.

Nothing here depends on today. The 84 days of the PREEMPT cycle come in as the protocol's
interval (SmPC: every 12 weeks); the practice's minimum keeps payers' "not before day 84".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain, islice
from operator import attrgetter
from typing import Literal, NamedTuple

from app.domain.dates import LAST_DAY, Interval

Day = date  # `Reason` has a field named `date`


class Rule(StrEnum):
    """Why a date is what it is; a `Limit` brings its own."""

    LATEST_TREATMENT = "latest_treatment"
    INTERVAL = "interval"
    PLANNED_START = "planned_start"
    MINIMUM_INTERVAL = "minimum_interval"
    HOLD = "hold"
    EARLIEST = "earliest"
    LEAD_DAYS = "lead_days"
    OVERDUE_AFTER_DAYS = "overdue_after_days"
    LAPSED_AFTER_DAYS = "lapsed_after_days"


class Treatment(NamedTuple):
    """One treatment that was given, here (`session`) or elsewhere (`outside_session`)."""

    on: date
    id: str
    source: Literal["session", "outside_session"] = "session"
    continues: str | None = None


# The order in which treatments count.
BY_DAY = attrgetter("on", "id")


class Hold(NamedTuple):
    """Days on which nothing is to be given; `until` is inclusive, None while open-ended."""

    id: str
    since: date
    until: date | None
    review_on: date | None = None

    def covers(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


# Holds by their first day: of two that end together the same one is always named.
BY_FIRST_DAY = attrgetter("since", "id")


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
    """What happened in one course, and the patient's treatments in other courses.

    `treatments` and `others` are in order of (on, id). Treatments belong to the patient:
    `others` are those of the patient's other courses with the same drug and indication group,
    so that opening a course anew never hides the last injection.
    """

    treatments: Sequence[Treatment] = ()
    holds: Sequence[Hold] = ()
    bookings: Sequence[Booking] = ()
    endings: Sequence[Ending] = ()
    prior_cycles: int = 0
    planned_start_on: date | None = None
    closed_on: date | None = None
    others: Sequence[Treatment] = ()

    @property
    def anchor(self) -> Treatment | None:
        """The treatment that the next one is due from: the latest, of two on one day its own.

        Nothing that other courses do moves the dates of a closed one.
        """
        own = self.treatments[-1] if self.treatments else None
        if self.closed_on or not self.others or (own and own.on >= self.others[-1].on):
            return own
        return self.others[-1]

    def as_of(self, day: date) -> History:
        """Return the record without what was given, held, stopped or booked after that day."""
        return self._replace(
            treatments=[t for t in self.treatments if t.on <= day],
            holds=[h for h in self.holds if h.since <= day],
            bookings=[b for b in self.bookings if b.made_on <= day],
            endings=[e for e in self.endings if e.made_on <= day],
            closed_on=self.closed_on if self.closed_on and self.closed_on <= day else None,
            others=[t for t in self.others if t.on <= day] if self.others else (),
        )


def treatment_group(product: str, indication: str) -> tuple[str, str]:
    """Return what courses share a patient's treatments by: the drug and the indication group.

    The group is the ICD-10 category, the part of the code before its dot: G43.709 and G43.719
    are both G43, migraine.
    """
    return product.strip().casefold(), indication.partition(".")[0].strip().casefold()


class Reason(NamedTuple):
    """Why one of the dates is what it is; `decisive` marks the reason that set it."""

    date: str
    rule: str
    on: Day | None
    decisive: bool
    source_type: str
    source_id: str | None


class Step(NamedTuple):
    """What a rule asks for: `on`, or with None no day at all."""

    rule: str
    on: date | None
    source_type: str
    source_id: str | None


class Schedule(NamedTuple):
    """The dates of a course, null where they cannot be said yet, and how they were found."""

    anchor_on: date | None = None
    clinical_due_on: date | None = None
    earliest_on: date | None = None
    due_on: date | None = None
    due_soon_from: date | None = None
    overdue_from: date | None = None
    lapsed_from: date | None = None
    # Coverage, authorisation and drug narrow these once they are known; until then the
    # earliest day alone opens the window.
    treatable_from: date | None = None
    treatable_until: date | None = None
    # What set `due_on`; what else had a say in it; the steps to `earliest_on`, its last one stands.
    due: Step | None = None
    planned: Step | None = None
    interval: Step | None = None
    steps: Sequence[Step] = ()

    def reasons(self) -> list[Reason]:
        """Return why each date is what it is, the decisive reason of each marked."""
        asked: list[tuple[str, Step, bool]] = []
        if self.interval:
            latest = self.interval._replace(rule=Rule.LATEST_TREATMENT, on=self.anchor_on)
            asked += [("anchor_on", latest, True), ("clinical_due_on", self.interval, True)]
            asked += [("earliest_on", step, step is self.steps[-1]) for step in self.steps]
            asked.append(("due_on", self.interval, self.interval is self.due))
            asked += [("due_on", step, step is self.due) for step in self.steps]
        if self.planned:
            asked.append(("due_on", self.planned, self.planned is self.due))
        told = [
            Reason(name, step.rule, step.on, decisive, step.source_type, step.source_id)
            for name, step, decisive in asked
        ]
        for name, rule, on, source_type in (
            ("treatable_from", Rule.EARLIEST, self.treatable_from, "course"),
            ("due_soon_from", Rule.LEAD_DAYS, self.due_soon_from, "practice"),
            ("overdue_from", Rule.OVERDUE_AFTER_DAYS, self.overdue_from, "practice"),
            ("lapsed_from", Rule.LAPSED_AFTER_DAYS, self.lapsed_from, "practice"),
        ):
            if on:
                told.append(Reason(name, rule, on, True, source_type, None))
        return told


def compute(history: History, plan: Plan, limits: Sequence[Limit] = ()) -> Schedule:
    """Return the course's schedule; before the first treatment only `due_on` may be known.

    A course without a treatment of its own is due on the later of its planned start and what
    follows from the patient's other courses, and never becomes overdue.
    """
    anchor, planned = history.anchor, None
    if history.planned_start_on and not history.treatments:
        planned = Step(Rule.PLANNED_START, history.planned_start_on, "course", None)
    if anchor is None:
        return Schedule(due_on=planned and planned.on, due=planned, planned=planned)
    found = _after(anchor, history.holds, plan, limits)
    due, due_on = found.due, found.due_on
    if planned and history.planned_start_on and history.planned_start_on > due_on:
        due, due_on = planned, history.planned_start_on
    soon: date | None = None
    overdue: date | None = None
    lapsed: date | None = None
    if history.treatments:
        soon = due_on - timedelta(plan.lead_days)
        overdue = due_on + timedelta(plan.overdue_after_days)
        lapsed = due_on + timedelta(plan.lapsed_after_days)
    return Schedule(
        anchor.on,
        found.interval.on,
        found.steps[-1].on,
        due_on,
        soon,
        overdue,
        lapsed,
        found.steps[-1].on,
        None,
        due,
        planned,
        found.interval,
        found.steps,
    )


class _Found(NamedTuple):
    """What follows from one treatment; `due` is the step that set `due_on`."""

    interval: Step
    steps: Sequence[Step]
    due: Step
    due_on: date


def _after(anchor: Treatment, holds: Sequence[Hold], plan: Plan, limits: Sequence[Limit]) -> _Found:
    steps = _earliest(anchor.on, holds, plan, limits)
    clinical, earliest = plan.interval.after(anchor.on), steps[-1].on
    interval = Step(Rule.INTERVAL, clinical, anchor.source, anchor.id)
    if earliest is None or earliest <= clinical:
        return _Found(interval, steps, interval, clinical)
    return _Found(interval, steps, steps[-1], earliest)


def _earliest(
    anchor_on: date, holds: Sequence[Hold], plan: Plan, limits: Sequence[Limit]
) -> list[Step]:
    """Return the steps by which the earliest day is found; the last one stands."""
    day = anchor_on + timedelta(plan.min_interval_days)
    source = "course" if plan.min_from_course else "practice"
    steps = [Step(Rule.MINIMUM_INTERVAL, day, source, None)]
    moved = bool(holds or limits)
    while moved:
        moved = False
        for hold in holds:
            if hold.covers(day):
                if hold.until is None or hold.until >= LAST_DAY:
                    return [*steps, Step(Rule.HOLD, None, "hold", hold.id)]
                day = hold.until + timedelta(1)
                steps.append(Step(Rule.HOLD, day, "hold", hold.id))
                moved = True
        for limit in limits:
            allowed = limit.first_day(day)
            if allowed is None or allowed > LAST_DAY:
                return [*steps, Step(limit.rule, None, limit.source_type, limit.source_id)]
            if allowed > day:
                day = allowed
                steps.append(Step(limit.rule, day, limit.source_type, limit.source_id))
                moved = True
    return steps


def projection(
    history: History, plan: Plan, count: int, limits: Sequence[Limit] = ()
) -> list[date]:
    """Return the next `count` due dates if each session is given on its due date.

    The first one is the course's present `due_on`; shorter when a date cannot be said or lies
    past the calendar's end (year 2200).
    """
    first = compute(history, plan, limits).due_on
    if first is None or first > LAST_DAY:
        return []
    return list(islice(chain((first,), following(first, plan, history.holds, limits)), count))


def following(
    day: date, plan: Plan, holds: Sequence[Hold] = (), limits: Sequence[Limit] = ()
) -> Iterator[date]:
    """Yield the due dates after a treatment on `day`, each session given when it is due."""
    while True:
        due_on = _after(Treatment(day, "projected"), holds, plan, limits).due_on
        if not day < due_on <= LAST_DAY:
            return
        yield due_on
        day = due_on
