"""What the coming weeks will ask for: which sessions count, on which day, booked or not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.domain.dates import Interval
from app.domain.scheduling.demand import (
    CHAIR_MINUTES,
    Expected,
    expected,
    fewest_vials,
    week_of,
)
from app.domain.scheduling.schedule import Plan
from tests.support.builders import day, plan

MONDAY = "2026-03-02"
EVERY_12_WEEKS = plan()


def sessions(
    *,
    today: str = MONDAY,
    since: str = MONDAY,
    weeks: int = 4,
    due: str | None = None,
    booked: str | None = None,
    numbers: Plan = EVERY_12_WEEKS,
) -> list[tuple[str, bool]]:
    """The days on which a course will be treated, each with whether it is booked."""
    found = expected(
        today=day(today),
        since=day(since),
        until=day(since) + timedelta(7 * weeks),
        due_on=day(due) if due else None,
        booked_on=day(booked) if booked else None,
        plan=numbers,
    )
    assert all(isinstance(each, Expected) for each in found)
    return [(str(each.on), each.booked) for each in found]


@pytest.mark.parametrize(
    ("due", "booked", "days"),
    [
        pytest.param("2026-03-11", None, [("2026-03-11", False)], id="due, not booked"),
        pytest.param(None, "2026-03-11", [("2026-03-11", True)], id="booked before it can be due"),
        pytest.param("2026-03-11", "2026-03-18", [("2026-03-18", True)], id="at its booking"),
        pytest.param("2026-03-18", "2026-03-11", [("2026-03-11", True)], id="booked early"),
        pytest.param("2026-03-11", "2026-03-11", [("2026-03-11", True)], id="booked when due"),
        pytest.param("2026-03-11", "2026-05-04", [], id="booked for after the window"),
        pytest.param(None, None, [], id="neither: a course without a plan asks for nothing"),
    ],
)
def test_a_session_is_expected_at_its_booking_else_when_due(
    due: str | None, booked: str | None, days: list[tuple[str, bool]]
) -> None:
    assert sessions(due=due, booked=booked) == days


@pytest.mark.parametrize(
    ("due", "days"),
    [
        pytest.param("2026-03-02", ["2026-03-02"], id="the first day of the window"),
        pytest.param("2026-03-29", ["2026-03-29"], id="its last day"),
        pytest.param("2026-03-30", [], id="the first day after it"),
        pytest.param("2026-03-01", ["2026-03-02"], id="overdue since yesterday: today"),
        pytest.param("2024-01-01", ["2026-03-02"], id="overdue for two years: today, once"),
    ],
)
def test_the_window_holds_its_first_day_and_not_the_day_after_its_last(
    due: str, days: list[str]
) -> None:
    assert sessions(due=due) == [(each, False) for each in days]


@pytest.mark.parametrize(
    ("today", "due", "booked", "days"),
    [
        pytest.param("2026-02-23", "2026-02-25", None, [], id="due before the window: not in it"),
        pytest.param("2026-02-23", None, "2026-03-01", [], id="booked for the day before it"),
        pytest.param(
            "2026-02-23", "2026-02-25", "2026-03-02", [("2026-03-02", True)], id="booked into it"
        ),
        pytest.param(
            "2026-03-02",
            "2026-02-02",
            None,
            [("2026-03-02", False)],
            id="asked about its first day: the overdue ones are in it",
        ),
        pytest.param(
            "2026-03-04",
            "2026-03-02",
            None,
            [("2026-03-04", False)],
            id="the day asked about may lie inside it",
        ),
    ],
)
def test_the_day_asked_about_need_not_be_where_the_window_begins(
    today: str, due: str | None, booked: str | None, days: list[tuple[str, bool]]
) -> None:
    assert sessions(today=today, due=due, booked=booked) == days


@pytest.mark.parametrize(
    ("numbers", "weeks", "days"),
    [
        pytest.param(
            plan(), 24, ["2026-03-11", "2026-06-03"], id="84 days on, and the third lies outside"
        ),
        pytest.param(
            plan(),
            25,
            ["2026-03-11", "2026-06-03"],
            id="the third still outside of 25 weeks",
        ),
        pytest.param(
            plan(),
            26,
            ["2026-03-11", "2026-06-03", "2026-08-26"],
            id="and inside one of 26",
        ),
        pytest.param(
            plan(Interval(4, "week"), min_interval_days=28),
            12,
            ["2026-03-11", "2026-04-08", "2026-05-06"],
            id="every four weeks",
        ),
        pytest.param(
            plan(Interval(4, "week"), min_interval_days=42),
            12,
            ["2026-03-11", "2026-04-22"],
            id="the practice's minimum is longer: every six weeks",
        ),
        pytest.param(
            plan(Interval(1, "month"), min_interval_days=28),
            14,
            ["2026-03-11", "2026-04-11", "2026-05-11"],
            id="months keep their day",
        ),
    ],
)
def test_each_further_session_is_due_after_the_one_before(
    numbers: Plan, weeks: int, days: list[str]
) -> None:
    found = sessions(due="2026-03-11", weeks=weeks, numbers=numbers)
    assert found == [(each, False) for each in days]


def test_only_the_first_of_several_is_booked() -> None:
    found = sessions(due="2026-03-11", booked="2026-03-18", weeks=26)
    assert found == [("2026-03-18", True), ("2026-06-10", False)]


def test_sessions_before_the_window_still_set_the_days_of_those_inside() -> None:
    found = sessions(since="2026-05-04", weeks=8, due="2026-03-11")
    assert found == [("2026-06-03", False)]


def test_a_short_interval_fills_a_year() -> None:
    """The shortest month decides how many may come: none is left out at the window's end."""
    daily = plan(Interval(1, "day"), min_interval_days=1)
    assert len(sessions(due=MONDAY, weeks=52, numbers=daily)) == 364
    weekly = sessions(due=MONDAY, weeks=52, numbers=plan(Interval(1, "week"), min_interval_days=7))
    assert [each for each, _ in weekly] == [str(day(MONDAY) + timedelta(7 * n)) for n in range(52)]
    monthly = plan(Interval(1, "month"), min_interval_days=1)
    months = sessions(since="2026-01-31", today="2026-01-31", weeks=9, due="2026-01-31",
                      numbers=monthly)  # fmt: skip
    assert [each for each, _ in months] == ["2026-01-31", "2026-03-01", "2026-04-01"]


