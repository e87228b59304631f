"""All that follows from a course's history, worked out once and used by whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.domain.scheduling import cycles, schedule, worklist
from app.domain.scheduling.schedule import History, Limit, Plan, Schedule
from app.domain.scheduling.worklist import Closure, CourseState, StateFacts


class Derived(NamedTuple):
    """A history with the numbers it is judged by, and what follows from both.

    `numbers` are the cycle numbers of the sessions given here; `cycle` is the next one.
    """

    history: History
    plan: Plan
    schedule: Schedule
    numbers: Mapping[str, int]
    cycle: int
    missed_session_id: str | None

    def days_short(self) -> dict[str, int]:
        """Return the sessions given too early, each with the days it was short."""
        return cycles.days_short(self.history.treatments, self.plan, self.history.others)

    def state_on(
        self,
        day: date,
        closures: Sequence[Closure],
        location_id: str | None,
        practitioner_id: str | None,
    ) -> CourseState:
        """Return where the course stands on `day`; its usual place and person are named."""
        history = self.history
        facts = StateFacts(
            history.closed_on is not None,
            bool(history.treatments),
            self.schedule.earliest_on,
            self.schedule.due_on,
            history.holds,
            history.bookings,
            self.missed_session_id,
            location_id,
            practitioner_id,
        )
        return worklist.state_on(day, facts, self.plan, closures)


def derive(history: History, plan: Plan, limits: Sequence[Limit] = ()) -> Derived:
    """Return all that follows from the history."""
    found = schedule.compute(history, plan, limits)
    numbers = cycles.cycles(history.treatments, history.prior_cycles)
    return Derived(
        history,
        plan,
        found,
        numbers,
        cycles.number_after(numbers, history.prior_cycles),
        worklist.missed_since(found.anchor_on, history.endings) if history.endings else None,
    )
