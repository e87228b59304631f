"""A course's schedule as every surface shows it: dates, reasons in words, what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from app.db.queries.scheduling.facts import CourseFacts
from app.domain.dates import Interval
from app.domain.scheduling import derived, schedule
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.schedule import Schedule
from app.domain.scheduling.wording import action_text, reason_texts
from app.domain.scheduling.worklist import Action, CourseState
from app.services.scheduling import course_dates

Day = date  # a reason has a field named `date`


# Named tuples: a page of the worklist makes fifty of them, a schedule ten.
class ShownAction(NamedTuple):
    """What someone has to do and by when, in words too; the source is named by its id."""

    code: str
    act_by: date | None
    text: str
    source_type: str
    source_id: str | None


class ShownReason(NamedTuple):
    """Why one of the dates is what it is, in words too; the source is named by its id."""

    date: str
    rule: str
    on: Day | None
    decisive: bool
    source_type: str
    source_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class CourseSchedule:
    """A course's dates with their reasons, and where it stands `as_of` a day."""

    course_id: str
    as_of: date
    cycle: int
    dates: Schedule
    state: CourseState
    reasons: list[ShownReason]
    actions: list[ShownAction]


def schedule_of(facts: CourseFacts, found: Derived, on: date) -> CourseSchedule:
    """Return the schedule with that day applied to the record as it stands."""
    course, dates = facts.course, found.schedule
    state = found.state_on(on, facts.closures, course["location_id"], course["practitioner_id"])
    return CourseSchedule(
        course["id"],
        on,
        found.cycle,
        dates,
        state,
        _reasons(found, course["id"], course["practice_id"]),
        shown_actions(state.actions, course["id"]),
    )


def as_of(facts: CourseFacts, on: date) -> CourseSchedule:
    """Return the schedule of the record as it stood on that day."""
    now = course_dates.derive(facts)
    return schedule_of(facts, derived.derive(now.history.as_of(on), now.plan), on)


def projection(facts: CourseFacts, count: int) -> list[tuple[int, date]]:
    """Return (cycle, due date) of the next sessions if each is given when due; none when closed."""
    now = course_dates.derive(facts)
    if now.history.closed_on is not None:
        return []
    due = schedule.projection(now.history, now.plan, count)
    return [(now.cycle + ahead, on) for ahead, on in enumerate(due)]


def shown_actions(actions: Iterable[Action], course_id: str) -> list[ShownAction]:
    """Return a course's actions in words."""
    return [
        ShownAction(
            action.code.value,
            action.act_by,
            action_text(action),
            action.source_type,
            course_id if action.source_type == "course" else action.source_id,
        )
        for action in actions
    ]


def _reasons(found: Derived, course_id: str, practice_id: str) -> list[ShownReason]:
    dates, interval = found.schedule, ""
    if dates.clinical_due_on and dates.anchor_on:
        # In days on every surface, whatever unit the protocol was written in.
        interval = Interval((dates.clinical_due_on - dates.anchor_on).days, "day").text()
    own_anchor = found.history.last_on == dates.anchor_on
    reasons = dates.reasons()
    texts = reason_texts(
        reasons, interval, dates.anchor_on, found.cycle - 1 if own_anchor else None
    )
    own = {"course": course_id, "practice": practice_id}
    return [
        ShownReason(name, str(rule), on, decisive, kind, own.get(kind, named), text)
        for (name, rule, on, decisive, kind, named), text in zip(reasons, texts, strict=True)
    ]
