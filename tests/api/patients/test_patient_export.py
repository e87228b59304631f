"""One patient's record whole: nothing of theirs is left out, nothing of others is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.patients import patient_export
from app.db.base import metadata
from app.db.engine.scope import OWNER
from tests.support.callers import acting, asked
from tests.support.clinic import Clinic
from tests.support.seeded import history, load


def a_whole_life(clinic: Clinic) -> str:
    """A patient from a spreadsheet, with one of everything since; their id."""
    row = "SHEET-1,Example,Sheet,12/15/1977,Dr Sheet,Main St,G43.719,9/18/2025,155"
    load(clinic, history(row).replace("Units\n", "Units,Payer\n").replace(",155\n", ",155,Blue\n"))
    [patient] = clinic.get("/patients?mrn=SHEET-1")["items"]
    named = {"identifiers": [{"system": "ehr", "value": "P1"}]}
    clinic.patch(f"/patients/{patient['id']}", named)
    [course] = clinic.get(f"/patients/{patient['id']}/courses")["items"]
    chart = {"plan": "as_protocol", "omit": [{"site": "TRA-L3", "reason": "wound"}]}
    clinic.a_session(course["id"], "2026-01-05", chart=chart)
    clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
    clinic.post(
        f"/courses/{course['id']}/outside-sessions", {"given_on": "2025-06-02", "units": 155}
    )
    clinic.post(
        f"/courses/{course['id']}/hold",
        {"from": "2026-04-01", "until": "2026-04-30", "reason": "travels"},
    )
    id: str = patient["id"]
    return id


def test_the_whole_record(clinic: Clinic) -> None:
    id = a_whole_life(clinic)
    clinic.get("/patients")
    told = clinic.get(f"/patients/{id}/export")
    assert told["practice"]["id"] == clinic.practice_id
    assert told["patient"]["mrn"] == "SHEET-1"
    assert told["patient"]["identifiers"] == [{"system": "ehr", "value": "P1"}]
    [course] = told["courses"]
    assert [hold["reason"] for hold in course["holds"]] == ["travels"]
    assert [o["units_administered"] for o in course["outside_sessions"]] == [155]
    first, second, third = course["sessions"]
    assert first["imported_from"]["kept"] == {"Payer": "Blue"}
    assert (first["given_on"], first["units_administered"]) == ("2025-09-18", 155)
    assert len(second["injections"]) == 30
    assert second["injections"][0] == {
        "site": "COR-L1",
        "area": "COR",
        "side": "left",
        "units": 5,
        "vial_id": None,
        "planned": 5,
    }
    assert second["imported_from"] is None
    assert (third["status"], third["made_on"]) == ("booked", "2026-03-20")
    actions = {event["action"] for event in told["audit"]}
    assert actions >= {"patient.create", "session.give", "hold.create", "patients.list_patients"}
    assert all(event["patient_ids"] == [id] for event in told["audit"])
    # The export shows in the next one.
    again = clinic.get(f"/patients/{id}/export")["audit"]
    assert again[0]["action"] == "patient_export.export"
    assert again[1:] == told["audit"]


def test_a_long_log_is_cut_and_says_where_it_goes_on(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = a_whole_life(clinic)
    before = clinic.get(f"/patients/{id}/export")
    assert before["audit_continued"] is None
    # The first export is in the log by now.
    count = len(before["audit"]) + 1
    monkeypatch.setattr(patient_export, "_MOST_EVENTS", count)
    whole = clinic.get(f"/patients/{id}/export")
    assert (len(whole["audit"]), whole["audit_continued"]) == (count, None)
    cut = clinic.get(f"/patients/{id}/export")
    assert [event["id"] for event in cut["audit"][1:]] == [
        event["id"] for event in whole["audit"][:-1]
    ]
    assert cut["audit_continued"] == f"/v1/patients/{id}/disclosures"
    listed = clinic.get(cut["audit_continued"].removeprefix("/v1") + "?limit=200")["items"]
    assert listed[-1]["id"] == whole["audit"][-1]["id"]


def test_every_row_about_the_patient_is_in_it(clinic: Clinic) -> None:
    id = a_whole_life(clinic)
    clinic.a_course("2026-01-05")
    told = json.dumps(clinic.get(f"/patients/{id}/export"))
    ours = {"course", "hold", "session", "outside_session"}
    held: dict[str, list[Any]] = {}
    with clinic.database.read(OWNER) as db:
        for name in ours:
            held[name] = [dict(r) for r in db.execute(metadata.tables[name].select()).mappings()]
    courses = {row["id"] for row in held["course"] if row["patient_id"] == id}
    for name in ours:
        for row in held[name]:
            about = row["id"] in courses if name == "course" else row["course_id"] in courses
            assert (row["id"] in told) is about, name


def test_who_may_have_it(clinic: Clinic) -> None:
    id = a_whole_life(clinic)
    path = f"/patients/{id}/export"
    # The log names colleagues and where they sat: for those who may read it.
    told = asked(clinic, acting(clinic, "clinician"), path).json()
    assert (told["audit"], told["audit_continued"]) == (None, None)
    assert asked(clinic, acting(clinic, "administrator"), path).json()["audit"]
    assert asked(clinic, acting(clinic, "auditor"), path).status_code == 403
    narrow = acting(clinic, "clinician", scopes=["patients:read"])
    assert asked(clinic, narrow, path).status_code == 403
    assert clinic.neighbour().refusal("GET", path)["status"] == 404
