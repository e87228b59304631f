"""API keys: how far each goes, for how long, and that its secret is told once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine.scope import OWNER
from app.db.models import ApiKey
from app.db.rows.access import ApiKeyValues
from app.domain.access import access
from app.edge.auth.auth import Callers
from app.services import records
from app.services.access import keys
from tests.support.clinic import Clinic
from tests.support.maintaining import go_round

HOUR = timedelta(hours=1)


def a_key(clinic: Clinic, **said: Any) -> Any:
    return clinic.post("/keys", {"name": "EHR", **said})


def status(clinic: Clinic, key: str) -> int:
    """What the key gets when servers look it up again."""
    clinic.forget()
    return clinic.acting(key).call("GET", "/me").status_code


def later(clinic: Clinic, by: timedelta) -> None:
    clinic.clock.now += by


def test_made_shown_listed_and_its_secret_told_once(clinic: Clinic) -> None:
    until = "2026-06-01T00:00:00Z"
    made = a_key(clinic, scopes=["worklist:search", "practice:read"], expires_at=until)
    secret = made.pop("key")
    assert secret.startswith(f"{made['prefix']}_")
    assert made["prefix"].startswith("tw_live_")
    assert made["scopes"] == ["practice:read", "worklist:search"]
    assert (made["staff_id"], made["revoked_at"], made["expires_at"]) == (None, None, until)
    assert clinic.get(f"/keys/{made['id']}") == made
    assert clinic.get("/keys")["items"][-1] == made
    assert secret[-49:] not in clinic.call("GET", "/keys").text
    who = clinic.acting(secret).get("/me")
    assert who["may"] == made["scopes"]
    assert (who["by"]["type"], who["by"]["name"]) == ("system", "EHR")


def test_a_key_acts_as_its_member_of_staff_and_no_further(clinic: Clinic) -> None:
    member = clinic.a_member("front_desk")
    # Scopes beyond the role are no way around it, for whoever may name them.
    made = a_key(clinic, staff_id=member["id"], scopes=["treatments:create", "practice:read"])
    who = clinic.acting(made["key"]).get("/me")
    assert who["may"] == ["practice:read"]
    assert (who["by"]["type"], who["by"]["id"]) == ("staff", member["id"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["patients:delete"]}, "/scopes"),
        ({"scopes": ["audit:read", "audit:read"]}, "/scopes"),
        ({"expires_at": "2026-03-20T15:00:00Z"}, "/expires_at"),
        ({"staff_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "/staff_id"),
        ({"prefix": "tw_x"}, "/prefix"),
    ],
)
def test_what_cannot_be_right(clinic: Clinic, body: Any, pointer: str) -> None:
    refusal = clinic.refusal("POST", "/keys", {"name": "EHR"} | body)
    assert (refusal["status"], refusal["errors"][0]["pointer"]) == (422, pointer)


def test_a_neighbours_member_of_staff_is_not_there(clinic: Clinic) -> None:
    stranger = clinic.neighbour().a_member("administrator")
    refusal = clinic.refusal("POST", "/keys", {"name": "EHR", "staff_id": stranger["id"]})
    assert refusal["errors"][0]["pointer"] == "/staff_id"


def test_an_expired_key_is_refused(clinic: Clinic) -> None:
    made = a_key(clinic, expires_at=(clinic.clock.now + HOUR).isoformat())
    later(clinic, HOUR - timedelta(seconds=1))
    assert status(clinic, made["key"]) == 200
    later(clinic, timedelta(seconds=1))
    assert status(clinic, made["key"]) == 401
    refusal = clinic.refusal("POST", f"/keys/{made['id']}/rotate")
    assert (refusal["code"], refusal["state"]) == ("wrong-state", "expired")


def test_a_revoked_key_is_refused_at_once_and_for_good(clinic: Clinic) -> None:
    made = a_key(clinic)
    theirs = clinic.acting(made["key"])
    assert theirs.call("GET", "/me").status_code == 200
    revoked = clinic.post(f"/keys/{made['id']}/revoke")
    assert theirs.call("GET", "/me").status_code == 401
    later(clinic, HOUR)
    assert clinic.post(f"/keys/{made['id']}/revoke") == revoked
    refusal = clinic.refusal("POST", f"/keys/{made['id']}/rotate")
    assert (refusal["code"], refusal["state"]) == ("wrong-state", "revoked")


def test_both_secrets_work_while_they_overlap(clinic: Clinic) -> None:
    made = a_key(clinic)
    changed = clinic.post(f"/keys/{made['id']}/rotate", {"overlap_hours": 2})
    assert changed["key"] != made["key"]
    assert {**changed, "key": None, "updated_at": None} == {
        **made,
        "key": None,
        "updated_at": None,
    }
    later(clinic, 2 * HOUR - timedelta(seconds=1))
    assert [status(clinic, key) for key in (made["key"], changed["key"])] == [200, 200]
    later(clinic, timedelta(seconds=1))
    assert [status(clinic, key) for key in (made["key"], changed["key"])] == [401, 200]


def test_without_an_overlap_the_old_secret_ends_at_once(clinic: Clinic) -> None:
    made = a_key(clinic)
    assert status(clinic, made["key"]) == 200
    changed = clinic.post(f"/keys/{made['id']}/rotate", {"overlap_hours": 0})
    found = [clinic.acting(key).call("GET", "/me").status_code for key in (made["key"],)]
    assert found == [401]
    assert status(clinic, changed["key"]) == 200


def test_rotating_again_brings_no_ended_secret_back(clinic: Clinic) -> None:
    made = a_key(clinic)
    second = clinic.post(f"/keys/{made['id']}/rotate", {"overlap_hours": 1})["key"]
    third = clinic.post(f"/keys/{made['id']}/rotate", {"overlap_hours": 100})["key"]
    assert [status(clinic, key) for key in (made["key"], second, third)] == [200, 200, 200]
    later(clinic, 2 * HOUR)
    assert [status(clinic, key) for key in (made["key"], second, third)] == [401, 200, 200]
    fourth = clinic.post(f"/keys/{made['id']}/rotate")["key"]
    assert [status(clinic, key) for key in (made["key"], second, third, fourth)] == [
        *(401, 200, 200, 200)
    ]


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "1"])
def test_an_overlap_is_hours_of_one_week_at_most(clinic: Clinic, hours: Any) -> None:
    path = f"/keys/{a_key(clinic)['id']}/rotate"
    refusal = clinic.refusal("POST", path, {"overlap_hours": hours})
    assert refusal["errors"][0]["pointer"] == "/overlap_hours"


def test_a_retry_is_answered_without_the_secret(clinic: Clinic) -> None:
    body = {"name": "EHR"}
    first = clinic.post("/keys", body, idempotency_key="k-1")
    again = clinic.call("POST", "/keys", body, idempotency_key="k-1")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.headers["location"] == f"/v1/keys/{first['id']}"
    assert again.json() == first | {"key": None}
    path = f"/keys/{first['id']}/rotate"
    second = clinic.post(path, idempotency_key="k-2")
    assert clinic.post(path, idempotency_key="k-2") == second | {"key": None}
    # Whoever lost the secret gets another, and the lost one ends.
    third = clinic.post(path, {"overlap_hours": 0}, idempotency_key="k-3")
    assert [status(clinic, key) for key in (first["key"], second["key"], third["key"])] == [
        *(401, 401, 200)
    ]


def test_no_table_holds_a_secret(clinic: Clinic) -> None:
    made = clinic.post("/keys", {"name": "EHR"}, idempotency_key="k-1")
    changed = clinic.post(f"/keys/{made['id']}/rotate", idempotency_key="k-2")
    with clinic.database.read(OWNER) as db:
        for table in ("api_key", "credential", "idempotency", "audit_event"):
            held = repr([bytes_shown(row) for row in db.execute(text(f"SELECT * FROM {table}"))])
            for key in (clinic.key, made["key"], changed["key"]):
                assert key[-49:] not in held, table
                assert table != "api_key" or key[: len(made["prefix"])] in held


def bytes_shown(row: Any) -> list[str]:
    return [bytes(v).decode("latin-1") if isinstance(v, bytes) else str(v) for v in row]


def test_when_it_was_last_used(clinic: Clinic) -> None:
    made = a_key(clinic)
    assert made["last_used_at"] is None
    later(clinic, HOUR)
    assert status(clinic, made["key"]) == 200
    go_round(clinic)
    shown = clinic.get(f"/keys/{made['id']}")
    assert shown["last_used_at"] == "2026-03-20T16:00:00Z"
    assert shown["updated_at"] == made["updated_at"]


def test_a_key_of_the_older_form_stays_good(clinic: Clinic) -> None:
    with clinic.database.write(clinic.practice_id) as db:
        old = records.create(
            db,
            ApiKey,
            ApiKeyValues(name="old", prefix="tw_0a1b2c3d"),
            kind="api_key",
            by=clinic.by,
            now=clinic.clock(),
        )
        secret = keys._secret(db, old, clinic.clock())
    assert len(secret) == 61
    assert status(clinic, secret) == 200
    assert clinic.post(f"/keys/{old['id']}/rotate")["key"].startswith("tw_0a1b2c3d_")


# --- a key cannot be given more than its maker may do ----------------------------------------


def narrowed(clinic: Clinic, *scopes: str) -> Clinic:
    """An administrator's key that scopes narrow."""
    return clinic.acting(clinic.key_for("administrator", scopes=["keys:create", *scopes]))


