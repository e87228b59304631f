"""A schedule as of another day: today's record, without what came after that day."""

from __future__ import annotations

from tests.support.clinic import Clinic


def test_what_came_later_is_left_out(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13", "2026-01-05")
    id = course["id"]
    pause = {"from": "2026-03-10", "until": "2026-04-20", "reason": "travels"}
    clinic.post(f"/courses/{id}/hold", pause)
    booked = clinic.a_booking(id, "2026-04-21T09:00:00-04:00")
    clinic.post(f"/courses/{id}/stop", {"outcome": "stopped", "on": "2026-03-18"})

    # Before the second session: due from the first one.
    assert clinic.schedule(id, "2026-01-04")["anchor_on"] == "2025-10-13"
    assert clinic.schedule(id, "2026-01-04")["status"] == "due_soon"
    assert clinic.schedule(id, "2026-01-05")["anchor_on"] == "2026-01-05"
    # Before the hold, on it, and after the stop.
    before = clinic.schedule(id, "2026-03-09")
    assert (before["status"], before["due_on"]) == ("upcoming", "2026-03-30")
    held = clinic.schedule(id, "2026-03-10")
    assert (held["status"], held["due_on"]) == ("on_hold", "2026-04-21")
    assert clinic.schedule(id, "2026-03-18")["status"] == "closed"
    # Before the first session nothing had begun.
    assert clinic.schedule(id, "2025-10-12")["status"] == "not_started"
    assert booked["schedule"]["booking"]["state"] == "booked"


def test_a_booking_is_known_from_the_day_it_was_made(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
    assert clinic.schedule(course["id"], "2026-03-19")["booking"]["state"] == "unbooked"
    assert clinic.schedule(course["id"], "2026-03-20")["booking"]["state"] == "booked"
    # `on` applies another day to the facts as they stand now.
    assert clinic.row(course["id"], "on=2026-03-19")["booking"]["state"] == "booked"


def test_voids_and_corrections_always_apply(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13")
    wrong = clinic.a_session(course["id"], "2026-01-05")
    clinic.verb(wrong["id"], "void", {"reason": "wrong patient"})
    assert clinic.schedule(course["id"], "2026-01-06")["anchor_on"] == "2025-10-13"


def test_from_the_latest_fact_on_both_ways_agree(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13", "2026-01-05")
    clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
    same = ("status", "due_on", "earliest_on", "cycle", "flags", "actions", "booking")
    for on in ("2026-03-20", "2026-03-30", "2026-03-31", "2026-04-06", "2027-01-01"):
        schedule, row = clinic.schedule(course["id"], on), clinic.row(course["id"], f"on={on}")
        for name in same:
            assert schedule[name] == row[name], (on, name)


def test_asking_changes_nothing(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    written = len(clinic.changes())
    clinic.schedule(course["id"], "2040-01-01")
    assert len(clinic.changes()) == written
    assert clinic.get(f"/courses/{course['id']}") == course
