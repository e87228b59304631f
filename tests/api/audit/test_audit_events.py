"""The log as it is read: filters, days, pages, what an auditor sees, a patient's disclosures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain import ids
from app.domain.ids import made_at, new_id
from app.services.audit import seals
from tests.support.callers import acting, asked
from tests.support.clinic import Clinic


@pytest.fixture(autouse=True)
def _ids_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test's clock may have stood years ahead, and ids never go back."""
    monkeypatch.setattr(ids, "_last", 0)


def test_an_event_says_who_what_whose_and_when(clinic: Clinic) -> None:
    patient = clinic.a_patient(phone="555-0100")
    [event] = clinic.get(f"/audit-events?resource_id={patient['id']}")["items"]
    assert event["action"] == "patient.create"
    assert event["outcome"] == "done"
    assert event["at"] == "2026-03-20T15:00:00Z"
    assert event["by"] == {"type": "system", "id": None, "name": "tests"}
    assert event["credential_id"] == clinic.get("/me")["key"]["id"]
    assert event["resource"] == {"type": "patient", "id": patient["id"]}
    assert event["patient_ids"] == [patient["id"]]
    assert event["changes"]["phone"] == [None, "555-0100"]
    assert clinic.get(f"/audit-events/{event['id']}") == event


def test_the_filters(clinic: Clinic) -> None:
    first, second = clinic.a_patient(), clinic.a_patient()
    clinic.get(f"/patients/{first['id']}")
    clinic.get("/patients")
    clinic.refusal("GET", f"/patients/{clinic.practice_id}")
    front = acting(clinic, "front_desk")
    assert asked(clinic, front, "/audit-events").status_code == 403

    def actions(query: str) -> list[str]:
        return [e["action"] for e in clinic.get(f"/audit-events?{query}")["items"]]

    of_first = f"patient_id={first['id']}"
    assert actions(of_first) == ["patients.list_patients", "patients.show", "patient.create"]
    assert actions(f"{of_first}&outcome=done") == ["patient.create"]
    assert actions(f"resource_id={second['id']}") == ["patient.create"]
    assert actions("action=patients.show&outcome=not-found") == ["patients.show"]
    assert actions("outcome=forbidden") == ["audit_events.list_events"]
    staff = clinic.get("/audit-events?outcome=forbidden")["items"][0]["by"]
    assert (staff["type"], staff["name"]) == ("staff", "The front_desk")
    assert actions(f"by_id={staff['id']}") == ["audit_events.list_events"]
    credential = clinic.get("/audit-events?outcome=forbidden")["items"][0]["credential_id"]
    assert actions(f"credential_id={credential}") == ["audit_events.list_events"]
    body = {"patient_id": first["id"], "outcome": "done"}
    found = clinic.post("/audit-events/search", body)["items"]
    assert [e["action"] for e in found] == ["patient.create"]


def test_days_are_the_practices_own(clinic: Clinic) -> None:
    # 23:30 on 19 March in New York is the 20th in UTC.
    clinic.clock.now = datetime(2026, 3, 20, 3, 30, tzinfo=UTC)
    late = clinic.a_patient()
    clinic.clock.now = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)
    early = clinic.a_patient()

    def made(query: str) -> list[str]:
        found = clinic.get(f"/audit-events?action=patient.create&{query}")["items"]
        return [e["resource"]["id"] for e in found]

    assert made("to=2026-03-19") == [late["id"]]
    assert made("from=2026-03-20") == [early["id"]]
    assert made("from=2026-03-19&to=2026-03-20") == [early["id"], late["id"]]
    refusal = clinic.refusal("GET", "/audit-events?from=2026-03-20&to=2026-03-19")
    assert refusal["errors"] == [{"pointer": "?to", "detail": "must not lie before from"}]


def test_pages_go_back_in_time_and_meet_no_row_twice(clinic: Clinic) -> None:
    for _ in range(7):
        clinic.a_patient()
    found: list[Any] = []
    query = "action=patient.create&limit=3"
    page = clinic.get(f"/audit-events?{query}")
    while True:
        found += page["items"]
        if page["next_cursor"] is None:
            break
        clinic.a_patient()  # what is added meanwhile stands before the first page
        page = clinic.get(f"/audit-events?{query}&cursor={page['next_cursor']}")
    times = [e["id"] for e in found]
    assert len(times) == 7
    assert times == sorted(times, reverse=True)
    other = clinic.refusal("GET", f"/audit-events?limit=3&cursor={'A' * 40}")
    assert other["code"] == "bad-cursor"