def test_scopes_beyond_the_makers_are_refused(clinic: Clinic) -> None:
    narrow = narrowed(clinic, "worklist:search")
    assert a_key(narrow, scopes=["worklist:search"])["scopes"] == ["worklist:search"]
    for beyond in sorted(access.PERMISSIONS - {"worklist:search", "keys:create"}):
        refusal = narrow.refusal("POST", "/keys", {"name": "more", "scopes": [beyond]})
        assert (refusal["status"], refusal["needs"]) == (403, [beyond])


def test_a_narrowed_key_makes_no_key_without_scopes(clinic: Clinic) -> None:
    everything = sorted(access.ROLES["administrator"])
    narrow = clinic.acting(clinic.key_for("administrator", scopes=everything))
    for body in ({}, {"staff_id": clinic.a_member("read_only")["id"]}):
        assert narrow.refusal("POST", "/keys", {"name": "more"} | body)["status"] == 403
    # All that an administrator does is not all that there is.
    refusal = narrow.refusal("POST", "/keys", {"name": "more", "scopes": ["treatments:create"]})
    assert refusal["needs"] == ["treatments:create"]


@pytest.mark.parametrize("role", ["administrator", "clinician", "coordinator"])
def test_nor_one_that_acts_as_someone_who_may_do_more(clinic: Clinic, role: str) -> None:
    narrow = narrowed(clinic, "worklist:search", "practice:read")
    own = narrow.get("/me")["by"]["id"]
    assert a_key(narrow, staff_id=own, scopes=["worklist:search"])["staff_id"] == own
    id = clinic.a_member(role)["id"]
    for said in ({}, {"scopes": ["worklist:search", "patients:read"]}):
        body = {"name": "more", "staff_id": id} | said
        assert narrow.refusal("POST", "/keys", body)["status"] == 403, said


