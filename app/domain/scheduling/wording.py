"""Reasons and actions in words: what is shown beside the codes, in one place."""

from __future__ import annotations

from datetime import date

from app.domain.scheduling.schedule import Reason
from app.domain.scheduling.worklist import Action

_RULES = {
    "planned_start": "the planned start of the course",
    "minimum_interval": "the minimum interval after the last treatment",
    "hold": "the first day after a hold",
    "latest_treatment": "the latest treatment that counts",
    "earliest": "the earliest day; nothing else is known to limit it",
    "lead_days": "the practice's lead time before the due date",
    "overdue_after_days": "the practice's patience after the due date",
    "lapsed_after_days": "a whole cycle missed, by the practice's setting",
}
_ACTIONS = {
    "book": "Book the next session",
    "confirm": "Confirm the booking with the patient",
    "close_booking": "Say what became of the booking",
    "review_hold": "Review the hold",
}


def interval_text(
    interval: str, source_type: str | None, anchor_on: date | None, cycle: int
) -> str:
    """Return why the interval leads to a date: "84 days after the session given on ... (cycle 4)".

    `cycle` is the one the anchor belongs to.
    """
    day = anchor_on.isoformat() if anchor_on else ""
    if source_type == "outside_session":
        return f"{interval} after the treatment given elsewhere on {day}"
    return f"{interval} after the session given on {day} (cycle {cycle})"


def rule_text(rule: str, on: date | None) -> str:
    """Return what a rule other than the interval says."""
    if rule == "hold" and on is None:
        return "on hold without an end"
    return _RULES.get(rule, rule.replace("_", " "))


def reason_text(reason: Reason, interval: str, anchor_on: date | None, cycle: int) -> str:
    """Return a reason in words."""
    if reason.rule == "interval":
        return interval_text(interval, reason.source_type, anchor_on, cycle)
    return rule_text(reason.rule, reason.on)


def action_text(action: Action) -> str:
    """Return an action in words."""
    text = _ACTIONS.get(action.code, action.code.replace("_", " "))
    return f"{text} by {action.act_by.isoformat()}" if action.act_by else text
