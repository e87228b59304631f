"""Reasons and actions in words: what is shown beside the codes, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from app.domain.scheduling.schedule import Reason, Rule
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


def interval_text(
    interval: str, source_type: str | None, anchor_on: date | None, cycle: int | None
) -> str:
    """Return why the interval leads to a date: "84 days after the session given on ... (cycle 4)".

    `cycle` is the one the anchor belongs to, None when it was given in another course.
    """
    day = anchor_on.isoformat() if anchor_on else ""
    if source_type == "outside_session":
        return f"{interval} after the treatment given elsewhere on {day}"
    where = "in another course" if cycle is None else f"(cycle {cycle})"
    return f"{interval} after the session given on {day} {where}"


def rule_text(rule: str, on: date | None) -> str:
    """Return what a rule other than the interval says."""
    if rule == Rule.HOLD and on is None:
        return "on hold without an end"
    return _RULES.get(rule) or rule.replace("_", " ")


def reason_texts(
    reasons: Sequence[Reason], interval: str, anchor_on: date | None, cycle: int | None
) -> list[str]:
    """Return reasons in words, one text for each."""
    return [
        interval_text(interval, reason.source_type, anchor_on, cycle)
        if reason.rule == Rule.INTERVAL
        else rule_text(reason.rule, reason.on)
        for reason in reasons
    ]


def action_text(action: Action) -> str:
    """Return an action in words."""
    text = _ACTIONS[action.code]
    return f"{text} by {action.act_by.isoformat()}" if action.act_by else text
