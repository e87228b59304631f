"""T-07: many hands on one course lose no change, and leave its dates right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from app.db.engine.engine import Database
from app.services.scheduling import verification
from tests.support.serving import Client, Served, at_once, served

pytestmark = pytest.mark.verify

HANDS = 16
TRIES = 2_000
FIRST = date(2026, 1, 5)


@pytest.fixture
def there(database: Database) -> Iterator[Served]:
    with served(database) as there:
        yield there


def unsound(there: Served) -> list[Any]:
    """The courses whose stored dates are not what their history says."""
    checked = verification.check(there.clinic.database, practice_id=there.clinic.practice_id)
    return [course for course in checked if course.differences or course.waiting]


def add_one(client: Client, path: str, field: str) -> int:
    """Read the counter kept in `field`, write it back increased by one; the answer's status."""
    seen = client.call("GET", path)
    assert seen.status == 200, seen.body
    if field == "planned_start_on":
        body = {field: str(date.fromisoformat(seen.json[field]) + timedelta(1))}
    else:
        body = {field: str(int(seen.json[field]) + 1)}
    return client.call("PATCH", path, body, if_match=seen.headers["etag"]).status


def test_2000_tries_on_one_course_lose_no_update(there: Served) -> None:
    """Half of them change the course and half its session, which share a version."""
    course = there.clinic.a_course(planned_start_on=str(FIRST))
    partial = {"completeness": "partial", "reason": "0"}
    session = there.clinic.a_session(course["id"], "2026-01-05", **partial)
    counters = {
        f"/courses/{course['id']}": "planned_start_on",
        f"/sessions/{session['id']}": "reason",
    }

    def hand(number: int) -> Counter[tuple[str, int]]:
        path, field = list(counters.items())[number % 2]
        with there.client() as client:
            return Counter((field, add_one(client, path, field)) for _ in range(TRIES // HANDS))

    statuses = sum(at_once(HANDS, hand), Counter[tuple[str, int]]())
    print(f"\n{dict(statuses)}")
    assert {status for _, status in statuses} <= {200, 412}
    assert statuses.total() == TRIES
    moved = date.fromisoformat(there.clinic.get(f"/courses/{course['id']}")["planned_start_on"])
    assert (moved - FIRST).days == statuses["planned_start_on", 200] > 0
    reason = there.clinic.get(f"/sessions/{session['id']}")["reason"]
    assert int(reason) == statuses["reason", 200] > 0
    assert statuses["planned_start_on", 412] + statuses["reason", 412] > 0
    assert unsound(there) == []


def test_2000_tries_on_one_plain_record_lose_no_update(there: Served) -> None:
    place = there.clinic.post("/locations", {"name": "0", "time_zone": "America/New_York"})
    path = f"/locations/{place['id']}"

    def hand(_: int) -> Counter[int]:
        with there.client() as client:
            return Counter(add_one(client, path, "name") for _ in range(TRIES // HANDS))

    statuses = sum(at_once(HANDS, hand), Counter[int]())
    print(f"\n{dict(statuses)}")
    assert statuses.keys() <= {200, 412}
    assert int(there.clinic.get(path)["name"]) == statuses[200] > 0


def test_treatments_recorded_at_once_leave_the_dates_right(there: Served) -> None:
    """Each of them moves the course's dates, so each must have seen the ones before it."""
    course = there.clinic.a_course()
    path = f"/courses/{course['id']}/sessions"
    days = [FIRST - timedelta(84 * ago) for ago in range(HANDS * 3)]

    def hand(number: int) -> list[int]:
        with there.client() as client:
            bodies = [
                {"status": "given", "given_on": str(day), "chart": {"total_units": 155}}
                for day in days[number::HANDS]
            ]
            return [client.call("POST", path, body).status for body in bodies]

    statuses = Counter(status for hand in at_once(HANDS, hand) for status in hand)
    assert statuses == {201: len(days)}
    schedule = there.clinic.schedule(course["id"])
    assert schedule["cycle"] == len(days) + 1
    assert schedule["anchor_on"] == str(FIRST)
    assert unsound(there) == []


def test_bookings_moves_and_verbs_at_once_leave_the_dates_right(there: Served) -> None:
    """Of the verbs that exclude each other one wins, and the others are told the state."""
    course = there.clinic.a_course("2026-01-05")
    path = f"/courses/{course['id']}/sessions"
    chart = {"plan": "as_protocol"}

    def hand(number: int) -> list[tuple[str, int]]:
        done = []
        with there.client() as client:
            start = f"2026-04-{number + 1:02}T09:00:00-04:00"
            booking = {"status": "booked", "starts_at": start, "override_reason": "as agreed"}
            booked = client.call("POST", path, booking)
            done.append(("book", booked.status))
            mine = f"/sessions/{booked.json['id']}"
            if number % 2:
                given = {"given_on": "2026-03-19", "chart": chart}
                done.append(("give", client.call("POST", f"{mine}/give", given).status))
            else:
                done.append(
                    ("cancel", client.call("POST", f"{mine}/cancel", {"by": "clinic"}).status)
                )
        return done

    statuses = Counter(step for steps in at_once(HANDS, hand) for step in steps)
    assert statuses == {
        ("book", 201): HANDS,
        ("give", 200): HANDS // 2,
        ("cancel", 200): HANDS // 2,
    }
    assert unsound(there) == []

    last = there.clinic.a_booking(course["id"], "2026-07-01T09:00:00-04:00")
    mine = f"/sessions/{last['id']}"
    rivals = [("give", {"chart": chart}), ("cancel", {"by": "patient"}), ("no-show", {})]

    def rival(number: int) -> tuple[str, int]:
        verb, body = rivals[number % len(rivals)]
        with there.client() as client:
            return verb, client.call("POST", f"{mine}/{verb}", body).status

    settled = Counter(at_once(HANDS, rival))
    won = {verb: count for (verb, status), count in settled.items() if status == 200}
    assert {status for _, status in settled} == {200, 409}
    assert len(won) == 1, settled
    states = {"give": "given", "cancel": "cancelled", "no-show": "no_show"}
    assert there.clinic.get(mine)["status"] == states[next(iter(won))]
    assert unsound(there) == []
