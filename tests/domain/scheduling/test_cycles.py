"""Cycle numbers, sessions given too early, and the sessions to come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.dates import Interval
from app.domain.scheduling.cycles import cycles, days_short, next_cycle, root
from app.domain.scheduling.schedule import History, Treatment, projection
from tests.support.builders import day, elsewhere, given, history, hold, in_order, plan

A, B, C = given("2025-07-21", "a"), given("2025-10-13", "b"), given("2026-01-05", "c")


@pytest.mark.parametrize(
    ("treatments", "prior", "numbers", "following"),
    [
        pytest.param([], 0, {}, 1, id="none yet"),
        pytest.param([], 4, {}, 5, id="none here, four elsewhere before"),
        pytest.param([A, B, C], 0, {"a": 1, "b": 2, "c": 3}, 4, id="in order of date"),
        pytest.param([A, B, C], 2, {"a": 3, "b": 4, "c": 5}, 6, id="after two elsewhere"),
        pytest.param([A, C], 0, {"a": 1, "c": 2}, 3, id="the second voided"),
        pytest.param(
            [A, elsewhere("2025-10-13"), C], 0, {"a": 1, "c": 2}, 3, id="elsewhere bears no number"
        ),
        pytest.param(
            [A, given("2025-07-25", "a2", continues="a"), C],
            0,
            {"a": 1, "a2": 1, "c": 2},
            3,
            id="a continuation shares",
        ),
        pytest.param(
            [
                A,
                given("2025-07-25", "a2", continues="a"),
                given("2025-07-28", "a3", continues="a2"),
            ],
            1,
            {"a": 2, "a2": 2, "a3": 2},
            3,
            id="a continuation of a continuation",
        ),
        pytest.param(
            [given("2025-07-25", "a2", continues="a"), C],
            0,
            {"a2": 1, "c": 2},
            3,
            id="what it completes was voided: it is the cycle",
        ),
        pytest.param(
            [given("2025-10-13", "x", continues="y"), given("2025-10-13", "y"), C],
            0,
            {"x": 1, "y": 1, "c": 2},
            3,
            id="same day, the continuation first by id",
        ),
        pytest.param(
            [given("2025-10-13", "y"), given("2025-10-13", "x")],
            0,
            {"x": 1, "y": 2},
            3,
            id="same day: by id",
        ),
    ],
)
def test_cycle_numbers(
    treatments: list[Treatment], prior: int, numbers: dict[str, int], following: int
) -> None:
    ordered = in_order(*treatments)
    assert cycles(ordered, prior) == numbers
    assert next_cycle(ordered, prior) == following


def test_continuations_that_name_each_other_still_get_an_answer() -> None:
    ring = [given("2025-10-13", "x", continues="y"), given("2025-10-14", "y", continues="x")]
    assert set(cycles(ring, 0)) == {"x", "y"}
    assert root(ring[0], ring) in ring
    assert days_short(ring, plan()) == {}


@pytest.mark.parametrize("tolerance", range(15))
@pytest.mark.parametrize("minimum", [84, 70, 91])
def test_early_is_judged_with_the_tolerance(minimum: int, tolerance: int) -> None:
    numbers = plan(min_interval_days=minimum, early_tolerance_days=tolerance)
    first = Treatment(day("2026-01-05"), "first")
    for gap in range(minimum - 20, minimum + 2):
        second = Treatment(first.on + timedelta(gap), "second")
        fine = gap >= minimum - tolerance
        assert days_short([first, second], numbers) == ({} if fine else {"second": minimum - gap})


@pytest.mark.parametrize(
    ("treatments", "short"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([C], {}, id="the first is never early"),
        pytest.param([A, B, C], {}, id="84 days each"),
        pytest.param([A, given("2025-10-12", "b")], {"b": 1}, id="83 days"),
        pytest.param([A, elsewhere("2025-09-01")], {}, id="elsewhere is not judged"),
        pytest.param([elsewhere("2025-12-01"), C], {"c": 49}, id="but counts for the one here"),
        pytest.param(
            [C, given("2026-01-09", "c2", continues="c")], {}, id="60 U, felt faint, rest on Friday"
        ),
        pytest.param(
            [C, given("2026-01-09", "c2", continues="c"), given("2026-03-30", "d")],
            {"d": 4},
            id="the next one runs from the continuation",
        ),
        pytest.param(
            [C, given("2026-01-09", "c2", continues="c"), given("2026-04-03", "d")],
            {},
            id="84 days from the continuation",
        ),
        pytest.param(
            [B, given("2026-01-05", "x", continues="y"), given("2026-01-05", "y")],
            {},
            id="rest on the same day, first by id",
        ),
        pytest.param(
            [B, given("2026-01-04", "x", continues="y"), given("2026-01-04", "y")],
            {"y": 1},
            id="the same a day early: once",
        ),
        pytest.param(
            [C, given("2026-01-09", "c2", continues="voided")],
            {"c2": 80},
            id="what it completed was voided: judged by itself",
        ),
        pytest.param(
            [A, given("2025-09-01", "e"), B], {"e": 42, "b": 42}, id="each by the one before"
        ),
        pytest.param([C, given("2026-01-05", "d")], {"d": 84}, id="twice on one day"),
    ],
)
def test_sessions_given_too_early(treatments: list[Treatment], short: dict[str, int]) -> None:
    assert days_short(in_order(*treatments), plan()) == short


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        pytest.param(history(C), ["2026-03-30", "2026-06-22", "2026-09-14"], id="84 days each"),
        pytest.param(
            history(planned_start_on=day("2026-02-02")),
            ["2026-02-02", "2026-04-27", "2026-07-20"],
            id="from the planned start",
        ),
        pytest.param(history(), [], id="no session and no plan"),
        pytest.param(
            history(C, holds=(hold("2026-06-20", "2026-07-05"),)),
            ["2026-03-30", "2026-07-06", "2026-09-28"],
            id="a hold in summer moves all that follow",
        ),
        pytest.param(
            history(given("2200-10-01")), ["2200-12-24"], id="stops at the end of the calendar"
        ),
        pytest.param(history(given("2200-10-08")), ["2200-12-31"], id="whose last day is a day"),
        pytest.param(history(given("2200-10-09")), [], id="and the day after is none"),
    ],
)
def test_the_next_sessions(past: History, expected: list[str]) -> None:
    assert projection(past, plan(), 3) == [day(each) for each in expected]


def test_365_days_from_a_session_hold_five_and_half_a_year_three() -> None:
    due = [C.on, *projection(history(C), plan(), 12)]
    assert sum(each < day("2027-01-05") for each in due) == 5
    assert sum(each < day("2026-07-05") for each in due) == 3


def test_too_early_for_the_patient_counts_treatments_of_other_courses() -> None:
    own, others = [given("2026-03-02", "own")], [given("2026-01-05", "other")]
    assert days_short(own, plan(), others) == {"own": 28}
    assert days_short(own, plan()) == {}
    # What was given elsewhere is judged in its own course.
    assert days_short(others, plan(), own) == {}
    assert cycles(own, 0) == {"own": 1}


def test_an_interval_of_nothing_gives_one_date_and_no_end_of_them() -> None:
    """No setting allows it; if one ever did, the same day must not be told again and again."""
    nothing = plan(Interval(0, "day"), min_interval_days=0)
    assert projection(history(C), nothing, 3) == [C.on]
