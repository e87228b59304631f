"""The dates of a course, what they were on an earlier day, and the reasons for them."""

from __future__ import annotations

import pytest

from app.domain.dates import Interval
from app.domain.scheduling.schedule import (
    Booking,
    Ending,
    History,
    Limit,
    Plan,
    Schedule,
    Step,
    compute,
)
from tests.support.builders import (
    booked,
    day,
    elsewhere,
    ended,
    given,
    history,
    hold,
    noon,
    not_before,
    only_if,
    plan,
)

JAN = given("2026-01-05")
NEVER = Limit("dose_cap", "patient", "patient-1", lambda wanted: None)


@pytest.mark.parametrize(
    ("past", "anchor", "due"),
    [
        pytest.param(history(JAN), "2026-01-05", "2026-03-30", id="84 days after the session"),
        pytest.param(
            history(JAN, given("2025-10-13")),
            "2026-01-05",
            "2026-03-30",
            id="older one entered later",
        ),
        pytest.param(
            history(given("2026-01-07")),
            "2026-01-07",
            "2026-04-01",
            id="its date corrected by two days",
        ),
        pytest.param(
            history(given("2025-10-13")), "2025-10-13", "2026-01-05", id="voided: the one before"
        ),
        pytest.param(
            history(JAN, elsewhere("2026-02-02")),
            "2026-02-02",
            "2026-04-27",
            id="given elsewhere since",
        ),
        pytest.param(
            history(JAN, elsewhere("2025-12-01")), "2026-01-05", "2026-03-30", id="elsewhere before"
        ),
        pytest.param(
            history(given("2025-12-08"), JAN),
            "2026-01-05",
            "2026-03-30",
            id="too early still counts",
        ),
        pytest.param(
            history(JAN, given("2026-01-09", continues=JAN.id)),
            "2026-01-09",
            "2026-04-03",
            id="continuation: its later date",
        ),
        pytest.param(
            history(given("2024-11-23")), "2024-11-23", "2025-02-15", id="imported, two years ago"
        ),
        pytest.param(
            history(given("2023-12-07")), "2023-12-07", "2024-02-29", id="due on the leap day"
        ),
        pytest.param(
            history(JAN, planned_start_on=day("2027-01-01")),
            "2026-01-05",
            "2026-03-30",
            id="a planned start is over once started",
        ),
    ],
)
def test_due_from_the_latest_treatment(past: History, anchor: str, due: str) -> None:
    found = compute(past, plan())
    assert found.anchor_on == day(anchor)
    assert found.clinical_due_on == found.earliest_on == found.due_on == day(due)


def test_the_thresholds_lie_around_the_due_date() -> None:
    found = compute(history(JAN), plan())
    assert found.due_soon_from == day("2026-03-16")
    assert found.overdue_from == day("2026-04-06")
    assert found.lapsed_from == day("2026-06-22")


@pytest.mark.parametrize(
    ("holds", "earliest", "due"),
    [
        pytest.param([("2026-02-01", "2026-03-29")], "2026-03-30", "2026-03-30", id="ends before"),
        pytest.param([("2026-03-30", "2026-03-30")], "2026-03-31", "2026-03-31", id="that one day"),
        pytest.param([("2026-03-01", "2026-04-12")], "2026-04-13", "2026-04-13", id="covers it"),
        pytest.param([("2026-03-31", "2026-04-30")], "2026-03-30", "2026-03-30", id="begins after"),
        pytest.param(
            [("2026-03-20", "2026-04-05"), ("2026-04-06", "2026-04-19")],
            "2026-04-20",
            "2026-04-20",
            id="two in a row",
        ),
        pytest.param(
            [("2026-04-03", "2026-04-19"), ("2026-03-20", "2026-04-05")],
            "2026-04-20",
            "2026-04-20",
            id="two that overlap, the later one first",
        ),
        pytest.param(
            [("2026-03-20", "2026-04-05"), ("2026-04-07", "2026-04-19")],
            "2026-04-06",
            "2026-04-06",
            id="a free day between two",
        ),
        pytest.param([("2026-03-01", None)], None, "2026-03-30", id="open-ended: null"),
        pytest.param([("2026-03-31", None)], "2026-03-30", "2026-03-30", id="open-ended, after it"),
        pytest.param(
            [("2026-03-20", "2026-04-05"), ("2026-04-04", None)],
            None,
            "2026-03-30",
            id="bounded, then open-ended",
        ),
        pytest.param([("2026-03-30", "2026-03-29")], "2026-03-30", "2026-03-30", id="withdrawn"),
        pytest.param(
            [("2026-03-01", "2200-12-31")], None, "2026-03-30", id="to the end of the calendar"
        ),
        pytest.param([("2026-03-01", "9999-12-31")], None, "2026-03-30", id="beyond any calendar"),
    ],
)
def test_holds_move_the_earliest_day(
    holds: list[tuple[str, str | None]], earliest: str | None, due: str
) -> None:
    found = compute(history(JAN, holds=tuple(hold(*each) for each in holds)), plan())
    assert found.earliest_on == (day(earliest) if earliest else None)
    assert found.due_on == day(due)
    assert found.clinical_due_on == day("2026-03-30")


