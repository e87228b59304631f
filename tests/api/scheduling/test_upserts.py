"""An EHR keeps its bookings and courses in step by its own identifiers."""

from __future__ import annotations

from typing import Any

from tests.support.clinic import Clinic

NAMED = {"identifiers": [{"system": "ehr", "value": "appointment-7"}]}


def booked(course_id: str, starts_at: str, **more: Any) -> dict[str, Any]:
    return {"course_id": course_id, "status": "booked", "starts_at": starts_at, **NAMED, **more}


def test_a_booking_is_made_moved_and_given_by_the_same_call(clinic: Clinic) -> None:
    clinic.patch("/practice", {"booking_master": "ehr"})
    course = clinic.a_course("2025-12-01")
    first = clinic.call("POST", "/sessions/upsert", booked(course["id"], "2026-03-20T09:00:00Z"))
    assert first.status_code == 201
    id = first.json()["id"]
    moved = clinic.post("/sessions/upsert", booked(course["id"], "2026-03-20T13:00:00Z"))
    assert (moved["id"], moved["starts_at"]) == (id, "2026-03-20T13:00:00Z")
    given = clinic.post(
        "/sessions/upsert",
        {
            "course_id": course["id"],
            "status": "given",
            "given_at": "2026-03-20T13:05:00Z",
            "chart": {"plan": "as_protocol"},
            **NAMED,
        },
    )
    assert (given["id"], given["status"], given["cycle"]) == (id, "given", 2)
    corrected = clinic.post(
        "/sessions/upsert",
        {
            "course_id": course["id"],
            "status": "given",
            "given_at": "2026-03-20T13:05:00Z",
            "chart": {"total_units": 150},
            **NAMED,
        },
    )
    assert (corrected["id"], corrected["units_administered"]) == (id, 150)
    again = clinic.refusal("POST", "/sessions/upsert", booked(course["id"], "2026-03-20T14:00:00Z"))
    assert (again["code"], again["state"]) == ("wrong-state", "given")


def test_the_same_booking_again_changes_nothing(clinic: Clinic) -> None:
    clinic.patch("/practice", {"booking_master": "ehr"})
    course = clinic.a_course("2025-12-01")
    body = booked(course["id"], "2026-03-20T09:00:00Z")
    made = clinic.call("POST", "/sessions/upsert", body)
    clinic.post(f"/sessions/{made.json()['id']}/confirm")
    again = clinic.call("POST", "/sessions/upsert", body)
    assert again.status_code == 200
    assert again.json()["confirmed_at"] is not None


def test_a_booking_of_the_ehr_is_never_refused(clinic: Clinic) -> None:
    clinic.patch("/practice", {"booking_master": "ehr"})
    course = clinic.a_course("2026-03-02")
    early = clinic.post("/sessions/upsert", booked(course["id"], "2026-03-23T13:00:00Z"))
    assert early["schedule"]["flags"] == ["booked_early"]
    clinic.post(f"/courses/{course['id']}/stop", {"outcome": "stopped"})
    named = {"identifiers": [{"system": "ehr", "value": "appointment-8"}]}
    late = clinic.post("/sessions/upsert", booked(course["id"], "2026-06-30T13:00:00Z") | named)
    assert late["status"] == "booked"
    assert late["schedule"]["status"] == "closed"


def test_a_death_cancels_the_bookings_of_closed_courses_too(clinic: Clinic) -> None:
    clinic.patch("/practice", {"booking_master": "ehr"})
    course = clinic.a_course("2025-12-01")
    clinic.post(f"/courses/{course['id']}/stop", {"outcome": "stopped"})
    made = clinic.post("/sessions/upsert", booked(course["id"], "2026-06-30T13:00:00Z"))
    clinic.post(f"/patients/{course['patient_id']}/deceased", {"on": "2026-03-19"})
    ended = clinic.get(f"/sessions/{made['id']}")
    assert (ended["status"], ended["end_reason"]) == ("cancelled", "deceased")
    # Why and when the course was stopped stays what it was.
    assert clinic.get(f"/courses/{course['id']}")["close_reason"] is None
    assert clinic.wrong_dates() == []


def test_a_course_is_found_again_by_its_identifier(clinic: Clinic) -> None:
    patient = clinic.a_patient()
    body = {
        "patient_id": patient["id"],
        "protocol": "preempt",
        "indication": "G43.709",
        "identifiers": [{"system": "ehr", "value": "episode-1"}],
    }
    made = clinic.call("POST", "/courses/upsert", body)
    assert made.status_code == 201
    again = clinic.call("POST", "/courses/upsert", body | {"prior_cycles": 3})
    assert again.status_code == 200
    assert again.json()["id"] == made.json()["id"]
    assert again.json()["prior_cycles"] == 3


def test_holds_are_listed_with_their_reasons(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-01")
    body = {"from": "2026-03-20", "until": "2026-04-20", "reason": "surgery"}
    clinic.post(f"/courses/{course['id']}/hold", body)
    [hold] = clinic.get(f"/courses/{course['id']}/holds")["items"]
    assert body.items() <= hold.items()


def test_sessions_are_found_by_filters_in_the_body(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-01", "2026-03-02")
    found = clinic.post("/sessions/search", {"status": "given", "given_from": "2026-01-01"})
    assert [s["given_on"] for s in found["items"]] == ["2026-03-02"]
    assert found["items"][0]["course_id"] == course["id"]


def test_a_correction_can_name_what_a_session_continued(clinic: Clinic) -> None:
    course = clinic.a_course()
    partial = clinic.a_session(
        course["id"], "2026-03-02", completeness="partial", reason="felt faint"
    )
    rest = clinic.a_session(course["id"], "2026-03-06")
    assert [f["code"] for f in rest["findings"]] == ["too_early"]
    mended = clinic.patch(f"/sessions/{rest['id']}", {"continues_session_id": partial["id"]})
    assert mended["findings"] == []
    assert mended["cycle"] == partial["cycle"] == 1


def test_another_course_is_not_where_the_session_is(clinic: Clinic) -> None:
    clinic.patch("/practice", {"booking_master": "ehr"})
    course, other = clinic.a_course("2025-12-01"), clinic.a_course("2025-12-01")
    clinic.post("/sessions/upsert", booked(course["id"], "2026-03-20T13:00:00Z"))
    body = booked(other["id"], "2026-03-20T14:00:00Z")
    refusal = clinic.refusal("POST", "/sessions/upsert", body)
    assert refusal["errors"][0]["pointer"] == "/course_id"


def test_a_birth_date_cannot_move_past_a_treatment(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-01")
    path = f"/patients/{course['patient_id']}"
    tag = clinic.call("GET", path).headers["etag"]
    refusal = clinic.refusal("PATCH", path, {"birth_date": "2025-12-02"}, if_match=tag)
    assert refusal["errors"][0]["pointer"] == "/birth_date"


def test_numbers_in_a_search_are_no_texts(clinic: Clinic) -> None:
    for path in ("/worklist/search", "/sessions/search", "/patients/search"):
        refusal = clinic.refusal("POST", path, {"limit": "7"})
        assert refusal["errors"][0]["pointer"] == "/limit"
        assert clinic.post(path, {"limit": 7})["items"] == []
