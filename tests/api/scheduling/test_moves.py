"""The life of a session: which moves follow from which state, and what each leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clinic import Clinic

CHART = {"plan": "as_protocol"}
VERBS: dict[str, Any] = {
    "reschedule": {"starts_at": "2026-04-07T09:00:00-04:00"},
    "confirm": None,
    "arrive": None,
    "give": {"given_on": "2026-03-20", "chart": CHART},
    "cancel": {"by": "patient"},
    "no-show": None,
    "void": {"reason": "wrong patient"},
}
MOVES = {
    "booked": {"reschedule", "confirm", "arrive", "give", "cancel", "no-show"},
    "given": {"void"},
    "cancelled": set(),
    "no_show": {"give"},
    "voided": set(),
}
BECOMES = {"give": "given", "cancel": "cancelled", "no-show": "no_show", "void": "voided"}


def a_session_that_is(clinic: Clinic, status: str) -> Any:
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")
    made: dict[str, Callable[[], Any]] = {
        "booked": lambda: booked,
        "given": lambda: clinic.verb(booked["id"], "give", VERBS["give"]),
        "cancelled": lambda: clinic.verb(booked["id"], "cancel", {"by": "clinic"}),
        "no_show": lambda: clinic.verb(booked["id"], "no-show"),
    }
    if status == "voided":
        given = made["given"]()
        return clinic.verb(given["id"], "void", VERBS["void"])
    return made[status]()


@pytest.mark.parametrize("status", MOVES)
def test_every_move_from_every_state(clinic: Clinic, status: str) -> None:
    for verb, body in VERBS.items():
        session = a_session_that_is(clinic, status)
        assert session["status"] == status
        path = f"/sessions/{session['id']}"
        answer = clinic.call("POST", f"{path}/{verb}", body)
        if verb in MOVES[status]:
            assert answer.status_code == 200, (status, verb)
            assert answer.json()["status"] == BECOMES.get(verb, status)
            assert answer.json()["schedule"] == clinic.schedule(session["course_id"])
        else:
            assert answer.status_code == 409, (status, verb)
            assert answer.json()["code"] == "wrong-state"
            assert answer.json()["state"] == status
            session.pop("schedule")
            assert clinic.get(path) == session
    assert clinic.wrong_dates() == []


@pytest.mark.parametrize("status", ["cancelled", "no_show", "voided"])
def test_what_has_ended_cannot_be_corrected(clinic: Clinic, status: str) -> None:
    session = a_session_that_is(clinic, status)
    path = f"/sessions/{session['id']}"
    tag = clinic.call("GET", path).headers["etag"]
    refusal = clinic.refusal("PATCH", path, {"product": "Botox"}, if_match=tag)
    assert (refusal["status"], refusal["state"]) == (409, status)


def test_marks_belong_to_the_time_they_were_made_for(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")
    confirmed = clinic.verb(booked["id"], "confirm")
    assert confirmed["confirmed_at"] == "2026-03-20T15:00:00Z"
    assert clinic.verb(booked["id"], "confirm") == confirmed
    arrived = clinic.verb(booked["id"], "arrive")
    assert arrived["arrived_at"] == "2026-03-20T15:00:00Z"
    moved = clinic.verb(booked["id"], "reschedule", VERBS["reschedule"])
    assert (moved["confirmed_at"], moved["arrived_at"]) == (None, None)
    assert moved["starts_at"] == "2026-04-07T13:00:00Z"


def test_given_from_its_booking(clinic: Clinic) -> None:
    place, person = clinic.a_location(), clinic.a_practitioner()
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(
        course["id"],
        "2026-03-20T09:00:00-04:00",
        location_id=place["id"],
        practitioner_id=person["id"],
    )
    assert booked["cycle"] == 2
    given = clinic.verb(booked["id"], "give", {"chart": CHART})
    assert given["given_at"] == "2026-03-20T15:00:00Z"  # now, unless another time is said
    assert (given["location_id"], given["practitioner_id"]) == (place["id"], person["id"])
    assert (given["cycle"], given["units_administered"]) == (2, 155)
    assert given["starts_at"] == booked["starts_at"]
    # The list's place and person are those of the latest session.
    row = clinic.row(course["id"])
    assert (row["location_id"], row["practitioner_id"]) == (place["id"], person["id"])


def test_missed_and_given_after_all(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    booked = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")
    missed = clinic.verb(booked["id"], "no-show", {"reason": "snow"})
    assert (missed["ended_by"], missed["end_reason"], missed["cycle"]) == ("patient", "snow", None)
    assert missed["schedule"]["booking"]["state"] == "missed"
    given = clinic.verb(booked["id"], "give", VERBS["give"])
    assert (given["ended_at"], given["end_reason"]) == (None, None)
    assert given["schedule"]["booking"]["state"] == "unbooked"


def test_a_voided_session_does_not_bring_its_booking_back(clinic: Clinic) -> None:
    voided = a_session_that_is(clinic, "voided")
    assert voided["schedule"]["booking"] == {
        "state": "unbooked",
        "session_id": None,
        "starts_at": None,
    }
    assert voided["end_reason"] == "wrong patient"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param({"status": "booked"}, ["/starts_at"], id="a booking without a start"),
        pytest.param(
            {
                "status": "booked",
                "starts_at": "2026-04-07T09:00:00Z",
                "given_on": "2026-03-20",
                "chart": CHART,
                "completeness": "partial",
                "reason": "later",
            },
            ["/given_on", "/chart", "/completeness", "/reason"],
            id="a booking that was given",
        ),
        pytest.param({"status": "given", "chart": CHART}, ["/given_at"], id="given, but when"),
        pytest.param({"status": "given", "given_on": "2026-03-20"}, ["/chart"], id="given, what"),
        pytest.param(
            {"status": "given", "given_on": "2026-03-20", "chart": CHART, "override_reason": "x"},
            ["/override_reason"],
            id="nothing to override in what happened",
        ),
        pytest.param(
            {
                "status": "given",
                "given_on": "2026-03-20",
                "given_at": "2026-03-20T09:00:00Z",
                "chart": CHART,
            },
            ["/given_on"],
            id="a day and an instant",
        ),
    ],
)
def test_what_does_not_go_together(clinic: Clinic, body: Any, pointers: list[str]) -> None:
    course = clinic.a_course()
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/sessions", body)
    assert refusal["status"] == 422
    assert [e["pointer"] for e in refusal["errors"]] == pointers


def test_the_day_sheet(clinic: Clinic) -> None:
    here, there = clinic.a_location(), clinic.a_location("Pacific/Honolulu", name="Island")
    course = clinic.a_course("2025-12-15")
    late = clinic.a_booking(course["id"], "2026-03-23T16:00:00-04:00", location_id=here["id"])
    early = clinic.a_booking(course["id"], "2026-03-23T09:00:00-04:00", location_id=here["id"])
    # The 24th in New York, and still the 23rd where it takes place.
    island = clinic.a_booking(course["id"], "2026-03-24T03:00:00Z", location_id=there["id"])
    clinic.a_booking(course["id"], "2026-03-25T09:00:00-04:00", location_id=here["id"])
    clinic.verb(late["id"], "cancel", {"by": "patient"})

    def listed(query: str) -> list[str]:
        return [s["id"] for s in clinic.get(f"/sessions?{query}")["items"]]

    day = "starts_from=2026-03-23&starts_to=2026-03-23"
    assert listed(day) == [early["id"], late["id"], island["id"]]
    assert listed(f"{day}&status=booked") == [early["id"], island["id"]]
    assert listed(f"{day}&location_id={there['id']}") == [island["id"]]
    assert len(listed("given_from=2025-12-15&given_to=2025-12-15")) == 1
    assert listed("given_from=2025-12-16") == []
    [row] = clinic.get(f"/sessions?{day}&location_id={there['id']}")["items"]
    assert row["patient"]["id"] == course["patient_id"]
