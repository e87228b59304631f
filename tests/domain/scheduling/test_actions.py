"""What has to be done for a course and by when, and the day suggested for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.scheduling.worklist import (
    Action,
    ActionCode,
    Closure,
    StateFacts,
    state_on,
    suggested_on,
)
from tests.support.builders import booked, closed, day, facts, hold, plan

MAIN, UPSTAIRS = "location-main", "location-upstairs"


@pytest.mark.parametrize(
    ("of", "on", "actions"),
    [
        pytest.param(
            facts(), "2026-01-10", [("book", "2026-03-16")], id="book when it is due soon"
        ),
        pytest.param(facts(), "2026-05-01", [("book", "2026-03-16")], id="overdue: still to book"),
        pytest.param(
            facts(missed="ending-1"),
            "2026-04-01",
            [("book", "2026-03-16")],
            id="missed: book again",
        ),
        pytest.param(
            facts(anchor=None, due="2026-02-02"),
            "2026-01-10",
            [("book", "2026-01-19")],
            id="not started, planned",
        ),
        pytest.param(
            facts(anchor=None, due=None), "2026-01-10", [("book", None)], id="no plan yet"
        ),
        pytest.param(
            facts(booked("2026-03-30")), "2026-03-01", [("confirm", "2026-03-27")], id="confirm"
        ),
        pytest.param(
            facts(booked("2026-03-30")),
            "2026-03-30",
            [("confirm", "2026-03-27")],
            id="on its own day",
        ),
        pytest.param(facts(booked("2026-03-30", confirmed=True)), "2026-03-01", [], id="confirmed"),
        pytest.param(
            facts(booked("2026-03-30", confirmed=True)),
            "2026-03-31",
            [("close_booking", "2026-03-30")],
            id="passed: say what came of it",
        ),
        pytest.param(
            facts(booked("2026-03-30"), booked("2026-04-13")),
            "2026-04-01",
            [("close_booking", "2026-03-30"), ("confirm", "2026-04-10")],
            id="close one, confirm the next",
        ),
        pytest.param(
            facts(holds=(hold("2026-03-01", None, "2026-04-01"),)),
            "2026-03-15",
            [("review_hold", "2026-04-01")],
            id="on hold: review it, do not book",
        ),
        pytest.param(
            facts(holds=(hold("2026-03-01", "2026-03-20"),)),
            "2026-03-15",
            [],
            id="a hold that ends by itself",
        ),
        pytest.param(
            facts(holds=(hold("2026-03-01", None, "2026-04-01"),)),
            "2026-02-20",
            [("book", "2026-03-16")],
            id="a hold still to come",
        ),
        pytest.param(
            facts(booked("2026-03-30"), holds=(hold("2026-03-01", None, "2026-03-10"),)),
            "2026-03-05",
            [("review_hold", "2026-03-10"), ("confirm", "2026-03-27")],
            id="on hold with a booking",
        ),
        pytest.param(facts(closed=True), "2026-03-30", [], id="closed: nothing to do"),
    ],
)
def test_actions_by_the_day_they_have_to_be_done(
    of: StateFacts, on: str, actions: list[tuple[str, str | None]]
) -> None:
    found = state_on(day(on), of, plan()).actions
    assert [(each.code, each.act_by) for each in found] == [
        (code, day(by) if by else None) for code, by in actions
    ]


def test_an_action_names_what_it_is_about() -> None:
    of = facts(booked("2026-03-30"), holds=(hold("2026-03-01", None, "2026-04-01"),))
    assert state_on(day("2026-04-02"), of, plan()).actions == [
        Action(ActionCode.CLOSE_BOOKING, day("2026-03-30"), "session", "booking-2026-03-30"),
        Action(ActionCode.REVIEW_HOLD, day("2026-04-01"), "hold", "hold-2026-03-01"),
    ]
    assert state_on(day("2026-02-02"), facts(), plan()).actions == [
        Action(ActionCode.BOOK, day("2026-03-16"), "course", None)
    ]
    assert state_on(day("2026-02-02"), facts(booked("2026-03-30")), plan()).actions == [
        Action(ActionCode.CONFIRM, day("2026-03-27"), "session", "booking-2026-03-30")
    ]


def test_actions_of_one_day_come_in_the_order_of_the_steps() -> None:
    """Say what became of a booking, review the hold, then confirm the next booking."""
    of = facts(
        booked("2026-03-30"),
        booked("2026-04-02"),
        holds=(hold("2026-03-01", None, "2026-03-30"),),
    )
    found = state_on(day("2026-03-31"), of, plan()).actions
    assert [(each.code, str(each.act_by)) for each in found] == [
        ("close_booking", "2026-03-30"),
        ("review_hold", "2026-03-30"),
        ("confirm", "2026-03-30"),
    ]


@pytest.mark.parametrize(
    ("closures", "suggested"),
    [
        pytest.param([], "2026-03-30", id="open"),
        pytest.param([closed("2026-03-30")], "2026-03-31", id="closed that day: the day after"),
        pytest.param([closed("2026-03-29", "2026-04-06")], "2026-04-07", id="Easter week"),
        pytest.param([closed("2026-03-28", "2026-03-29")], "2026-03-30", id="the weekend before"),
        pytest.param(
            [closed("2026-04-01", "2026-04-06"), closed("2026-03-30", "2026-03-31")],
            "2026-04-07",
            id="two that touch, in any order",
        ),
        pytest.param([closed("2026-03-30", location=MAIN)], "2026-03-31", id="this place"),
        pytest.param([closed("2026-03-30", location=UPSTAIRS)], "2026-03-30", id="another place"),
        pytest.param([closed("2026-03-30", by="dr-a")], "2026-03-31", id="this person"),
        pytest.param([closed("2026-03-30", by="dr-b")], "2026-03-30", id="another person"),
        pytest.param(
            [closed("2026-03-30", location=UPSTAIRS, by="dr-a")],
            "2026-03-30",
            id="this person in another place",
        ),
        pytest.param([closed("2026-01-01", "2027-12-31")], None, id="closed for more than a year"),
    ],
)
def test_the_suggested_day_is_open_and_never_before_the_due_date(
    closures: list[Closure], suggested: str | None
) -> None:
    expected = day(suggested) if suggested else None
    assert suggested_on(day("2026-03-30"), closures, MAIN, "dr-a") == expected


@pytest.mark.parametrize(
    ("until", "suggested"),
    [
        pytest.param("2027-03-29", "2027-03-30", id="the last of 366 days is open"),
        pytest.param("2027-03-30", None, id="all of them are closed"),
    ],
)
def test_a_year_and_a_day_is_looked_at(until: str, suggested: str | None) -> None:
    expected = day(suggested) if suggested else None
    assert suggested_on(day("2026-03-30"), [closed("2026-03-30", until)], None, None) == expected


def test_no_due_date_no_suggestion() -> None:
    assert suggested_on(None, [closed("2026-03-30")], None, None) is None


def test_due_on_a_sunday_that_is_closed() -> None:
    sunday = day("2026-03-29")
    assert sunday.weekday() == 6
    sundays = [Closure(each, each) for each in (sunday + timedelta(7 * n) for n in range(-4, 5))]
    assert suggested_on(sunday, sundays, None, None) == day("2026-03-30")


def test_the_suggestion_is_for_the_place_and_person_of_the_booking() -> None:
    closures = [closed("2026-03-30", location=UPSTAIRS)]
    usual = facts(location=MAIN, practitioner="dr-a")
    here = state_on(day("2026-02-20"), usual, plan(), closures)
    assert (here.location_id, here.practitioner_id) == (MAIN, "dr-a")
    assert here.suggested_on == day("2026-03-30")
    there = usual._replace(bookings=(booked("2026-03-31", location=UPSTAIRS, practitioner="dr-b"),))
    moved = state_on(day("2026-02-20"), there, plan(), closures)
    assert (moved.location_id, moved.practitioner_id) == (UPSTAIRS, "dr-b")
    assert moved.suggested_on == day("2026-03-31")


def test_a_booking_without_place_or_person_leaves_the_usual_ones() -> None:
    usual = facts(booked("2026-03-31"), location=MAIN, practitioner="dr-a")
    found = state_on(day("2026-02-20"), usual, plan())
    assert (found.location_id, found.practitioner_id) == (MAIN, "dr-a")