@pytest.mark.parametrize(
    ("units", "vials"),
    [
        pytest.param(1, 1, id="the smallest dose opens a vial"),
        pytest.param(155, 1, id="PREEMPT's 155 U"),
        pytest.param(199.99, 1, id="a hundredth below a vial"),
        pytest.param(200, 1, id="a whole vial is one vial"),
        pytest.param(200.01, 2, id="a hundredth above it takes another"),
        pytest.param(400, 2, id="two whole ones"),
        pytest.param(400.01, 3, id="and a hundredth more"),
        pytest.param(0, 0, id="nothing needs none"),
    ],
)
def test_the_fewest_vials_of_200_units(units: float, vials: int) -> None:
    assert fewest_vials(round(units * 100)) == vials


@pytest.mark.parametrize(
    ("on", "begins"),
    [
        pytest.param("2026-03-04", "2026-03-04", id="the day it is counted from"),
        pytest.param("2026-03-10", "2026-03-04", id="the seventh day"),
        pytest.param("2026-03-11", "2026-03-11", id="the eighth: the next week"),
        pytest.param("2026-03-24", "2026-03-18", id="the last of the third"),
        pytest.param("2026-03-03", "2026-02-25", id="the day before belongs to the week before"),
    ],
)
def test_weeks_are_counted_from_the_day_asked_for_not_from_monday(on: str, begins: str) -> None:
    wednesday = date(2026, 3, 4)
    assert week_of(day(on), wednesday) == day(begins)


def test_a_session_takes_a_third_of_an_hour() -> None:
    assert CHAIR_MINUTES == 20
