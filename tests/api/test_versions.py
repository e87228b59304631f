"""ETags: nobody overwrites a change they have not seen; nobody reads again what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clinic import Clinic

Made = Callable[[Clinic], str]


def _session(clinic: Clinic) -> str:
    course = clinic.a_course()
    return f"/sessions/{clinic.a_session(course['id'], '2026-01-05')['id']}"


def _closure(clinic: Clinic) -> str:
    made = clinic.post("/closures", {"from": "2026-03-30", "until": "2026-03-31"})
    return f"/closures/{made['id']}"


RESOURCES: dict[str, tuple[Made, dict[str, Any], tuple[str, ...]]] = {
    "practice": (
        lambda _: "/practice",
        {"lead_days": 21},
        ("name", "time_zone", "min_interval_days", "early_booking", "booking_master"),
    ),
    "location": (
        lambda c: f"/locations/{c.a_location()['id']}",
        {"name": "Harbor"},
        ("name", "time_zone", "active", "identifiers"),
    ),
    "practitioner": (
        lambda c: f"/practitioners/{c.a_practitioner()['id']}",
        {"npi": "1234567890"},
        ("name", "active", "identifiers"),
    ),
    "closure": (_closure, {"reason": "Easter"}, ("from", "until")),
    "patient": (
        lambda c: f"/patients/{c.a_patient()['id']}",
        {"phone": "555-0100"},
        ("mrn", "family_name", "given_name", "birth_date", "active", "identifiers"),
    ),
    "course": (
        lambda c: f"/courses/{c.a_course()['id']}",
        {"planned_start_on": "2026-04-01"},
        ("indication", "prior_cycles", "identifiers"),
    ),
    "session": (
        _session,
        {"given_on": "2026-01-06"},
        ("given_on", "completeness", "product", "chart", "identifiers"),
    ),
}
KINDS = pytest.mark.parametrize("kind", RESOURCES)


@KINDS
def test_a_change_is_made_on_the_version_that_was_read(clinic: Clinic, kind: str) -> None:
    make, change, _ = RESOURCES[kind]
    path = make(clinic)
    tag = clinic.call("GET", path).headers["etag"]
    assert clinic.refusal("PATCH", path, change)["status"] == 428
    assert clinic.refusal("PATCH", path, change, if_match='"0"')["status"] == 412
    changed = clinic.call("PATCH", path, change, if_match=tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert change.items() <= changed.json().items()
    shown = clinic.call("GET", path)
    assert shown.headers["etag"] == changed.headers["etag"]
    assert shown.json().items() <= changed.json().items()
    stale = clinic.refusal("PATCH", path, change, if_match=tag)
    assert (stale["status"], stale["code"]) == (412, "stale-version")


@KINDS
def test_what_is_held_already_is_not_sent_again(clinic: Clinic, kind: str) -> None:
    make, change, _ = RESOURCES[kind]
    path = make(clinic)
    tag = clinic.call("GET", path).headers["etag"]
    held = clinic.call("GET", path, if_none_match=tag)
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
    clinic.patch(path, change)
    assert clinic.call("GET", path, if_none_match=tag).status_code == 200


@KINDS
def test_a_change_that_changes_nothing_is_no_new_version(clinic: Clinic, kind: str) -> None:
    make, change, _ = RESOURCES[kind]
    path = make(clinic)
    clinic.patch(path, change)
    tag, written = clinic.call("GET", path).headers["etag"], len(clinic.changes())
    clinic.patch(path, change)
    clinic.patch(path, {})
    assert clinic.call("GET", path).headers["etag"] == tag
    assert len(clinic.changes()) == written


@KINDS
def test_null_only_where_nothing_may_stand(clinic: Clinic, kind: str) -> None:
    make, _, required = RESOURCES[kind]
    path = make(clinic)
    tag = clinic.call("GET", path).headers["etag"]
    for name in required:
        refusal = clinic.refusal("PATCH", path, {name: None}, if_match=tag)
        assert refusal["status"] == 422
        assert refusal["errors"] == [{"pointer": f"/{name}", "detail": "must not be null"}]


@pytest.mark.parametrize("kind", ["location", "practitioner", "patient", "course", "session"])
def test_identifiers_are_part_of_the_version(clinic: Clinic, kind: str) -> None:
    path = RESOURCES[kind][0](clinic)
    tag = clinic.call("GET", path).headers["etag"]
    named = [{"system": "ehr", "value": "1"}]
    changed = clinic.patch(path, {"identifiers": named})
    assert changed["identifiers"] == named
    shown = clinic.call("GET", path, if_none_match=tag)
    assert shown.status_code == 200
    assert shown.json()["identifiers"] == named


def test_null_takes_away(clinic: Clinic) -> None:
    patient = clinic.a_patient(phone="555-0100", sex="female")
    changed = clinic.patch(f"/patients/{patient['id']}", {"phone": None})
    assert (changed["phone"], changed["sex"]) == (None, "female")
    course = clinic.a_course(interval_days=91, planned_start_on="2026-04-01")
    changed = clinic.patch(f"/courses/{course['id']}", {"interval_days": None})
    assert (changed["interval_days"], changed["planned_start_on"]) == (None, "2026-04-01")


def test_a_sessions_version_counts_what_its_answer_rests_on(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    given = clinic.a_session(course["id"], "2026-03-19")  # ten days short
    path = f"/sessions/{given['id']}"
    tag = clinic.call("GET", path).headers["etag"]
    clinic.settings(early_tolerance_days=14)
    tolerated = clinic.call("GET", path, if_none_match=tag)
    assert tolerated.status_code == 200
    assert tolerated.json()["findings"] == []
    clinic.a_session(course["id"], "2025-10-13")  # one more before it: another cycle number
    later = clinic.call("GET", path, if_none_match=tolerated.headers["etag"])
    assert (later.status_code, later.json()["cycle"]) == (200, 3)


def test_what_is_made_says_where_it_is(clinic: Clinic) -> None:
    patient = clinic.call(
        "POST",
        "/patients",
        {"mrn": "A-1", "family_name": "G", "given_name": "A", "birth_date": "1980-05-17"},
    )
    assert patient.status_code == 201
    place, tag = patient.headers["location"], patient.headers["etag"]
    assert place == f"/v1/patients/{patient.json()['id']}"
    shown = clinic.call("GET", place.removeprefix("/v1"))
    assert (shown.json(), shown.headers["etag"]) == (patient.json(), tag)


def test_protocol_versions_are_tagged_too(clinic: Clinic) -> None:
    path = "/protocols/preempt/versions/1"
    shown = clinic.call("GET", path)
    assert clinic.call("GET", path, if_none_match=shown.headers["etag"]).status_code == 304
    own = shown.json() | {"code": "house"}
    draft = clinic.call("POST", "/protocols", own)
    assert draft.status_code == 201
    again = clinic.call("POST", "/protocols", own | {"name": "House plan"})
    assert again.headers["etag"] != draft.headers["etag"]
