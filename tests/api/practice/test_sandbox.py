"""A place for trying things out: its keys open it alone, and emptying it touches nothing else."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from app.db.base import metadata
from app.db.engine.scope import OWNER
from app.db.models import ApiKey, Practitioner, Staff
from app.db.queries import table_rows as rows
from app.db.queries.practice import practice_rows
from app.db.rows.access import StaffValues
from app.services import records
from app.services.access import keys
from app.services.practice import sandboxes
from tests.support.callers import acting, asked
from tests.support.clinic import Clinic
from tests.support.seeded import seed


class Sandbox(Clinic):
    """The sandbox of a clinic, called with a key of its own."""

    def __init__(self, live: Clinic) -> None:
        self.client, self.database, self.clock = live.client, live.database, live.clock
        self.practice_id: str = live.post("/sandbox")["id"]
        self.key: str = live.post("/sandbox/keys", {"name": "tests"})["key"]
        self.by = live.by._replace(practice_id=self.practice_id)


def everything(clinic: Clinic) -> dict[str, list[str]]:
    """Every row that the practice has, log and all."""
    found = {}
    with clinic.database.read(OWNER) as db:
        for table in practice_rows.tables():
            own = table.c.id if table.name == "practice" else table.c.practice_id
            held = db.execute(select(table).where(own == clinic.practice_id)).mappings()
            found[table.name] = sorted(repr(dict(row)) for row in held)
    return found


def test_found_once_and_shown(clinic: Clinic) -> None:
    clinic.settings(min_interval_days=90, lead_days=21)
    assert clinic.refusal("GET", "/sandbox")["status"] == 404
    assert clinic.refusal("POST", "/sandbox/reset")["status"] == 404
    assert clinic.refusal("POST", "/sandbox/keys", {"name": "x"})["status"] == 404
    made = clinic.call("POST", "/sandbox")
    assert (made.status_code, made.headers["location"]) == (201, "/v1/sandbox")
    assert made.json()["name"] == "Test Clinic (sandbox)"
    again = clinic.call("POST", "/sandbox")
    assert again.status_code == 200
    assert again.json() == made.json() == clinic.get("/sandbox")
    sandbox = Sandbox(clinic)
    settings = sandbox.get("/practice")
    assert (settings["min_interval_days"], settings["lead_days"]) == (90, 21)
    assert sandbox.get("/me")["sandbox"] is True
    assert clinic.get("/me")["sandbox"] is False
    [key] = clinic.get("/sandbox")["keys"]
    assert sandbox.key.startswith(key["prefix"])


def test_two_at_once_make_one(clinic: Clinic) -> None:
    answers: list[Any] = []
    threads = [
        Thread(target=lambda: answers.append(clinic.call("POST", "/sandbox"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in answers) == [200] * 5 + [201]
    assert len({a.json()["id"] for a in answers}) == 1


def test_its_key_opens_the_sandbox_and_nothing_else(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    sandbox = Sandbox(clinic)
    assert sandbox.key.startswith("tw_test_")
    assert keys.well_formed(sandbox.key)
    assert not keys.well_formed(sandbox.key.replace("tw_test_", "tw_live_"))
    assert sandbox.get("/me")["practice"]["id"] == sandbox.practice_id
    assert sandbox.get("/patients")["items"] == []
    for path in (f"/courses/{course['id']}", f"/patients/{course['patient_id']}"):
        assert sandbox.refusal("GET", path)["status"] == 404
    tried = sandbox.a_course("2026-01-05")
    assert clinic.refusal("GET", f"/courses/{tried['id']}")["status"] == 404


def test_a_sandbox_has_none_of_its_own(clinic: Clinic) -> None:
    sandbox = Sandbox(clinic)
    assert sandbox.refusal("POST", "/sandbox")["code"] == "wrong-state"
    assert sandbox.refusal("POST", "/sandbox/reset")["code"] == "wrong-state"
    assert sandbox.refusal("GET", "/sandbox")["status"] == 404
    assert sandbox.refusal("POST", "/sandbox/keys", {"name": "x"})["status"] == 404


def test_a_key_is_told_once_and_goes_as_far_as_it_says(clinic: Clinic) -> None:
    clinic.post("/sandbox")
    body = {"name": "lists", "scopes": ["worklist:search"], "expires_at": "2026-04-01T00:00:00Z"}
    made = clinic.post("/sandbox/keys", body, idempotency_key="k-1")
    again = clinic.post("/sandbox/keys", body, idempotency_key="k-1")
    assert again == made | {"key": None}
    assert "key" not in clinic.get("/sandbox")["keys"][0]
    assert asked(clinic, made["key"], "/worklist").status_code == 200
    assert asked(clinic, made["key"], "/patients").status_code == 403
    refusal = clinic.refusal("POST", "/sandbox/keys", {"name": "x", "scopes": ["all"]})
    assert refusal["errors"][0]["pointer"] == "/scopes"
    id = clinic.get("/sandbox")["id"]
    clinic.clock.now = clinic.clock.now.replace(month=4)
    app = clinic.app
    app.state.app_context.callers.forget(id)
    assert asked(clinic, made["key"], "/worklist").status_code == 401


def test_both_logs_tell_of_it(clinic: Clinic) -> None:
    administrator = f"Bearer {acting(clinic, 'administrator')}"
    clinic.post("/sandbox", authorization=administrator)
    sandbox = Sandbox(clinic)
    sandbox.a_location()
    clinic.post("/sandbox/keys", {"name": "second"}, authorization=administrator)
    clinic.post("/sandbox/reset", authorization=administrator, x_request_id="request-0001")
    live = [row for row in clinic.changes() if row["resource_type"] == "sandbox"]
    assert [row["action"] for row in live] == [
        *("sandbox.create", "sandbox.make_key", "sandbox.make_key", "sandbox.reset")
    ]
    there = [row for row in sandbox.changes() if row["resource_type"] != "location"]
    assert [row["action"] for row in there] == [
        *("practice.create", "api_key.create", "api_key.create", "sandbox.reset")
    ]
    for mine, its in ((live[0], there[0]), (live[2], there[2]), (live[3], there[3])):
        for name in ("by_type", "by_id", "by_name", "credential_id", "request_id", "at"):
            assert mine[name] == its[name], name
        assert mine["by_name"] == "The administrator"
        assert (mine["practice_id"], its["practice_id"]) == (
            clinic.practice_id,
            sandbox.practice_id,
        )
    assert live[3]["changes"] == there[3]["changes"] == {"location": [1, 0]}
    assert live[3]["request_id"] == "request-0001"


def test_only_an_administrator_has_one(clinic: Clinic) -> None:
    clinic.post("/sandbox")
    for role in ("clinician", "coordinator", "read_only", "auditor"):
        key = f"Bearer {acting(clinic, role)}"
        for method, path in (("GET", ""), ("POST", ""), ("POST", "/keys"), ("POST", "/reset")):
            refusal = clinic.refusal(method, f"/sandbox{path}", authorization=key)
            assert refusal["status"] == 403, (role, path)


def test_a_reset_empties_it_and_leaves_the_live_practice_as_it_was(clinic: Clinic) -> None:
    seed(clinic)
    sandbox = Sandbox(clinic)
    seeded = seed_of(sandbox)
    clinic.settings(lead_days=21)
    strangers = clinic.neighbour()
    strangers.a_course("2026-01-05")
    live, others, before = everything(clinic), everything(strangers), everything(sandbox)
    assert all(before[name] for name in ("patient", "session", "hold", "import_row", "closure"))

    told = clinic.post("/sandbox/reset")

    after = everything(sandbox)
    gone = {name for name in after if before[name] and not after[name]}
    assert gone == {name for name in before if before[name]} - sandboxes.KEPT
    assert told["removed"]["patient"] == len(before["patient"])
    for name in ("api_key", "credential", "protocol_version"):
        assert after[name] == before[name], name
    assert set(after["audit_event"]) > set(before["audit_event"])
    assert everything(strangers) == others
    now = everything(clinic)
    added = set(now["audit_event"]) - set(live["audit_event"])
    assert len(added) == 1
    assert {n: r for n, r in now.items() if n != "audit_event"} == {
        n: r for n, r in live.items() if n != "audit_event"
    }
    assert sandbox.get("/practice")["lead_days"] == 21
    assert sandbox.get("/worklist")["items"] == []
    # It can be filled again, the same things in the same places.
    sandbox.a_patient(mrn=seeded)
    sandbox.a_course("2026-01-05")
    assert sandbox.wrong_dates() == []


def seed_of(sandbox: Sandbox) -> str:
    """Fill the sandbox with one of everything; the MRN of one of its patients."""
    seed(sandbox)
    course = sandbox.a_course("2026-01-05")
    hold = {"from": "2026-04-01", "until": "2026-04-30", "reason": "travels"}
    sandbox.post(f"/courses/{course['id']}/hold", hold, idempotency_key="k-1")
    with sandbox.database.write(sandbox.practice_id) as db:
        [person, *_] = rows.page(db, Practitioner, practice_id=sandbox.practice_id, limit=1)
        values = StaffValues(name="Kim", roles=["injector"], practitioner_id=person["id"])
        records.create(db, Staff, values, kind="staff", by=sandbox.by, now=sandbox.clock())
    mrn: str = sandbox.get("/patients")["items"][0]["mrn"]
    return mrn


def test_staff_of_the_sandbox_stay_and_forget_their_practitioner(clinic: Clinic) -> None:
    sandbox = Sandbox(clinic)
    seed_of(sandbox)
    named = [{"system": "idp", "value": "kim@example.org"}]
    sandbox.a_member("injector", identifiers=named)
    clinic.post("/sandbox/reset")
    with sandbox.database.read(sandbox.practice_id) as db:
        staff = rows.page(db, Staff, practice_id=sandbox.practice_id, limit=9)
        [kim] = [member for member in staff if member["name"] == "Kim"]
        assert kim["practitioner_id"] is None
        assert rows.page(db, ApiKey, practice_id=sandbox.practice_id, limit=9)
    known = [member["identifiers"] for member in sandbox.get("/staff")["items"]]
    assert named in known


@pytest.mark.parametrize("wall", ["predicate", "scope"])
def test_one_wall_alone_keeps_the_live_practice(
    clinic: Clinic, wall: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset that names the live practice by mistake, or forgets to turn, deletes nothing."""
    clinic.a_course("2026-01-05")
    Sandbox(clinic).a_course("2026-01-05")
    live = everything(clinic)
    remove = practice_rows.remove

    def mistaken(db: Any, *, practice_id: str, names: Any) -> dict[str, int]:
        return remove(db, practice_id=clinic.practice_id, names=names)

    def unturned(db: Any, *, practice_id: str, names: Any) -> dict[str, int]:
        with clinic.database.as_practice(db, clinic.practice_id):
            return remove(db, practice_id=practice_id, names=names)

    monkeypatch.setattr(practice_rows, "remove", mistaken if wall == "predicate" else unturned)
    clinic.call("POST", "/sandbox/reset")
    now = everything(clinic)
    assert {n: r for n, r in now.items() if n != "audit_event"} == {
        n: r for n, r in live.items() if n != "audit_event"
    }


def test_every_table_either_goes_or_stays_on_purpose() -> None:
    going = {table.name for table in practice_rows.tables()} - sandboxes.KEPT
    assert going == {
        *("closure", "course", "hold", "idempotency", "identifier", "import_batch"),
        *("import_row", "location", "outside_session", "patient", "practitioner", "session"),
    }
    assert metadata.tables.keys() >= going
