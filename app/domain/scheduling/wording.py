"""Reasons and actions in words: what is shown beside the codes, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from app.domain.scheduling.schedule import Reason, Rule, Schedule
from app.domain.scheduling.worklist import Action, ActionCode

_RULES: dict[str, str] = {
    Rule.PLANNED_START: "the planned start of the course",
    Rule.MINIMUM_INTERVAL: "the minimum interval after the last treatment",
    Rule.HOLD: "the first day after a hold",
    Rule.LATEST_TREATMENT: "the latest treatment that counts",
    Rule.EARLIEST: "the earliest day; nothing else is known to limit it",
    Rule.LEAD_DAYS: "the practice's lead time before the due date",
    Rule.OVERDUE_AFTER_DAYS: "the practice's patience after the due date",
    Rule.LAPSED_AFTER_DAYS: "a whole cycle missed, by the practice's setting",
}
_ACTIONS = {
    ActionCode.BOOK: "Book the next session",
    ActionCode.CONFIRM: "Confirm the booking with the patient",
    ActionCode.CLOSE_BOOKING: "Say what became of the booking",
    ActionCode.REVIEW_HOLD: "Review the hold",
}


def interval_text(days: int, source_type: str | None, anchor_on: date, cycle: int | None) -> str:
    """Return why the interval leads to a date: "84 days after the session given on ... (cycle 4)".

    In days on every surface, whatever unit the protocol was written in. `cycle` is the one the
    anchor belongs to, None when it was given in another course.
    """
    after = f"{days} day{'' if days == 1 else 's'} after"
    if source_type == "outside_session":
        return f"{after} the treatment given elsewhere on {anchor_on.isoformat()}"
    where = "in another course" if cycle is None else f"(cycle {cycle})"
    return f"{after} the session given on {anchor_on.isoformat()} {where}"


@lru_cache(maxsize=256)
def rule_text(rule: str, *, never: bool = False) -> str:
    """Return what a rule other than the interval says; `never`: no day will do."""
    if rule == Rule.HOLD and never:
        return "on hold without an end"
    return _RULES.get(rule) or rule.replace("_", " ")


def reason_texts(found: Schedule, reasons: Iterable[Reason], cycle: int | None) -> list[str]:
    """Return a schedule's reasons in words; `cycle` as for `interval_text`."""
    interval = ""
    if found.interval and found.anchor_on and found.clinical_due_on:
        days = (found.clinical_due_on - found.anchor_on).days
        interval = interval_text(days, found.interval.source_type, found.anchor_on, cycle)
    return [
        interval
        if reason.rule == Rule.INTERVAL
        else rule_text(str(reason.rule), never=reason.on is None)
        for reason in reasons
    ]


def action_texts(actions: Iterable[Action]) -> list[str]:
    """Return actions in words."""
    return [
        f"{_ACTIONS[action.code]} by {action.act_by.isoformat()}"
        if action.act_by
        else _ACTIONS[action.code]
        for action in actions
    ]
