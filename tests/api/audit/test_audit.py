"""No change without its audit row: who, what, when, before and after; together or not at all."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from sqlalchemy import select

from app.db.base import metadata
from app.db.engine.engine import DatabaseAway
from app.db.engine.scope import OWNER
from app.services.audit import audit
from tests.support.clinic import Clinic
from tests.support.verbs import VERBS, send

EVERY = pytest.mark.parametrize("name", VERBS)
# Searching is a POST, so that no address holds a name, and changes nothing.
ONLY_ASK = {
    *("/v1/patients/search", "/v1/sessions/search", "/v1/worklist/search"),
    "/v1/audit-events/search",
}
# What a server notes by itself, between requests.
TENDED = {"settled_revision", "last_used_at"}
# What an import records has tests of its own.
IMPORTS = {"/v1/imports/history", "/v1/imports/{id}/revert"}
# And so has what is noted of a token that was given.
TOKENS = {"/oauth/token"}


def everything(clinic: Clinic) -> dict[str, list[Any]]:
    """Every row of every table, but for the log of what was only looked at."""
    with clinic.database.read(OWNER) as db:
        return {
            table.name: sorted(
                repr({name: value for name, value in row.items() if name not in TENDED})
                for row in db.execute(select(table)).mappings()
                if row.get("outcome", "done") == "done"
            )
            for table in metadata.sorted_tables
        }


def broken(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("the audit row could not be written")


@EVERY
def test_each_verb_leaves_its_rows(clinic: Clinic, name: str) -> None:
    asked = VERBS[name].ask(clinic)
    before = len(clinic.changes())
    answer = send(clinic, asked, x_request_id="request-0001")
    assert answer.status_code < 300, answer.text
    written = clinic.changes()[before:]
    assert tuple(row["action"] for row in written) == VERBS[name].records
    key = clinic.get("/me")["key"]["id"]
    for row in written:
        assert row["at"] == clinic.clock.now
        assert (row["by_type"], row["by_id"], row["by_name"]) == ("system", None, "tests")
        assert row["credential_id"] == key
        assert row["request_id"] == "request-0001"
        assert row["resource_type"] == row["action"].split(".")[0]
        assert row["changes"], row
        assert all(old != new for old, new in row["changes"].values())
        about_a_patient = {"patient", "course", "session", "outside_session", "hold"}
        assert (row["patient_id"] is not None) is (row["resource_type"] in about_a_patient)


@EVERY
def test_each_verb_saves_nothing_without_its_row(
    clinic: Clinic, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = VERBS[name].ask(clinic)
    before = everything(clinic)
    headers = {"idempotency_key": "k-1"} if asked.method == "POST" else {}
    monkeypatch.setattr(audit, "record", broken)
    assert send(clinic, asked, **headers).status_code == 500
    assert everything(clinic) == before
    monkeypatch.undo()
    # What failed left no claim on its key behind either.
    assert send(clinic, asked, **headers).status_code < 300


def test_every_route_that_writes_is_among_them(clinic: Clinic) -> None:
    told = set()
    for verb in VERBS.values():
        asked = verb.ask(clinic)
        told.add((asked.method, _shape(asked.path)))
    routes = {
        (method.upper(), _shape(path.removeprefix("/v1")))
        for path, operations in clinic.client.get("/openapi.json").json()["paths"].items()
        for method in operations
        if method != "get" and path not in ONLY_ASK | IMPORTS | TOKENS
    }
    assert routes == told


def _shape(path: str) -> str:
    """The path with every id as `*`."""
    named = {"house": "*", "1": "*"}
    return "/".join(
        "*" if len(part) == 36 or part.startswith("{") else named.get(part, part)
        for part in path.split("/")
    )


def test_before_and_after(clinic: Clinic) -> None:
    patient = clinic.a_patient(phone="555-0100")
    [made] = [row for row in clinic.changes() if row["action"] == "patient.create"]
    assert made["resource_id"] == made["patient_id"] == patient["id"]
    assert made["changes"]["phone"] == [None, "555-0100"]
    assert made["changes"]["birth_date"] == [None, "1980-05-17"]
    named = [{"system": "ehr", "value": "1"}]
    clinic.patch(
        f"/patients/{patient['id']}", {"phone": None, "family_name": "Ng", "identifiers": named}
    )
    assert clinic.changes()[-1]["changes"] == {
        "phone": ["555-0100", None],
        "family_name": ["Example", "Ng"],
        "identifiers": [None, named],
    }


def test_a_corrected_session_keeps_what_stood_before(clinic: Clinic) -> None:
    session = clinic.a_session(clinic.a_course()["id"], "2026-01-05")
    chart = {"plan": "as_protocol", "omit": [{"site": "TRA-L3", "reason": "wound"}]}
    clinic.patch(f"/sessions/{session['id']}", {"given_on": "2026-01-07", "chart": chart})
    changes = clinic.changes()[-1]["changes"]
    assert changes["given_on"] == ["2026-01-05", "2026-01-07"]
    assert changes["administered"] == [15500, 15000]
    assert len(changes["injections"][0]) == 31
    assert len(changes["injections"][1]) == 30


def test_nothing_secret_is_told(clinic: Clinic) -> None:
    told = repr(clinic.changes())
    assert "key_hash" not in told
    assert "cursor_key" not in told
    assert clinic.key not in told


def test_a_replay_and_a_refusal_are_no_change(clinic: Clinic) -> None:
    course = clinic.a_course()
    path = f"/courses/{course['id']}/sessions"
    body: Any = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    first = clinic.post(path, body, idempotency_key="k-1")
    written = len(clinic.changes())
    assert clinic.post(path, body, idempotency_key="k-1") == first
    clinic.refusal("POST", path, body | {"given_on": "2031-01-05"}, idempotency_key="k-2")
    clinic.refusal("POST", path, body | {"given_on": "2026-01-06"}, idempotency_key="k-1")
    assert len(clinic.changes()) == written


@pytest.mark.parametrize(
    ("failure", "status"), [(DatabaseAway("gone"), 503), (RuntimeError("no"), 500)]
)
@pytest.mark.parametrize("name", ["session record", "patient register", "patient deceased"])
def test_a_commit_that_fails_is_a_request_that_failed(
    clinic: Clinic,
    name: str,
    failure: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = VERBS[name].ask(clinic)
    before = everything(clinic)

    def commit(*_: Any) -> NoReturn:
        raise failure

    monkeypatch.setattr(type(clinic.database._kind), "commit", commit)
    refusal = clinic.refusal(asked.method, asked.path, asked.body, idempotency_key="k-1")
    assert refusal["status"] == status
    monkeypatch.undo()
    assert everything(clinic) == before
    assert send(clinic, asked, idempotency_key="k-1").status_code < 300


def test_a_replay_says_whom_it_showed(clinic: Clinic) -> None:
    course = clinic.a_course()
    path = f"/courses/{course['id']}/sessions"
    body: Any = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    session = clinic.post(path, body, idempotency_key="k-1")
    clinic.post(path, body, idempotency_key="k-1")
    patient = {"mrn": "M1", "family_name": "A", "given_name": "B", "birth_date": "1980-05-17"}
    made = clinic.post("/patients", patient, idempotency_key="k-2")
    clinic.post("/patients", patient, idempotency_key="k-2")
    shown = [row for row in clinic.audit() if row["outcome"] == "shown"][-2:]
    assert [row["patient_id"] for row in shown] == [course["patient_id"], made["id"]]
    assert shown[1]["resource_id"] == made["id"]
    assert session["id"] != course["id"]


def test_counting_one_person_is_asking_about_them(clinic: Clinic) -> None:
    course = clinic.a_course(patient_id=clinic.a_patient(mrn="ONE-42")["id"])
    clinic.a_course()
    assert clinic.get("/worklist/summary?q=ONE-42")["total"] == 1
    assert clinic.audit()[-1]["patient_id"] == course["patient_id"]
    clinic.get("/worklist/summary")
    assert clinic.audit()[-1]["patient_id"] is None
