"""Planning: what may be booked, and what a booking says about the course."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clinic import Clinic

EARLY = "2026-03-29T09:00:00-04:00"  # the day before the earliest one
ON_TIME = "2026-03-30T09:00:00-04:00"


def try_to_book(clinic: Clinic, course: Any, starts_at: str, **said: Any) -> Any:
    body = {"status": "booked", "starts_at": starts_at, **said}
    return clinic.call("POST", f"/courses/{course['id']}/sessions", body)


@pytest.mark.parametrize(
    ("mode", "reason", "status"),
    [
        pytest.param("warn", None, 201, id="only flagged"),
        pytest.param("reason_required", None, 409, id="a reason is missing"),
        pytest.param("reason_required", "travels in April", 201, id="with its reason"),
        pytest.param("refuse", "travels in April", 409, id="no reason helps"),
    ],
)
def test_a_booking_before_the_earliest_day(
    clinic: Clinic, mode: str, reason: str | None, status: int
) -> None:
    clinic.settings(early_booking=mode)
    course = clinic.a_course("2026-01-05")
    said = {"override_reason": reason} if reason else {}
    answer = try_to_book(clinic, course, EARLY, **said)
    assert answer.status_code == status
    if status == 201:
        assert answer.json()["schedule"]["flags"] == ["booked_early"]
        assert answer.json()["override_reason"] == reason
    else:
        refusal = answer.json()
        assert refusal["code"] == "booked-too-early"
        assert refusal["earliest_on"] == "2026-03-30"
        assert refusal["rule"] == "minimum_interval"
        assert refusal["override_allowed"] is (mode == "reason_required")
    assert try_to_book(clinic, course, ON_TIME).status_code == 201


def test_moving_a_booking_is_guarded_alike(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    booked = clinic.a_booking(course["id"], ON_TIME)
    path = f"/sessions/{booked['id']}/reschedule"
    refusal = clinic.refusal("POST", path, {"starts_at": EARLY})
    assert (refusal["status"], refusal["code"]) == (409, "booked-too-early")
    moved = clinic.post(path, {"starts_at": EARLY, "override_reason": "travels in April"})
    assert moved["schedule"]["flags"] == ["booked_early"]
    back = clinic.post(path, {"starts_at": ON_TIME})
    assert (back["schedule"]["flags"], back["override_reason"]) == ([], None)


def test_on_hold_without_an_end_no_day_is_early_enough(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    hold = {"from": "2026-03-01", "review_on": "2026-04-15", "reason": "pregnant"}
    clinic.post(f"/courses/{course['id']}/hold", hold)
    refusal = try_to_book(clinic, course, ON_TIME).json()
    assert (refusal["earliest_on"], refusal["rule"]) == (None, "hold")


def test_the_first_session_has_no_earliest_day(clinic: Clinic) -> None:
    clinic.settings(early_booking="refuse")
    course = clinic.a_course()
    assert try_to_book(clinic, course, "2026-03-21T09:00:00Z").status_code == 201


def test_the_ehr_owns_the_bookings(clinic: Clinic) -> None:
    clinic.settings(booking_master="ehr", early_booking="refuse")
    course = clinic.a_course("2026-01-05")
    refusal = try_to_book(clinic, course, ON_TIME)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "not-booking-master")
    named = [{"system": "ehr", "value": "appt-1"}]
    booked = try_to_book(clinic, course, EARLY, identifiers=named)
    assert booked.status_code == 201
    assert booked.json()["identifiers"] == named
    assert booked.json()["schedule"]["flags"] == ["booked_early"]
    moved = clinic.verb(
        booked.json()["id"], "reschedule", {"starts_at": "2026-03-28T09:00:00-04:00"}
    )
    assert moved["schedule"]["flags"] == ["booked_early"]


def test_nothing_is_planned_on_a_closed_course(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    clinic.post(f"/courses/{course['id']}/stop", {"outcome": "completed"})
    assert try_to_book(clinic, course, ON_TIME).json()["code"] == "course-closed"
    clinic.post(f"/courses/{course['id']}/resume")
    assert try_to_book(clinic, course, ON_TIME).status_code == 201


@pytest.mark.parametrize("name", ["location_id", "practitioner_id"])
def test_places_and_people_exist(clinic: Clinic, name: str) -> None:
    course = clinic.a_course("2026-01-05")
    absent = course["id"]
    refusal = try_to_book(clinic, course, ON_TIME, **{name: absent}).json()
    assert (refusal["status"], refusal["errors"][0]["pointer"]) == (422, f"/{name}")


def test_a_booking_is_missed_from_its_own_day_on(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(course["id"], "2026-03-21T00:30:00-04:00")
    refusal = clinic.refusal("POST", f"/sessions/{booked['id']}/no-show")
    assert (refusal["status"], refusal["state"]) == (409, "booked")


@pytest.mark.parametrize(
    ("ending", "state", "action"),
    [
        pytest.param(("cancel", {"by": "patient"}), "missed", "book", id="cancelled by patient"),
        pytest.param(("cancel", {"by": "clinic"}), "unbooked", "book", id="cancelled by clinic"),
        pytest.param(("no-show", None), "missed", "book", id="did not come"),
        pytest.param(None, "unresolved", "close_booking", id="passed, and nobody said"),
    ],
)
def test_a_patient_without_appointment_is_on_the_list(
    clinic: Clinic, ending: tuple[str, Any] | None, state: str, action: str
) -> None:
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")
    if ending:
        clinic.verb(booked["id"], *ending)
    row = clinic.row(course["id"], f"on=2026-03-21&status=overdue&booking={state}")
    assert row["booking"]["state"] == state
    assert row["next_action"]["code"] == action
    assert clinic.get("/worklist/summary?on=2026-03-21")["bookings"][state] == 1


def test_flags_of_a_booking_ahead(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    booked = clinic.a_booking(course["id"], "2026-04-06T09:00:00-04:00")
    assert booked["schedule"]["flags"] == ["booked_late"]
    clinic.post("/closures", {"from": "2026-04-06", "until": "2026-04-06", "reason": "Easter"})
    row = clinic.row(course["id"], "flag=booking_on_closure")
    assert row["flags"] == ["booked_late", "booking_on_closure"]
    assert clinic.row(course["id"], "flag=booked_early") is None
    summary = clinic.get("/worklist/summary?flag=booked_late")
    assert summary["flags"] == {"booked_early": 0, "booked_late": 1, "booking_on_closure": 1}


def test_a_closed_due_date_suggests_a_day_after_it(clinic: Clinic) -> None:
    place = clinic.a_location()
    course = clinic.a_course()
    clinic.a_session(course["id"], "2026-01-05", location_id=place["id"])
    closed = {"from": "2026-03-28", "until": "2026-03-31", "location_id": place["id"]}
    closure = clinic.post("/closures", closed)
    row = clinic.row(course["id"])
    assert (row["due_on"], row["suggested_on"]) == ("2026-03-30", "2026-04-01")
    assert clinic.schedule(course["id"])["suggested_on"] == "2026-04-01"
    assert clinic.table()[0]["suggested_on"] == "2026-04-01"
    clinic.patch(f"/closures/{closure['id']}", {"until": "2026-04-05"})
    assert clinic.row(course["id"])["suggested_on"] == "2026-04-06"
    elsewhere = clinic.a_location(name="Harbor")
    clinic.patch(f"/closures/{closure['id']}", {"location_id": elsewhere["id"]})
    assert clinic.row(course["id"])["suggested_on"] == "2026-03-30"


def test_a_death_closes_everything_at_once(clinic: Clinic) -> None:
    patient = clinic.a_patient()
    one, other = (clinic.a_course("2025-12-15", patient_id=patient["id"]) for _ in range(2))
    passed = clinic.a_booking(one["id"], "2026-03-10T09:00:00-04:00")
    booked = [
        clinic.a_booking(course["id"], f"2026-03-{day}T09:00:00-04:00")
        for course, day in ((one, 19), (one, 30), (other, 31))
    ]
    closed = clinic.post(f"/patients/{patient['id']}/deceased", {"on": "2026-03-19"})
    assert closed["deceased_on"] == "2026-03-19"
    for session in booked:
        ended = clinic.get(f"/sessions/{session['id']}")
        assert (ended["status"], ended["ended_by"]) == ("cancelled", "clinic")
        assert ended["end_reason"] == "deceased"
    # What lies before the death stays to be told: it may have been given.
    assert clinic.get(f"/sessions/{passed['id']}")["status"] == "booked"
    for course in (one, other):
        shown = clinic.get(f"/courses/{course['id']}")
        assert (shown["state"], shown["closed_on"]) == ("stopped", "2026-03-19")
        assert clinic.schedule(course["id"])["status"] == "closed"
        assert try_to_book(clinic, course, ON_TIME).json()["code"] == "patient-deceased"
        resumed = clinic.refusal("POST", f"/courses/{course['id']}/resume")
        assert resumed["code"] == "patient-deceased"
    body = {"protocol": "preempt", "indication": "G43.709"}
    refusal = clinic.refusal("POST", f"/patients/{patient['id']}/courses", body)
    assert refusal["code"] == "patient-deceased"
    assert clinic.rows() == []
    assert len(clinic.rows("status=closed")) == 2
    again = clinic.refusal("POST", f"/patients/{patient['id']}/deceased", {"on": "2026-03-19"})
    assert (again["status"], again["state"]) == (409, "deceased")
    assert clinic.wrong_dates() == []


def test_a_death_lies_between_birth_and_today(clinic: Clinic) -> None:
    patient = clinic.a_patient()
    for day in ("2026-03-21", "1980-05-16"):
        refusal = clinic.refusal("POST", f"/patients/{patient['id']}/deceased", {"on": day})
        assert refusal["errors"][0]["pointer"] == "/on"