def test_rotating_hands_out_a_secret_and_so_needs_the_same(clinic: Clinic) -> None:
    narrow = narrowed(clinic, "keys:update", "worklist:search")
    above = a_key(clinic)
    refusal = narrow.refusal("POST", f"/keys/{above['id']}/rotate")
    assert refusal["status"] == 403
    assert "key" not in refusal
    assert status(clinic, above["key"]) == 200
    below = a_key(clinic, scopes=["worklist:search"])
    assert narrow.post(f"/keys/{below['id']}/rotate")["key"]


@pytest.mark.parametrize("holder", ["system", "administrator"])
def test_a_narrowed_key_hands_out_nobody_elses_name(clinic: Clinic, holder: str) -> None:
    """Its rights may cover the other's; what is done would be in the log under their name."""
    scopes = ["keys:create", "keys:update", "patients:search", "practice:read"]
    made = a_key(clinic, scopes=scopes)["key"] if holder == "system" else None
    narrow = clinic.acting(made or clinic.key_for(holder, scopes=scopes))
    id = clinic.a_member("read_only", "auditor")["id"]
    body = {"name": "z", "staff_id": id, "scopes": ["patients:search", "practice:read"]}
    refusal = narrow.refusal("POST", "/keys", body)
    assert refusal["status"] == 403
    assert "key" not in refusal
    theirs = clinic.post("/keys", body)
    assert narrow.refusal("POST", f"/keys/{theirs['id']}/rotate")["status"] == 403
    assert status(clinic, theirs["key"]) == 200
    # An administrator whom no scopes narrow does both.
    admin = clinic.acting(clinic.key_for("administrator"))
    assert admin.post("/keys", body)["staff_id"] == id
    assert admin.post(f"/keys/{theirs['id']}/rotate")["key"]