def test_an_auditor_sees_who_and_what_but_no_record(clinic: Clinic) -> None:
    patient = clinic.a_patient(phone="555-0100")
    clinic.settings(lead_days=21)
    auditor = acting(clinic, "auditor")
    path = f"/audit-events?resource_id={patient['id']}"
    [event] = asked(clinic, auditor, path).json()["items"]
    assert event["changes"] is None
    assert event["patient_ids"] == [patient["id"]]
    [event] = asked(clinic, auditor, "/audit-events?action=practice.change").json()["items"]
    assert event["changes"] == {"lead_days": [14, 21]}
    assert "555-0100" not in asked(clinic, auditor, "/audit-events?limit=200").text
    # Who sees changes of a patient is noted as having seen them; an auditor has not.
    clinic.get(path)
    seen = [row for row in clinic.audit() if row["action"] == "audit_events.list_events"]
    assert [row["patient_id"] for row in seen] == [None, None, None, patient["id"]]


def test_broken_glass_is_found_with_its_reason(clinic: Clinic) -> None:
    patient = clinic.a_patient()
    narrow = acting(clinic, "clinician", scopes=["worklist:search", "emergencies:create"])
    path = f"/patients/{patient['id']}"
    assert asked(clinic, narrow, path).status_code == 403
    assert asked(clinic, narrow, path, break_glass="unconscious in the hall").status_code == 200
    [event] = clinic.get("/audit-events?break_glass=true")["items"]
    assert event["reason"] == "unconscious in the hall"
    assert event["by"]["name"] == "The clinician"
    assert event["patient_ids"] == [patient["id"]]
    others = clinic.get("/audit-events?break_glass=false&action=patients.show")["items"]
    assert [e["outcome"] for e in others] == ["forbidden"]
    [told] = [d for d in clinic.get(f"{path}/disclosures")["items"] if d["reason"]]
    assert told["reason"] == "unconscious in the hall"


def test_a_patients_disclosures(clinic: Clinic) -> None:
    patient, other = clinic.a_patient(), clinic.a_patient()
    clinic.clock.now += timedelta(days=1)
    injector = acting(clinic, "injector")
    assert asked(clinic, injector, f"/patients/{patient['id']}").status_code == 200
    clinic.get("/patients")
    clinic.get(f"/patients/{other['id']}")
    auditor = acting(clinic, "auditor")
    path = f"/patients/{patient['id']}/disclosures"
    answer = asked(clinic, auditor, path).json()["items"]
    told = [(d["what"], d["action"], d["by"]["name"], d["patients"]) for d in answer]
    assert told == [
        ("shown", "patients.list_patients", "tests", 2),
        ("shown", "patients.show", "The injector", 1),
        ("changed", "patient.create", "tests", 1),
    ]
    # The report is a disclosure itself, and asking for it shows in the next one.
    again = asked(clinic, auditor, f"{path}?from=2026-03-21&to=2026-03-21").json()["items"]
    assert [d["action"] for d in again] == [
        "disclosures.list_disclosures",
        "patients.list_patients",
        "patients.show",
    ]
    first = asked(clinic, auditor, f"{path}?to=2026-03-20&limit=1").json()
    assert [d["what"] for d in first["items"]] == ["changed"]
    assert asked(clinic, injector, path).status_code == 403
    assert asked(clinic, auditor, f"/patients/{clinic.practice_id}/disclosures").status_code == 404


def test_the_newest_seal(clinic: Clinic) -> None:
    assert clinic.get("/audit-events/seal") == {"number": None, "sealed_at": None, "head": None}
    # Ids only rise within a process: another test's clock may have been far ahead of this one.
    later = made_at(new_id(clinic.clock.now)) + timedelta(minutes=5)
    head = seals.seal(clinic.database, practice_id=clinic.practice_id, now=later)
    assert head
    assert clinic.get("/audit-events/seal")["head"] == head
