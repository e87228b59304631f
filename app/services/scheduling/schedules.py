"""A course's schedule as every surface shows it: dates, reasons in words, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.scheduling import CourseRow
from app.domain.scheduling import derived, schedule, worklist
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.schedule import Schedule
from app.domain.scheduling.wording import action_texts, reason_texts
from app.domain.scheduling.worklist import Action, CourseState, StateFacts
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
    course, dates, id = facts.course, found.schedule, facts.course["id"]
    state = worklist.state_on(on, _state_facts(course, found), found.plan, facts.closures)
    actions = shown_actions(state.actions, id) if state.actions else []
    reasons = dates.reasons()
    own_anchor = found.last_treated_on == dates.anchor_on
    texts = reason_texts(dates, reasons, found.cycle - 1 if own_anchor else None)
    own = {"course": id, "practice": course["practice_id"]}
    told = [
        ShownReason(name, str(rule), on, decisive, kind, own.get(kind, named), text)
        for (name, rule, on, decisive, kind, named), text in zip(reasons, texts, strict=True)
    ]
    return CourseSchedule(id, on, found.cycle, dates, state, told, actions)


def _state_facts(course: CourseRow, found: Derived) -> StateFacts:
    history = found.history
    return StateFacts(
        history.closed_on is not None,
        found.last_treated_on is not None,
        found.schedule.earliest_on,
        found.schedule.due_on,
        history.holds,
        history.bookings,
        found.missed_session_id,
        course["location_id"],
        course["practitioner_id"],
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


def shown_actions(actions: Sequence[Action], course_id: str) -> list[ShownAction]:
    """Return a course's actions in words."""
    return [
        ShownAction(code.value, act_by, text, kind, course_id if kind == "course" else named)
        for (code, act_by, kind, named), text in zip(actions, action_texts(actions), strict=True)
    ]
