"""The status ladder, swept over the days before and after a due date."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby

import pytest

from app.domain.scheduling.schedule import History, Plan, compute
from app.domain.scheduling.worklist import STATUSES, status_on
from tests.support.builders import DAY, day, elsewhere, given, history, hold, plan


def status(past: History, on: date, numbers: Plan | None = None) -> str:
    """The status as every surface asks for it: from the dates, which know no today."""
    numbers = numbers or plan()
    found = compute(past, numbers)
    return status_on(
        on,
        closed=past.closed_on is not None,
        started=found.anchor_on is not None,
        due_on=found.due_on,
        holds=past.holds,
        plan=numbers,
    )


def swept(past: History, first: str, last: str, numbers: Plan | None = None) -> list[list[str]]:
    """The stretches of equal status from `first` to `last`: [status, first day, last day]."""
    days = [day(first) + timedelta(n) for n in range((day(last) - day(first)).days + 1)]
    runs = groupby(days, key=lambda each: status(past, each, numbers))
    return [
        [name, str(stretch[0]), str(stretch[-1])] for name, run in runs for stretch in [list(run)]
    ]


JAN = given("2026-01-05")


@pytest.mark.parametrize(
    ("past", "numbers", "stretches"),
    [
        pytest.param(
            history(JAN),
            plan(),
            [
                ["upcoming", "2026-01-05", "2026-03-15"],
                ["due_soon", "2026-03-16", "2026-03-29"],
                ["due", "2026-03-30", "2026-04-05"],
                ["overdue", "2026-04-06", "2026-06-21"],
                ["lapsed", "2026-06-22", "2026-12-31"],
            ],
            id="the defaults: 14 before, 7 and 84 after",
        ),
        pytest.param(
            history(JAN),
            plan(lead_days=30, overdue_after_days=1, lapsed_after_days=30),
            [
                ["upcoming", "2026-01-05", "2026-02-27"],
                ["due_soon", "2026-02-28", "2026-03-29"],
                ["due", "2026-03-30", "2026-03-30"],
                ["overdue", "2026-03-31", "2026-04-28"],
                ["lapsed", "2026-04-29", "2026-12-31"],
            ],
            id="a stricter practice",
        ),
        pytest.param(
            history(JAN),
            plan(lead_days=0, overdue_after_days=0, lapsed_after_days=0),
            [["upcoming", "2026-01-05", "2026-03-29"], ["lapsed", "2026-03-30", "2026-12-31"]],
            id="every number nought",
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-03-01", "2026-04-12"),)),
            plan(),
            [
                ["upcoming", "2026-01-05", "2026-02-28"],
                ["on_hold", "2026-03-01", "2026-04-12"],
                ["due", "2026-04-13", "2026-04-19"],
                ["overdue", "2026-04-20", "2026-07-05"],
                ["lapsed", "2026-07-06", "2026-12-31"],
            ],
            id="a hold over the due date moves it",
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-04-10", "2026-04-20"),)),
            plan(),
            [
                ["upcoming", "2026-01-05", "2026-03-15"],
                ["due_soon", "2026-03-16", "2026-03-29"],
                ["due", "2026-03-30", "2026-04-05"],
                ["overdue", "2026-04-06", "2026-04-09"],
                ["on_hold", "2026-04-10", "2026-04-20"],
                ["overdue", "2026-04-21", "2026-06-21"],
                ["lapsed", "2026-06-22", "2026-12-31"],
            ],
            id="a hold that begins after the due date does not",
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-03-20"),)),
            plan(),
            [
                ["upcoming", "2026-01-05", "2026-03-15"],
                ["due_soon", "2026-03-16", "2026-03-19"],
                ["on_hold", "2026-03-20", "2026-12-31"],
            ],
            id="open-ended",
        ),
        pytest.param(
            history(planned_start_on=day("2026-02-02"), holds=(hold("2026-03-01", "2026-03-07"),)),
            plan(),
            [
                ["not_started", "2026-01-05", "2026-02-28"],
                ["on_hold", "2026-03-01", "2026-03-07"],
                ["not_started", "2026-03-08", "2026-12-31"],
            ],
            id="not started: never overdue",
        ),
        pytest.param(
            history(), plan(), [["not_started", "2026-01-05", "2026-12-31"]], id="no planned start"
        ),
        pytest.param(
            history(JAN, closed_on=day("2026-02-20"), holds=(hold("2026-02-01"),)),
            plan(),
            [["closed", "2026-01-05", "2026-12-31"]],
            id="closed, whatever else is so",
        ),
    ],
)
def test_a_year_of_days(past: History, numbers: Plan, stretches: list[list[str]]) -> None:
    assert swept(past, "2026-01-05", "2026-12-31", numbers) == stretches


@pytest.mark.parametrize("anchor", ["2023-12-07", "2024-02-29", "2026-01-05", "2027-12-08"])
def test_every_day_has_one_status_and_they_only_go_forward(anchor: str) -> None:
    found = compute(history(given(anchor)), plan())
    assert found.due_on
    assert found.due_soon_from
    assert found.overdue_from
    assert found.lapsed_from
    for n in range(-300, 301):
        on = found.due_on + timedelta(n)
        spans = {
            "upcoming": on < found.due_soon_from,
            "due_soon": found.due_soon_from <= on < found.due_on,
            "due": found.due_on <= on < found.overdue_from,
            "overdue": found.overdue_from <= on < found.lapsed_from,
            "lapsed": found.lapsed_from <= on,
        }
        assert [status(history(given(anchor)), on)] == [
            name for name, within in spans.items() if within
        ]


@pytest.mark.parametrize(
    ("past", "on", "expected"),
    [
        pytest.param(history(JAN), "2026-03-30", "due", id="on the due date: due, not overdue"),
        pytest.param(history(JAN), "2026-04-05", "due", id="six days after it: still due"),
        pytest.param(history(JAN), "2026-04-06", "overdue", id="seven days after: overdue"),
        pytest.param(
            history(given("2024-11-23")),
            "2026-11-23",
            "lapsed",
            id="treated two years ago: at once",
        ),
        pytest.param(
            history(given("2025-10-13")),
            "2026-02-20",
            "overdue",
            id="last one voided: the one before",
        ),
        pytest.param(
            history(JAN, given("2025-07-21")),
            "2026-03-29",
            "due_soon",
            id="older one entered later",
        ),
        pytest.param(history(elsewhere("2026-01-05")), "2026-03-30", "due", id="treated elsewhere"),
        pytest.param(
            history(JAN, given("2026-03-30")), "2026-03-30", "upcoming", id="given on the due date"
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-03-30", "2026-04-12"),)),
            "2026-04-12",
            "on_hold",
            id="a hold's last day is held",
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-03-30", "2026-04-12"),)),
            "2026-04-13",
            "due",
            id="the day after it is free",
        ),
        pytest.param(
            history(JAN, holds=(hold("2026-03-30", "2026-03-29"),)),
            "2026-03-30",
            "due",
            id="a withdrawn hold holds nothing",
        ),
    ],
)
def test_single_days(past: History, on: str, expected: str) -> None:
    assert status(past, day(on)) == expected


def test_the_ladder_is_read_from_the_top() -> None:
    """Take away the topmost reason again and again: the next line stands."""
    late = day("2027-01-01")
    held = history(JAN, holds=(hold("2026-12-01"),), closed_on=late)
    ladder = [
        status(held, late),
        status(held._replace(closed_on=None), late),
        status(held._replace(closed_on=None, holds=(), treatments=[]), late),
        status(held._replace(closed_on=None, holds=()), late),
        *(status(history(JAN), day(on)) for on in ("2026-06-21", "2026-04-05", "2026-03-29")),
        status(history(JAN), JAN.on),
    ]
    assert ladder == list(STATUSES)


def test_a_session_moves_the_patient_back_to_upcoming() -> None:
    late = day("2026-05-01")
    treated = history(JAN, given("2026-05-01"))
    assert status(history(JAN), late) == "overdue"
    assert status(treated, late) == "upcoming"
    assert status(treated, late - DAY) == "upcoming", "`on` applies to the facts as they stand"
    assert status(treated.as_of(late - DAY), late - DAY) == "overdue", "`as_of` leaves it out"


def test_a_course_without_a_due_date_is_not_started_whatever_else_it_says() -> None:
    for started in (False, True):
        found = status_on(
            day("2026-06-01"), closed=False, started=started, due_on=None, holds=(), plan=plan()
        )
        assert found == "not_started"
