"""Cycle numbers, and which sessions were given too early: both follow from the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.scheduling.schedule import BY_DAY, Plan, Treatment


def cycles(treatments: Sequence[Treatment], prior_cycles: int) -> dict[str, int]:
    """Return the cycle number of every session given here, continuations sharing one.

    Treatments elsewhere bear the anchor but are counted by `prior_cycles` alone.
    """
    numbers: dict[str, int] = {}
    here = [t for t in treatments if t.source == "session"]
    ids = {t.id for t in here}
    number = prior_cycles
    for treatment in here:
        if treatment.continues not in ids:
            number += 1
            numbers[treatment.id] = number
    for treatment in here:
        if treatment.continues in ids:
            numbers[treatment.id] = numbers.get(root(treatment, here).id, number)
    return numbers


def root(treatment: Treatment, treatments: Sequence[Treatment]) -> Treatment:
    """Return the session that a continuation completes, itself when it completes none."""
    by_id = {t.id: t for t in treatments}
    seen: set[str] = set()
    while treatment.continues in by_id and treatment.id not in seen:
        seen.add(treatment.id)
        treatment = by_id[treatment.continues or ""]
    return treatment


def next_cycle(treatments: Sequence[Treatment], prior_cycles: int) -> int:
    """Return the number that the next cycle will bear, 1 for a course without any."""
    return number_after(cycles(treatments, prior_cycles), prior_cycles)


def number_after(numbers: Mapping[str, int], prior_cycles: int) -> int:
    """Return the number after those that `cycles` gave out."""
    return max(numbers.values(), default=prior_cycles) + 1


def days_short(
    treatments: Sequence[Treatment], plan: Plan, others: Sequence[Treatment] = ()
) -> dict[str, int]:
    """Return the sessions given too early, each with the days it was short of the minimum.

    Counted from the patient's latest treatment before it, in `others` too. The tolerance is for
    judging what was done, never for planning; a continuation belongs to the session it
    completes and is never early.
    """
    short: dict[str, int] = {}
    own = {t.id for t in treatments if t.source == "session"}
    everything = sorted([*treatments, *others], key=BY_DAY) if others else treatments
    for position, treatment in enumerate(everything):
        if treatment.id not in own or treatment.continues in own:
            continue
        # Given on one day, the rest of a session may come first by id: it was booked before.
        earlier = (
            t.on
            for t in reversed(everything[:position])
            if t.continues is None or root(t, treatments).id != treatment.id
        )
        before = next(earlier, None)
        if before is None:
            continue
        gap = (treatment.on - before).days
        if gap < plan.min_interval_days - plan.early_tolerance_days:
            short[treatment.id] = plan.min_interval_days - gap
    return short
