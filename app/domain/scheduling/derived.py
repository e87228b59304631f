"""All that follows from a course's history, worked out once and used by whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.domain.scheduling import cycles, schedule, worklist
from app.domain.scheduling.schedule import History, Limit, Plan, Schedule


class Derived(NamedTuple):
    """A history with the numbers it is judged by, and what follows from both.

    `last_treated_on` is the day of the course's own latest treatment. `numbers` are the cycle
    numbers of the sessions given here, `cycle` the next one; `days_short` are those given too
    early, each with the days it was short.
    """

    history: History
    plan: Plan
    schedule: Schedule
    last_treated_on: date | None
    numbers: Mapping[str, int]
    cycle: int
    days_short: Mapping[str, int]
    missed_session_id: str | None


def derive(history: History, plan: Plan, limits: Sequence[Limit] = ()) -> Derived:
    """Return all that follows from the history."""
    found = schedule.compute(history, plan, limits)
    treatments = history.treatments
    numbers = cycles.cycles(treatments, history.prior_cycles)
    return Derived(
        history,
        plan,
        found,
        treatments[-1].on if treatments else None,
        numbers,
        cycles.number_after(numbers, history.prior_cycles),
        cycles.days_short(treatments, plan, history.others),
        worklist.missed_since(found.anchor_on, history.endings) if history.endings else None,
    )
