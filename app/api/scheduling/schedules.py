"""A course's schedule: dates with their reasons, status, booking, what to do next."""

from __future__ import annotations

from datetime import date

from app.api.shapes import ActionOut, BookingOut, ReasonOut, Record, Shape
from app.db.queries.scheduling.facts import CourseFacts, state_facts
from app.domain.dates import Interval
from app.domain.scheduling import cycles, schedule, worklist
from app.domain.scheduling.schedule import Booking
from app.domain.scheduling.wording import action_text, reason_text
from app.domain.scheduling.worklist import Action


class ScheduleOut(Shape):
    course_id: str
    as_of: date
    cycle: int
    status: str
    anchor_on: date | None
    clinical_due_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_soon_from: date | None
    overdue_from: date | None
    lapsed_from: date | None
    treatable_from: date | None
    treatable_until: date | None
    suggested_on: date | None
    booking: BookingOut
    flags: list[str]
    next_action: ActionOut | None
    actions: list[ActionOut]
    reasons: list[ReasonOut]


def schedule_of(facts: CourseFacts, on: date, *, as_of: bool = False) -> Record:
    """Return the schedule as it is shown.

    With `as_of` the record is read as it stood on that day; without, that day is applied to
    the record as it stands now.
    """
    history = facts.history()
    if as_of:
        history = history.as_of(on)
    plan, course = facts.plan(), facts.course
    dates = schedule.dates(history, plan)
    stands = worklist.state_on(on, state_facts(course, history, dates), plan, facts.closures)
    cycle = cycles.next_cycle(history.treatments, history.prior_cycles)
    interval = ""
    if dates.clinical_due_on and dates.anchor_on:
        # In days on every surface, whatever unit the protocol was written in.
        interval = Interval((dates.clinical_due_on - dates.anchor_on).days, "day").text()
    actions = [action_shown(a, course["id"]) for a in stands.actions]
    return {
        "course_id": course["id"],
        "as_of": on,
        "cycle": cycle,
        "status": stands.status,
        "anchor_on": dates.anchor_on,
        "clinical_due_on": dates.clinical_due_on,
        "earliest_on": dates.earliest_on,
        "due_on": dates.due_on,
        "due_soon_from": dates.due_soon_from,
        "overdue_from": dates.overdue_from,
        "lapsed_from": dates.lapsed_from,
        # Coverage, authorisation and drug narrow this window once they are known; until then
        # the earliest day alone opens it.
        "treatable_from": dates.earliest_on,
        "treatable_until": None,
        "suggested_on": stands.suggested_on,
        "booking": booking_shown(stands.booking, stands.booked),
        "flags": stands.flags,
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "reasons": [
            {
                "date": r.date,
                "rule": r.rule,
                "on": r.on,
                "decisive": r.decisive,
                "source": _source(r.source_type, r.source_id, course),
                "text": reason_text(r, interval, dates.anchor_on, cycle - 1),
            }
            for r in schedule.reasons(history, plan)
        ],
    }


def booking_shown(state: str, booked: Booking | None) -> Record:
    """Return a booking state with the booking it is about."""
    if booked is None:
        return {"state": state, "session_id": None, "starts_at": None}
    return {"state": state, "session_id": booked.id, "starts_at": booked.starts_at}


def action_shown(action: Action, course_id: str) -> Record:
    """Return an action as it is shown."""
    source_id = course_id if action.source_type == "course" else action.source_id
    return {
        "code": action.code,
        "act_by": action.act_by,
        "text": action_text(action),
        "source": {"type": action.source_type, "id": source_id},
    }


def _source(kind: str, named: str | None, course: Record) -> Record:
    own = {"course": course["id"], "practice": course["practice_id"]}
    return {"type": kind, "id": own.get(kind, named)}