@pytest.mark.parametrize(
    ("numbers", "limits", "earliest", "due", "rule"),
    [
        pytest.param(
            plan(), [], "2026-03-30", "2026-03-30", "interval", id="equal: the interval set it"
        ),
        pytest.param(
            plan(Interval(13, "week")), [], "2026-03-30", "2026-04-06", "interval", id="13 weeks"
        ),
        pytest.param(
            plan(Interval(3, "month")), [], "2026-03-30", "2026-04-05", "interval", id="3 months"
        ),
        pytest.param(
            plan(Interval(10, "week"), min_interval_days=70),
            [],
            "2026-03-16",
            "2026-03-16",
            "interval",
            id="a 10-week course",
        ),
        pytest.param(
            plan(Interval(10, "week")),
            [],
            "2026-03-30",
            "2026-03-30",
            "minimum_interval",
            id="10 weeks wanted, 84 days at least",
        ),
        pytest.param(
            plan(min_interval_days=91), [], "2026-04-06", "2026-04-06", "minimum_interval", id="91"
        ),
        pytest.param(
            plan(early_tolerance_days=14),
            [],
            "2026-03-30",
            "2026-03-30",
            "interval",
            id="tolerance is never for planning",
        ),
        pytest.param(
            plan(),
            [not_before("2026-04-05")],
            "2026-04-05",
            "2026-04-05",
            "payer_minimum",
            id="payer",
        ),
        pytest.param(
            plan(),
            [not_before("2026-03-01")],
            "2026-03-30",
            "2026-03-30",
            "interval",
            id="a payer that asks for less",
        ),
        pytest.param(plan(), [NEVER], None, "2026-03-30", "interval", id="no such day: null"),
        pytest.param(
            plan(),
            [not_before("2201-01-01")],
            None,
            "2026-03-30",
            "interval",
            id="past the calendar: null",
        ),
        pytest.param(
            plan(),
            [
                only_if("dose", lambda d: 10 <= d.day <= 20),
                only_if("weekday", lambda d: d.weekday() == 0),
            ],
            "2026-04-13",
            "2026-04-13",
            "weekday",
            id="two limits in turn",
        ),
    ],
)
def test_the_later_of_interval_and_earliest_day(
    numbers: Plan, limits: list[Limit], earliest: str | None, due: str, rule: str
) -> None:
    found = compute(history(JAN), numbers, limits)
    assert found.earliest_on == (day(earliest) if earliest else None)
    assert found.due
    assert (found.due_on, found.due.rule) == (day(due), rule)


def test_a_hold_and_a_limit_push_each_other_on() -> None:
    even_months = only_if("dose", lambda d: d.month % 2 == 0)
    past = history(JAN, holds=(hold("2026-03-30", "2026-05-03"), hold("2026-06-01", "2026-06-09")))
    assert compute(past, plan(), [even_months]).earliest_on == day("2026-06-10")


def test_a_limit_that_answers_with_an_earlier_day_is_no_limit() -> None:
    confused = Limit("dose", "patient", None, lambda wanted: day("2020-01-01"))
    assert compute(history(JAN), plan(), [confused]).earliest_on == day("2026-03-30")


@pytest.mark.parametrize("planned", [None, "2026-02-02"], ids=["no plan", "planned"])
def test_before_the_first_session_only_the_planned_start_is_known(planned: str | None) -> None:
    start = day(planned) if planned else None
    found = compute(history(holds=(hold("2026-01-01"),), planned_start_on=start), plan())
    assert found.due_on == start
    assert (found.due and found.due.rule) == ("planned_start" if planned else None)
    assert found._replace(due_on=None, due=None, planned=None) == Schedule()


AS_OF = History(
    treatments=[given("2025-10-13"), JAN],
    holds=[hold("2026-02-01", "2026-02-10")],
    bookings=[booked("2026-03-30", made_on="2026-01-20")],
    endings=[
        Ending("ending-1", day("2026-02-02"), day("2026-01-06"), noon(day("2026-02-02")), True)
    ],
    prior_cycles=2,
    planned_start_on=day("2025-10-13"),
    closed_on=day("2026-02-20"),
)


