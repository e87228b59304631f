"""Days are the clinic's own: whatever the zone of the machine, and however near midnight it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.db.engine.engine import Database
from tests.support.clinic import Clinic, a_clinic

pytestmark = pytest.mark.verify

ZONES = [
    "UTC",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
]
ROOT = Path(__file__).parents[2]
# What speaks of days: the rules, and the stories over REST.
DATE_TESTS = [
    "tests/domain/test_dates.py",
    *(
        f"tests/domain/scheduling/test_{name}.py"
        for name in ("schedule", "status", "cycles", "properties")
    ),
    *(
        f"tests/api/scheduling/test_{name}.py"
        for name in ("cycle", "days", "anchor", "as_of", "holds")
    ),
]


@pytest.mark.parametrize("zone", ZONES)
def test_the_date_tests_pass_on_a_machine_anywhere(zone: str) -> None:
    # A run of its own: nothing of this one's databases or workers is handed down.
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "TWELVEWEEKS_"))}
    options = ["-q", "-n", "2", "--tb=short", "--show-capture=no", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-m", "not verify", *DATE_TESTS],
        cwd=ROOT,
        env=kept | {"TZ": zone},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    print(f"\n{zone}: {done.stdout.strip().splitlines()[-1]}")


def at(day: date, clock: str, zone: str) -> datetime:
    local = datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone))
    return local.astimezone(UTC)


@contextmanager
def a_day(database: Database, zone: str, day: date, clock: str) -> Iterator[Clinic]:
    with a_clinic(database, now=at(day, clock, zone), zone=zone) as clinic:
        yield clinic


TURNS = [
    pytest.param(zone, day, id=f"{zone}-{day}")
    for zone, days in {
        "UTC": ["2026-01-05"],
        "America/New_York": ["2026-03-08", "2026-11-01"],  # the clock changes on that day
        "Asia/Kolkata": ["2026-01-05"],
        "Pacific/Kiritimati": ["2026-12-31"],
        "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
        "America/Santiago": ["2026-09-06"],  # a day that begins at one o'clock
    }.items()
    for day in map(date.fromisoformat, days)
]


@pytest.mark.parametrize("clock", ["00:15", "23:45"])
@pytest.mark.parametrize(("zone", "day"), TURNS)
def test_near_midnight_today_is_the_clinics_day(
    database: Database, zone: str, day: date, clock: str
) -> None:
    if zone == "America/Santiago" and clock == "00:15":
        clock = "01:15"  # there is no quarter past midnight on that day
    with a_day(database, zone, day, clock) as clinic:
        assert clinic.get("/me")["today"] == str(day)

        course = clinic.a_course(planned_start_on=str(day))
        booking = clinic.a_booking(course["id"], clinic.clock().isoformat())
        given = clinic.post(f"/sessions/{booking['id']}/give", {"chart": {"plan": "as_protocol"}})
        assert given["given_on"] == str(day)
        due = day + timedelta(84)
        assert given["schedule"]["anchor_on"] == str(day)
        assert given["schedule"]["due_on"] == str(due)
        assert clinic.get("/demand")["from"] == str(day)

        # The instant with the offset of another zone is the same instant, on the same day here.
        elsewhere = clinic.clock().astimezone(ZoneInfo("Pacific/Auckland")).isoformat()
        second = clinic.a_course()
        said = {"status": "given", "given_at": elsewhere, "chart": {"total_units": 155}}
        recorded = clinic.post(f"/courses/{second['id']}/sessions", said)
        assert recorded["given_on"] == str(day)

        # Tomorrow has not come, and yesterday has gone.
        later = clinic.refusal(
            "POST",
            f"/courses/{second['id']}/sessions",
            {**said, "given_at": (clinic.clock() + timedelta(days=2)).isoformat()},
        )
        assert later["code"] == "invalid"


@pytest.mark.parametrize(("zone", "day"), TURNS)
def test_a_status_changes_at_local_midnight_and_not_a_second_off(
    database: Database, zone: str, day: date
) -> None:
    with a_day(database, zone, day - timedelta(84), "12:00") as clinic:
        course = clinic.a_course(str(day - timedelta(84)))
        path = f"/courses/{course['id']}"
        turns = [
            (-14, "upcoming", "due_soon"),
            (0, "due_soon", "due"),
            (7, "due", "overdue"),
            (84, "overdue", "lapsed"),
        ]
        for after, before_it, from_it in turns:
            turn = day + timedelta(after)
            midnight = at(turn, "00:00", zone)
            for moment, status, today in (
                (midnight - timedelta(seconds=1), before_it, turn - timedelta(1)),
                (midnight, from_it, turn),
            ):
                clinic.clock.now = moment
                assert clinic.get("/me")["today"] == str(today)
                assert clinic.get(f"{path}/schedule")["status"] == status
                [row] = clinic.get("/worklist")["items"]
                assert row["status"] == status
                assert clinic.get("/worklist/summary")["statuses"][status] == 1
                assert clinic.get(f"/worklist?status={status}")["items"] == [row]


def test_a_session_counts_on_the_day_of_its_own_place(database: Database) -> None:
    """One instant, three places, three calendar days."""
    with a_clinic(database, now=datetime(2026, 3, 20, 10, 30, tzinfo=UTC)) as clinic:
        days = {
            "Pacific/Kiritimati": "2026-03-21",
            "Asia/Kolkata": "2026-03-20",
            "Pacific/Pago_Pago": "2026-03-19",
        }
        for zone, day in days.items():
            place = clinic.post("/locations", {"name": zone, "time_zone": zone})
            course = clinic.a_course()
            said = {
                "status": "given",
                "given_at": "2026-03-20T10:15:00Z",
                "location_id": place["id"],
                "chart": {"plan": "as_protocol"},
            }
            given = clinic.post(f"/courses/{course['id']}/sessions", said)
            assert given["given_on"] == day
            due = date.fromisoformat(day) + timedelta(84)
            assert given["schedule"]["due_on"] == str(due)
