"""Which calendar day a treatment belongs to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.clinic import Clinic

CHART = {"plan": "as_protocol"}


@pytest.mark.parametrize(
    ("zone", "given_at", "given_on", "due_on"),
    [
        pytest.param(
            "America/New_York", "2026-01-06T00:30:00Z", "2026-01-05", "2026-03-30", id="evening"
        ),
        pytest.param(
            "Pacific/Kiritimati", "2026-01-05T13:00:00Z", "2026-01-06", "2026-03-31", id="date line"
        ),
        pytest.param(
            "America/New_York",
            "2026-03-01T12:00:00-05:00",
            "2026-03-01",
            "2026-05-24",
            id="84 days across a change of clocks",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2026-01-05T13:15:00Z",
            "2026-01-06",
            "2026-03-31",
            id="an offset of eleven hours",
        ),
        pytest.param(
            "Asia/Kolkata", "2026-01-05T18:29:59Z", "2026-01-05", "2026-03-30", id="half an hour"
        ),
    ],
)
def test_the_day_at_the_location(
    clinic: Clinic, zone: str, given_at: str, given_on: str, due_on: str
) -> None:
    place = clinic.a_location(zone)
    course = clinic.a_course()
    body = {"status": "given", "given_at": given_at, "location_id": place["id"], "chart": CHART}
    given = clinic.post(f"/courses/{course['id']}/sessions", body)
    assert given["given_on"] == given_on
    assert given["schedule"]["due_on"] == due_on
    # The offset is another way to write the same instant, and is never dropped.
    assert datetime.fromisoformat(given["given_at"]) == datetime.fromisoformat(given_at)


@pytest.mark.parametrize(
    ("given_on", "due_on"),
    [
        ("2023-12-07", "2024-02-29"),
        ("2024-02-29", "2024-05-23"),
        ("2025-12-31", "2026-03-25"),
    ],
)
def test_84_days_over_leap_days_and_years(clinic: Clinic, given_on: str, due_on: str) -> None:
    assert clinic.a_course(given_on)["due_on"] == due_on


@pytest.mark.parametrize(
    ("now", "given_on", "due_on"),
    [
        ("2027-12-09T12:00:00", "2027-12-08", "2028-03-01"),
        ("2028-12-09T12:00:00", "2028-12-07", "2029-03-01"),
        ("2027-01-02T12:00:00", "2026-12-31", "2027-03-25"),
    ],
)
def test_84_days_over_leap_days_and_years_to_come(
    clinic: Clinic, now: str, given_on: str, due_on: str
) -> None:
    clinic.clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert clinic.a_course(given_on)["due_on"] == due_on


def test_without_a_location_the_practices_zone_decides(clinic: Clinic) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_at": "2026-01-06T00:30:00Z", "chart": CHART}
    given = clinic.post(f"/courses/{course['id']}/sessions", body)
    assert given["given_on"] == "2026-01-05"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        pytest.param({"given_on": "2031-01-05"}, "/given_on", id="a year mistyped"),
        pytest.param({"given_on": "2026-03-21"}, "/given_on", id="tomorrow"),
        pytest.param({"given_at": "2026-03-21T04:00:00Z"}, "/given_at", id="tomorrow in New York"),
        pytest.param({"given_on": "1980-05-16"}, "/given_on", id="the day before birth"),
        pytest.param({"given_at": "2026-03-20T10:00:00"}, "/given_at", id="no offset"),
    ],
)
def test_days_that_cannot_be(clinic: Clinic, said: dict[str, str], pointer: str) -> None:
    course = clinic.a_course()
    refusal = clinic.refusal(
        "POST", f"/courses/{course['id']}/sessions", {"status": "given", "chart": CHART, **said}
    )
    assert refusal["status"] == 422
    assert refusal["errors"][0]["pointer"] == pointer
    assert clinic.get(f"/courses/{course['id']}/sessions")["items"] == []


def test_the_future_is_judged_at_the_location(clinic: Clinic) -> None:
    clinic.clock.now = datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
    course = clinic.a_course()
    there = clinic.a_location("Pacific/Kiritimati")  # where the 21st has begun
    given = clinic.a_session(course["id"], "2026-03-21", location_id=there["id"])
    assert given["given_on"] == "2026-03-21"
    refusal = clinic.refusal(
        "POST",
        f"/courses/{course['id']}/sessions",
        {"status": "given", "given_on": "2026-03-21", "chart": CHART},
    )
    assert refusal["status"] == 422


def test_another_location_derives_the_day_again(clinic: Clinic) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_at": "2026-01-06T00:30:00Z", "chart": CHART}
    given = clinic.post(f"/courses/{course['id']}/sessions", body)
    there = clinic.a_location("Europe/Berlin")
    path = f"/sessions/{given['id']}"
    moved = clinic.patch(path, {"location_id": there["id"]})
    assert (moved["given_on"], moved["schedule"]["due_on"]) == ("2026-01-06", "2026-03-31")
    back = clinic.patch(path, {"location_id": None})
    assert (back["given_on"], back["schedule"]["due_on"]) == ("2026-01-05", "2026-03-30")
    assert back["given_at"] == given["given_at"]


def test_a_day_set_by_hand_clears_the_instant(clinic: Clinic) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_at": "2026-01-06T00:30:00Z", "chart": CHART}
    given = clinic.post(f"/courses/{course['id']}/sessions", body)
    path = f"/sessions/{given['id']}"
    by_hand = clinic.patch(path, {"given_on": "2026-01-04"})
    assert (by_hand["given_on"], by_hand["given_at"]) == ("2026-01-04", None)
    # Without an instant a new place has nothing to derive a day from.
    there = clinic.a_location("Pacific/Kiritimati")
    moved = clinic.patch(path, {"location_id": there["id"]})
    assert moved["given_on"] == "2026-01-04"
    again = clinic.patch(path, {"given_at": "2026-01-05T13:00:00Z"})
    assert again["given_on"] == "2026-01-06"


def test_a_locations_new_zone_changes_no_past_date(clinic: Clinic) -> None:
    place = clinic.a_location("America/New_York")
    course = clinic.a_course()
    body = {
        "status": "given",
        "given_at": "2026-01-06T00:30:00Z",
        "location_id": place["id"],
        "chart": CHART,
    }
    given = clinic.post(f"/courses/{course['id']}/sessions", body)
    clinic.patch(f"/locations/{place['id']}", {"time_zone": "Europe/Berlin"})
    assert clinic.get(f"/sessions/{given['id']}")["given_on"] == "2026-01-05"
    # Naming the place it has already is no change of place.
    same = clinic.patch(
        f"/sessions/{given['id']}", {"location_id": place["id"], "product": "Botox"}
    )
    assert same["given_on"] == "2026-01-05"
    assert clinic.wrong_dates() == []


def test_today_is_the_practices_local_date(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    clinic.clock.now = datetime(2026, 3, 30, 3, 59, tzinfo=UTC)  # 23:59 on the 29th
    assert clinic.schedule(course["id"])["status"] == "due_soon"
    assert clinic.get("/me")["today"] == "2026-03-29"
    clinic.clock.now = datetime(2026, 3, 30, 4, 0, tzinfo=UTC)
    assert clinic.schedule(course["id"])["status"] == "due"
    assert clinic.get("/worklist/summary")["on"] == "2026-03-30"


def test_a_new_zone_of_the_practice_holds_from_the_next_request_on(clinic: Clinic) -> None:
    clinic.clock.now = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
    assert clinic.get("/me")["today"] == "2026-03-20"
    clinic.settings(time_zone="Pacific/Kiritimati")
    assert clinic.get("/me")["today"] == "2026-03-21"