@pytest.mark.parametrize(
    ("on", "sessions", "holds", "bookings", "endings", "stopped"),
    [
        pytest.param("2025-10-12", 0, 0, 0, 0, False, id="before anything"),
        pytest.param("2025-10-13", 1, 0, 0, 0, False, id="the first session's day"),
        pytest.param("2026-01-04", 1, 0, 0, 0, False, id="the day before the second"),
        pytest.param("2026-01-05", 2, 0, 0, 0, False, id="the second session's day"),
        pytest.param("2026-01-06", 2, 0, 0, 1, False, id="a slot was booked"),
        pytest.param("2026-01-20", 2, 0, 1, 1, False, id="another was booked"),
        pytest.param("2026-02-01", 2, 1, 1, 1, False, id="the hold starts"),
        pytest.param("2026-02-19", 2, 1, 1, 1, False, id="the day before the stop"),
        pytest.param("2026-02-20", 2, 1, 1, 1, True, id="the stop"),
    ],
)
def test_as_of_leaves_out_what_came_after(
    on: str, sessions: int, holds: int, bookings: int, endings: int, stopped: bool
) -> None:
    seen = AS_OF.as_of(day(on))
    counts = (len(seen.treatments), len(seen.holds), len(seen.bookings), len(seen.endings))
    assert counts == (sessions, holds, bookings, endings)
    assert (seen.closed_on is not None) == stopped
    assert (seen.prior_cycles, seen.planned_start_on) == (2, day("2025-10-13"))


def test_as_of_a_day_between_two_sessions_is_due_from_the_first() -> None:
    assert compute(AS_OF.as_of(day("2026-01-04")), plan()).due_on == day("2026-01-05")


def test_the_reasons_of_a_due_date_moved_by_a_hold() -> None:
    past = history(JAN, holds=(hold("2026-03-01", "2026-04-12"),))
    told = [
        tuple(reason)[1:] for reason in compute(past, plan()).reasons() if reason.date == "due_on"
    ]
    assert told == [
        ("interval", day("2026-03-30"), False, "session", JAN.id),
        ("minimum_interval", day("2026-03-30"), False, "practice", None),
        ("hold", day("2026-04-13"), True, "hold", "hold-2026-03-01"),
    ]


def test_an_open_ended_hold_is_the_reason_for_no_earliest_day() -> None:
    told = compute(history(JAN, holds=(hold("2026-03-01"),)), plan()).reasons()
    decisive = {reason.date: reason for reason in told if reason.decisive}
    assert decisive["earliest_on"][1:] == ("hold", None, True, "hold", "hold-2026-03-01")
    assert decisive["due_on"][1:3] == ("interval", day("2026-03-30"))
    assert "treatable_from" not in decisive


def test_the_reasons_name_the_treatment_elsewhere_and_the_courses_own_minimum() -> None:
    own = plan(min_interval_days=91)._replace(min_from_course=True)
    told = compute(history(elsewhere("2026-01-05")), own).reasons()
    decisive = {reason.date: reason for reason in told if reason.decisive}
    assert decisive["anchor_on"][4:] == ("outside_session", "outside-2026-01-05")
    assert decisive["due_on"][1:] == ("minimum_interval", day("2026-04-06"), True, "course", None)


def test_before_the_first_session_the_planned_start_is_the_only_reason() -> None:
    told = compute(history(planned_start_on=day("2026-02-02")), plan()).reasons()
    assert told == [("due_on", "planned_start", day("2026-02-02"), True, "course", None)]
    assert compute(history(), plan()).reasons() == []


def test_endings_do_not_move_dates() -> None:
    past = history(JAN, endings=[ended("2026-03-30")], bookings=[booked("2026-02-02")])
    assert compute(past, plan()) == compute(history(JAN), plan())


def due(found: Schedule) -> Step:
    assert found.due is not None
    return found.due


def test_a_limit_may_move_the_day_into_a_hold_that_was_passed_over() -> None:
    past = history(JAN, holds=(hold("2026-04-10", "2026-04-20"),))
    assert compute(past, plan()).earliest_on == day("2026-03-30")
    found = compute(past, plan(), [not_before("2026-04-12")])
    assert (found.earliest_on, due(found).rule) == (day("2026-04-21"), "hold")
    assert (due(found).source_type, due(found).source_id) == ("hold", "hold-2026-04-10")


def test_the_last_day_of_the_calendar_is_a_day() -> None:
    found = compute(history(JAN), plan(), [not_before("2200-12-31")])
    assert found.earliest_on == found.due_on == day("2200-12-31")
    assert (due(found).source_type, due(found).source_id) == ("payer_policy", "policy-1")


def test_what_set_the_due_date_is_named() -> None:
    found = compute(history(JAN, elsewhere("2026-02-02")), plan())
    assert (due(found).source_type, due(found).source_id) == (
        "outside_session",
        "outside-2026-02-02",
    )
    waiting = compute(history(planned_start_on=day("2026-02-02")), plan())
    assert (due(waiting).source_type, due(waiting).source_id) == ("course", None)
    assert compute(history(), plan()).due is None


def test_a_new_practice_starts_with_these_numbers() -> None:
    """84 days at least and no tolerance; due soon 14 before; overdue 7, lapsed 84 after."""
    assert Plan(Interval(84, "day")) == (Interval(84, "day"), 84, 0, 14, 7, 84, False, False)


def test_a_new_course_has_no_history() -> None:
    assert History() == ((), (), (), (), 0, None, None, ())
    start = noon(day("2026-03-30"))
    booking = Booking("b", day("2026-03-30"), start, day("2026-01-05"))
    assert (booking.location_id, booking.practitioner_id, booking.confirmed) == (None, None, False)