def test_a_key_may_renew_itself(clinic: Clinic) -> None:
    made = a_key(clinic, scopes=["keys:update", "practice:read"])
    changed = clinic.acting(made["key"]).post(f"/keys/{made['id']}/rotate")
    assert clinic.acting(changed["key"]).get("/me")["may"] == made["scopes"]


def test_an_administrator_gives_an_injector_a_key(clinic: Clinic) -> None:
    """Handing out access is their work, also to do what they do not do themselves."""
    admin = clinic.acting(clinic.key_for("administrator"))
    member = admin.a_member("injector")
    made = a_key(admin, staff_id=member["id"])
    assert "treatments:create" in clinic.acting(made["key"]).get("/me")["may"]
    assert "treatments:create" not in admin.get("/me")["may"]


def test_what_the_log_tells_of_a_key(clinic: Clinic) -> None:
    made = a_key(clinic, scopes=["worklist:search"])
    clinic.post(f"/keys/{made['id']}/rotate", {"overlap_hours": 1})
    clinic.post(f"/keys/{made['id']}/revoke")
    rows = [row for row in clinic.changes() if row["resource_id"] == made["id"]]
    assert [row["action"] for row in rows] == ["api_key.create", "api_key.rotate", "api_key.revoke"]
    assert rows[0]["changes"]["scopes"] == [None, ["worklist:search"]]
    assert rows[1]["changes"] == {"earlier_secret_until": [None, "2026-03-20T16:00:00+00:00"]}
    assert rows[2]["changes"]["revoked_at"][0] is None


@pytest.fixture
def looked_up(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The practices whose keys are looked up, in turn; whoever reads it clears it."""
    found: list[str] = []
    app = clinic.app
    callers = app.state.app_context.callers
    look_up = callers._look_up

    def watched(digest: bytes, now: datetime) -> Any:
        caller, until = look_up(digest, now)
        found.append(caller.practice_id)
        return caller, until

    monkeypatch.setattr(callers, "_look_up", watched)
    return found


def test_a_change_has_only_the_keys_of_its_practice_looked_up_again(
    clinic: Clinic, looked_up: list[str]
) -> None:
    other = clinic.neighbour()
    for one in (clinic, other):
        one.get("/me")
    assert looked_up == [clinic.practice_id, other.practice_id]
    clinic.settings(name="New Name")
    assert clinic.get("/me")["practice"]["name"] == "New Name"
    other.get("/me")
    assert looked_up[2:] == [clinic.practice_id]


def test_a_full_memory_lets_the_oldest_go(
    clinic: Clinic, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Callers, "_MOST", 2)
    first, second, third = (clinic, clinic.neighbour(), clinic.neighbour())
    for one in (first, second, third, second, third, first):
        one.get("/me")
    assert looked_up == [one.practice_id for one in (first, second, third, first)]
