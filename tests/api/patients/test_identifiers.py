"""Other systems' names for our records: unique, and a way to find them again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clinic import Clinic

NAMED = [{"system": "ehr", "value": "4711"}]


def a_person(**said: Any) -> dict[str, Any]:
    return {
        "mrn": "A-1",
        "family_name": "Garcia",
        "given_name": "Ana",
        "birth_date": "1980-05-17",
        **said,
    }


@pytest.mark.parametrize("kind", ["patient", "course", "session"])
def test_one_record_of_a_kind_carries_it(clinic: Clinic, kind: str) -> None:
    course = clinic.a_course("2026-01-05")
    made = {
        "patient": lambda: clinic.post("/patients", a_person(identifiers=NAMED)),
        "course": lambda: clinic.a_course(identifiers=NAMED),
        "session": lambda: clinic.a_booking(
            course["id"], "2026-03-30T09:00:00-04:00", identifiers=NAMED
        ),
    }[kind]()
    assert made["identifiers"] == NAMED
    body, path = {
        "patient": (a_person(mrn="A-2"), "/patients"),
        "course": (
            {"protocol": "preempt", "indication": "G43.709"},
            f"/patients/{course['patient_id']}/courses",
        ),
        "session": (
            {"status": "booked", "starts_at": "2026-03-31T09:00:00-04:00"},
            f"/courses/{course['id']}/sessions",
        ),
    }[kind]
    refusal = clinic.refusal("POST", path, body | {"identifiers": NAMED})
    assert (refusal["status"], refusal["code"]) == (409, "duplicate")
    assert refusal["existing_id"] == made["id"]
    # Another practice, or another kind of record, is another name space.
    other = clinic.neighbour()
    assert other.post("/patients", a_person(identifiers=NAMED))["identifiers"] == NAMED


def test_an_identifier_set_free_can_be_carried_by_another(clinic: Clinic) -> None:
    first = clinic.post("/patients", a_person(identifiers=NAMED))
    second = clinic.a_patient()
    path = f"/patients/{second['id']}"
    tag = clinic.call("GET", path).headers["etag"]
    refusal = clinic.refusal("PATCH", path, {"identifiers": NAMED}, if_match=tag)
    assert refusal["existing_id"] == first["id"]
    clinic.patch(f"/patients/{first['id']}", {"identifiers": []})
    assert clinic.patch(path, {"identifiers": NAMED})["identifiers"] == NAMED
    assert clinic.get(f"/patients/{first['id']}")["identifiers"] == []


def test_the_same_one_twice_in_a_request(clinic: Clinic) -> None:
    refusal = clinic.refusal("POST", "/patients", a_person(identifiers=NAMED * 2))
    assert refusal["errors"][0]["pointer"] == "/identifiers"


def test_mrns_are_unique_whatever_their_case(clinic: Clinic) -> None:
    first = clinic.post("/patients", a_person(mrn=" a-1 "))
    assert first["mrn"] == "a-1"
    refusal = clinic.refusal("POST", "/patients", a_person(mrn="A-1"))
    assert (refusal["code"], refusal["existing_id"]) == ("duplicate", first["id"])
    other = clinic.a_patient()
    tag = clinic.call("GET", f"/patients/{other['id']}").headers["etag"]
    refusal = clinic.refusal("PATCH", f"/patients/{other['id']}", {"mrn": "A-1"}, if_match=tag)
    assert refusal["existing_id"] == first["id"]
    # Its own MRN in another case is no duplicate of itself.
    assert clinic.patch(f"/patients/{first['id']}", {"mrn": "A-1"})["mrn"] == "A-1"


def test_found_by_identifier_else_by_mrn_else_registered(clinic: Clinic) -> None:
    made = clinic.call("POST", "/patients/upsert", a_person(identifiers=NAMED))
    assert made.status_code == 201
    id = made.json()["id"]
    by_name = clinic.call("POST", "/patients/upsert", a_person(mrn="B-9", identifiers=NAMED))
    assert (by_name.status_code, by_name.json()["id"], by_name.json()["mrn"]) == (200, id, "B-9")
    by_mrn = clinic.post("/patients/upsert", a_person(mrn="b-9", phone="555-0100"))
    assert (by_mrn["id"], by_mrn["phone"]) == (id, "555-0100")
    # What is not sent stays as it is; what is sent is added.
    more = [{"system": "lab", "value": "7"}]
    joined = clinic.post("/patients/upsert", a_person(mrn="B-9", identifiers=more))
    assert joined["identifiers"] == NAMED + more
    assert joined["phone"] == "555-0100"
    assert len(clinic.get("/patients")["items"]) == 1


def test_patients_by_name_mrn_and_birth_date(clinic: Clinic) -> None:
    garcia = clinic.post("/patients", a_person())
    clinic.a_patient(family_name="O'Neill", birth_date="1990-01-01")
    for query in ("q=ana+garc", "q=A-1", "mrn=a-1", "birth_date=1980-05-17&q=gar"):
        assert [p["id"] for p in clinic.get(f"/patients?{query}")["items"]] == [garcia["id"]]
    assert clinic.get("/patients?q=%25")["items"] == []
    found = clinic.post("/patients/search", {"mrn": "A-1"})["items"]
    assert found == [garcia]
