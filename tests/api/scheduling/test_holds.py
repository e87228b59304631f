"""Holds, stops and what is given in spite of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clinic import Clinic


def hold(clinic: Clinic, course: Any, since: str, until: str | None = None, **said: Any) -> Any:
    body = {"from": since, "until": until, "reason": "pregnant", **said}
    return clinic.post(f"/courses/{course['id']}/hold", body)


@pytest.mark.parametrize(
    ("since", "until", "earliest", "due"),
    [
        pytest.param("2026-03-01", "2026-04-12", "2026-04-13", "2026-04-13", id="moves it"),
        pytest.param("2026-03-01", "2026-03-29", "2026-03-30", "2026-03-30", id="ends before it"),
        pytest.param("2026-03-30", "2026-03-30", "2026-03-31", "2026-03-31", id="that day alone"),
        pytest.param("2026-03-31", "2026-05-31", "2026-03-30", "2026-03-30", id="begins after it"),
        pytest.param("2026-03-01", None, None, "2026-03-30", id="no end"),
    ],
)
def test_what_a_hold_moves(
    clinic: Clinic, since: str, until: str | None, earliest: str | None, due: str
) -> None:
    course = clinic.a_course("2026-01-05")
    held = hold(clinic, course, since, until, review_on="2026-04-15")
    assert (held["earliest_on"], held["due_on"]) == (earliest, due)
    schedule = clinic.schedule(course["id"])
    assert schedule["clinical_due_on"] == "2026-03-30"
    decisive = next(r for r in schedule["reasons"] if r["date"] == "due_on" and r["decisive"])
    assert decisive["rule"] == ("hold" if due > "2026-03-30" else "interval")
    assert clinic.row(course["id"])["decisive_reason"]["rule"] == decisive["rule"]
    assert clinic.wrong_dates() == []


def test_an_open_end_needs_a_day_of_review(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    body = {"from": "2026-03-01", "until": None, "reason": "pregnant"}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/hold", body)
    assert refusal["errors"][0]["pointer"] == "/review_on"
    hold(clinic, course, "2026-03-01", review_on="2026-03-25")
    schedule = clinic.schedule(course["id"])
    assert schedule["status"] == "on_hold"
    assert (schedule["next_action"]["code"], schedule["next_action"]["act_by"]) == (
        "review_hold",
        "2026-03-25",
    )
    assert clinic.row(course["id"], "action=review_hold&act_by=2026-03-25") is not None
    assert clinic.row(course["id"], "action=review_hold&act_by=2026-03-24") is None


def test_a_hold_ends_after_it_begins(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    body = {"from": "2026-03-10", "until": "2026-03-09", "reason": "travels"}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/hold", body)
    assert refusal["errors"][0]["pointer"] == "/until"


def test_resumed_the_first_day_of_treatment_is_the_day_named(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    hold(clinic, course, "2026-03-01", review_on="2026-04-15")
    resumed = clinic.post(f"/courses/{course['id']}/resume", {"on": "2026-04-10"})
    assert (resumed["earliest_on"], resumed["due_on"]) == ("2026-04-10", "2026-04-10")
    assert clinic.schedule(course["id"])["status"] == "on_hold"
    assert clinic.row(course["id"], "on=2026-04-10")["status"] == "due"


def test_resumed_on_its_first_day_a_hold_never_was(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    hold(clinic, course, "2026-03-20", "2026-05-31")
    assert clinic.schedule(course["id"])["status"] == "on_hold"
    resumed = clinic.post(f"/courses/{course['id']}/resume")
    assert resumed["due_on"] == "2026-03-30"
    for on in ("2026-03-19", "2026-03-20", "2026-03-21"):
        assert clinic.row(course["id"], f"on={on}")["status"] == "due_soon"
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/resume")
    assert refusal["code"] == "wrong-state"
    assert clinic.wrong_dates() == []


def test_two_holds_end_together(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    hold(clinic, course, "2026-03-01", "2026-04-30")
    hold(clinic, course, "2026-03-10", review_on="2026-05-01")
    resumed = clinic.post(f"/courses/{course['id']}/resume", {"on": "2026-03-20"})
    assert resumed["earliest_on"] == "2026-03-30"
    assert clinic.schedule(course["id"])["status"] == "due_soon"


def test_stopped_and_taken_up_again(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    past = clinic.a_booking(course["id"], "2026-03-19T09:00:00-04:00")
    today = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")
    stopped = clinic.post(
        f"/courses/{course['id']}/stop", {"outcome": "stopped", "reason": "no response"}
    )
    assert (stopped["state"], stopped["closed_on"]) == ("stopped", "2026-03-20")
    assert clinic.get(f"/sessions/{today['id']}")["status"] == "cancelled"
    assert clinic.get(f"/sessions/{past['id']}")["status"] == "booked"
    assert clinic.row(course["id"]) is None
    closed = clinic.row(course["id"], "status=closed")
    assert (closed["status"], closed["next_action"]) == ("closed", None)
    assert clinic.get(f"/courses/{course['id']}/projection")["sessions"] == []
    for verb, body in (
        ("stop", {"outcome": "completed"}),
        ("hold", {"from": "2026-03-20", "until": "2026-03-21", "reason": "travels"}),
    ):
        refusal = clinic.refusal("POST", f"/courses/{course['id']}/{verb}", body)
        assert (refusal["code"], refusal["state"]) == ("wrong-state", "stopped")
    resumed = clinic.post(f"/courses/{course['id']}/resume")
    assert (resumed["state"], resumed["closed_on"], resumed["close_reason"]) == (
        "active",
        None,
        None,
    )
    assert clinic.row(course["id"])["status"] == "overdue"


def test_a_stop_lies_not_ahead(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    body = {"outcome": "completed", "on": "2026-03-21"}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/stop", body)
    assert refusal["errors"] == [{"pointer": "/on", "detail": "lies in the future"}]
    stopped = clinic.post(f"/courses/{course['id']}/stop", body | {"on": "2026-02-01"})
    assert stopped["closed_on"] == "2026-02-01"


def test_what_happened_on_a_hold_is_recorded_with_a_finding(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13")
    hold(clinic, course, "2026-01-01", "2026-01-31")
    given = clinic.a_session(course["id"], "2026-01-15")
    assert [f["code"] for f in given["findings"]] == ["during_hold"]
    moved = clinic.patch(f"/sessions/{given['id']}", {"given_on": "2026-02-01"})
    assert moved["findings"] == []


def test_what_happened_after_a_stop_is_recorded_with_a_finding(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13")
    booked = clinic.a_booking(course["id"], "2026-03-19T09:00:00-04:00")
    clinic.post(f"/courses/{course['id']}/stop", {"outcome": "stopped", "on": "2026-03-01"})
    given = clinic.verb(
        booked["id"], "give", {"given_on": "2026-03-19", "chart": {"total_units": 155}}
    )
    codes = [f["code"] for f in given["findings"]]
    assert codes == ["sites_not_recorded", "course_closed"]
    assert given["schedule"]["status"] == "closed"
    assert clinic.get(f"/courses/{course['id']}")["anchor_on"] == "2026-03-19"
