"""Rules about one session: its statuses, what it may complete, what is found about its day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from app.domain.charting.dosing_findings import Finding
from app.domain.scheduling.schedule import Hold


class SessionStatus(StrEnum):
    """From booking to outcome; only `given` counts as a treatment."""

    BOOKED = "booked"
    GIVEN = "given"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    VOIDED = "voided"


class DayFinding(StrEnum):
    """What is found about the day of a session, never a reason to refuse it."""

    TOO_EARLY = "too_early"
    DURING_HOLD = "during_hold"
    COURSE_CLOSED = "course_closed"


# Kept with the session as they were found; `too_early` follows from the others and is derived.
KEPT = frozenset({DayFinding.DURING_HOLD, DayFinding.COURSE_CLOSED})


def found_on(day: date, holds: Iterable[Hold], closed_on: date | None) -> list[Finding]:
    """Return the findings about a treatment's day: on hold, or after the course was closed."""
    found = [
        Finding(DayFinding.DURING_HOLD, "The course was on hold on that day.", {"hold_id": hold.id})
        for hold in holds
        if hold.covers(day)
    ]
    if closed_on and day >= closed_on:
        text = f"The course was closed on {closed_on.isoformat()}."
        found.append(Finding(DayFinding.COURSE_CLOSED, text))
    return found


def too_early(days_short: int) -> Finding:
    """Return the finding about a session given too early."""
    text = f"{days_short} days short of the minimum interval."
    return Finding(DayFinding.TOO_EARLY, text, {"days_short": days_short})


def stored(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return findings as they are kept with their session."""
    return [{"code": f.code, "text": f.text, **f.facts} for f in findings]


def why_not_continued(
    day: date, *, begun_on: date | None, partial: bool, within_days: int
) -> str | None:
    """Return why a session on `day` cannot complete the one begun on `begun_on`; None: it can.

    `partial` says that it was given in part; `begun_on` is None for one that was not given.
    """
    if begun_on is None or not partial:
        return "Only a partial session that was given can be continued."
    if not 0 <= (day - begun_on).days <= within_days:
        return (
            f"A continuation follows within {within_days} days; record it as a session of its own."
        )
    return None
