"""Where a course stands on a day: its booking, its flags, how long it is overdue."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.domain.scheduling.schedule import Booking, Ending
from app.domain.scheduling.worklist import (
    Closure,
    StateFacts,
    bookings_in_order,
    missed_since,
    state_on,
)
from tests.support.builders import booked, closed, day, ended, facts, hold, noon, plan


@pytest.mark.parametrize(
    ("of", "on", "state", "shown"),
    [
        pytest.param(facts(), "2026-03-30", "unbooked", None, id="nothing booked"),
        pytest.param(
            facts(booked("2026-03-30")), "2026-03-01", "booked", "2026-03-30", id="booked ahead"
        ),
        pytest.param(
            facts(booked("2026-03-30")), "2026-03-30", "booked", "2026-03-30", id="on its own day"
        ),
        pytest.param(
            facts(booked("2026-03-30")),
            "2026-03-31",
            "unresolved",
            "2026-03-30",
            id="passed, no outcome",
        ),
        pytest.param(
            facts(booked("2026-03-30")), "2026-12-31", "unresolved", "2026-03-30", id="and for ever"
        ),
        pytest.param(
            facts(booked("2026-03-30"), booked("2026-04-13")),
            "2026-04-01",
            "booked",
            "2026-04-13",
            id="passed, but booked again",
        ),
        pytest.param(
            facts(booked("2026-03-30"), booked("2026-04-13")),
            "2026-03-30",
            "booked",
            "2026-03-30",
            id="the earliest from that day on",
        ),
        pytest.param(
            facts(booked("2026-03-30"), booked("2026-04-13")),
            "2026-04-14",
            "unresolved",
            "2026-03-30",
            id="both passed: the first",
        ),
        pytest.param(facts(missed="ending-1"), "2026-03-30", "missed", None, id="missed"),
        pytest.param(
            facts(booked("2026-04-13"), missed="ending-1"),
            "2026-04-01",
            "booked",
            "2026-04-13",
            id="missed, then booked again",
        ),
        pytest.param(
            facts(booked("2026-03-30"), missed="ending-1"),
            "2026-04-01",
            "unresolved",
            "2026-03-30",
            id="missed, then passed without outcome",
        ),
    ],
)
def test_booking_states(of: StateFacts, on: str, state: str, shown: str | None) -> None:
    found = state_on(day(on), of, plan())
    assert found.booking == state
    assert (found.booked.on if found.booked else None) == (day(shown) if shown else None)


@pytest.mark.parametrize(
    ("anchor", "endings", "missed"),
    [
        pytest.param("2026-01-05", [], None, id="nothing came to nothing"),
        pytest.param("2026-01-05", [ended("2026-03-30")], "ending-2026-03-30", id="no-show"),
        pytest.param(
            "2026-01-05",
            [ended("2026-03-30", "2026-02-01")],
            "ending-2026-03-30",
            id="cancelled by the patient",
        ),
        pytest.param(
            "2026-01-05",
            [ended("2026-03-30", by_patient=False)],
            None,
            id="cancelled by the clinic",
        ),
        pytest.param(
            "2026-01-05",
            [ended("2026-03-30"), ended("2026-04-13", by_patient=False)],
            None,
            id="missed, then the clinic cancelled",
        ),
        pytest.param(
            "2026-01-05",
            [ended("2026-04-13", "2026-03-01", by_patient=False), ended("2026-03-30")],
            "ending-2026-03-30",
            id="the latest event, not the latest slot",
        ),
        pytest.param("2026-01-05", [ended("2025-12-29")], None, id="missed before the anchor"),
        pytest.param(
            "2026-01-05",
            [ended("2025-12-29", "2026-01-12")],
            None,
            id="before the anchor, entered after it",
        ),
        pytest.param(
            "2026-01-05", [ended("2026-01-05")], None, id="cancelled and given on one day"
        ),
        pytest.param(
            "2026-01-05",
            [ended("2026-01-20", "2026-01-02")],
            None,
            id="gave up a later slot and came earlier",
        ),
        pytest.param(None, [ended("2025-12-29")], "ending-2025-12-29", id="not started, no-show"),
        pytest.param(
            "2026-01-05",
            [ended("2026-03-30", "2026-01-05")],
            "ending-2026-03-30",
            id="cancelled at the treatment itself",
        ),
        pytest.param(
            "2026-01-05", [ended("2026-01-06")], "ending-2026-01-06", id="for the day after it"
        ),
    ],
)
def test_missed_is_the_latest_ending_since_the_anchor(
    anchor: str | None, endings: list[Ending], missed: str | None
) -> None:
    assert missed_since(day(anchor) if anchor else None, endings) == missed
    assert missed_since(day(anchor) if anchor else None, reversed(endings)) == missed


def test_of_two_endings_at_one_instant_the_one_made_later_counts() -> None:
    at = noon(day("2026-03-30"))
    first = Ending("a", day("2026-03-30"), day("2026-01-05"), at, True)
    second = first._replace(id="b", by_patient=False)
    assert missed_since(None, [first, second]) is missed_since(None, [second, first]) is None


MAIN, UPSTAIRS = "location-main", "location-upstairs"


@pytest.mark.parametrize(
    ("of", "closures", "flags"),
    [
        pytest.param(facts(), [closed("2026-03-30")], [], id="no booking, no flag"),
        pytest.param(facts(booked("2026-03-30")), [], [], id="on the due date"),
        pytest.param(facts(booked("2026-03-29")), [], ["booked_early"], id="a day early"),
        pytest.param(facts(booked("2026-04-05")), [], [], id="the last day that is due"),
        pytest.param(facts(booked("2026-04-06")), [], ["booked_late"], id="the first overdue day"),
        pytest.param(
            facts(booked("2026-03-30")), [closed("2026-03-30")], ["booking_on_closure"], id="closed"
        ),
        pytest.param(
            facts(booked("2026-03-30")),
            [closed("2026-03-31", "2026-04-30"), closed("2026-03-01", "2026-03-29")],
            [],
            id="closed before and after",
        ),
        pytest.param(
            facts(booked("2026-03-30", location=MAIN)),
            [closed("2026-03-30", location=UPSTAIRS)],
            [],
            id="another place is closed",
        ),
        pytest.param(
            facts(booked("2026-03-30", location=MAIN, practitioner="dr-a")),
            [closed("2026-03-30", location=MAIN, by="dr-b")],
            [],
            id="that place, another person",
        ),
        pytest.param(
            facts(booked("2026-03-30", location=MAIN, practitioner="dr-a")),
            [closed("2026-03-30", location=MAIN, by="dr-a")],
            ["booking_on_closure"],
            id="that person in that place",
        ),
        pytest.param(
            facts(booked("2026-03-02")),
            [closed("2026-03-01", "2026-03-07")],
            ["booked_early", "booking_on_closure"],
            id="early and closed",
        ),
        pytest.param(
            facts(booked("2026-04-13"))._replace(earliest_on=None),
            [],
            ["booked_late"],
            id="no earliest day: not early",
        ),
        pytest.param(
            facts(booked("2026-06-01"), anchor=None, due="2026-02-02"),
            [],
            [],
            id="before the first session neither early nor late",
        ),
    ],
)
def test_flags(of: StateFacts, closures: list[Closure], flags: list[str]) -> None:
    assert state_on(day("2026-02-20"), of, plan(), closures).flags == flags


def test_a_booking_that_has_passed_raises_no_flag() -> None:
    found = state_on(day("2026-03-30"), facts(booked("2026-03-02")), plan(), [closed("2026-03-02")])
    assert (found.booking, found.flags) == ("unresolved", [])


@pytest.mark.parametrize(
    ("on", "days"),
    [
        pytest.param("2026-03-30", 0, id="on the due date"),
        pytest.param("2026-04-05", 0, id="still due"),
        pytest.param("2026-04-06", 7, id="overdue: days since the due date"),
        pytest.param("2026-06-22", 84, id="lapsed"),
        pytest.param("2026-01-05", 0, id="upcoming"),
    ],
)
def test_days_overdue(on: str, days: int) -> None:
    assert state_on(day(on), facts(), plan()).days_overdue == days


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(facts(anchor=None, due="2026-02-02"), id="not started"),
        pytest.param(facts(holds=(hold("2026-05-01"),)), id="on hold"),
        pytest.param(facts(closed=True), id="closed"),
    ],
)
def test_who_is_not_overdue_has_no_days_overdue(of: StateFacts) -> None:
    assert state_on(day("2026-06-01"), of, plan()).days_overdue == 0


def test_overdue_from_is_the_first_overdue_day_and_null_before_the_first_session() -> None:
    assert state_on(day("2026-02-02"), facts(), plan()).overdue_from == day("2026-04-06")
    waiting = facts(anchor=None, due="2026-02-02")
    assert state_on(day("2026-06-01"), waiting, plan()).overdue_from is None


def test_paperwork_and_bookings_never_change_the_status() -> None:
    for booking in ((), (booked("2026-03-02"),), (booked("2026-05-04"),)):
        for on, status in (("2026-03-30", "due"), ("2026-04-06", "overdue")):
            assert state_on(day(on), facts(*booking), plan()).status == status


def test_bookings_in_order_of_day_start_and_id() -> None:
    def slot(key: str, hour: int, on: str = "2026-03-30") -> Booking:
        starts = datetime(2026, 3, 30, hour, tzinfo=UTC)
        return Booking(key, day(on), starts, day("2026-01-05"))

    bookings = [slot("a", 8, "2026-03-31"), slot("b", 10), slot("d", 9), slot("c", 9)]
    assert [each.id for each in bookings_in_order(bookings)] == ["c", "d", "b", "a"]
