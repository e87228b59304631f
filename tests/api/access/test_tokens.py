"""Systems that sign in at our own endpoint: T-16's assertion that is played twice, and all that
else gets no token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import pytest

from app.db.engine.engine import Database
from app.db.engine.scope import NONE
from app.db.models import ClientAssertion
from app.db.queries.table_rows import table_of
from app.edge.auth import tokens
from app.services.access import signing_keys
from tests.support.clinic import ok
from tests.support.issuer import ec_key, rsa_key, signed
from tests.support.maintaining import go_round
from tests.support.signing import AT, ENDPOINT, TYPE, URL, Signing, a_signing_clinic

KEY = ec_key("c1", "P-384")


def refused(answer: Any, error: str, status: int = 401) -> None:
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("key", [KEY, rsa_key("c2")], ids=["ES384", "RS384"])
def test_a_client_signs_in_and_reads(signing: Signing, key: Any) -> None:
    client = signing.a_client(key, ["system/Patient.rs", "worklist:search", "practice:read"])
    answer = signing.ask(
        signing.assertion(key, client["id"]), "system/Patient.read practice:read system/Task.c"
    )
    given = ok(answer)
    token = given.pop("access_token")
    assert given == {
        "token_type": "bearer",
        "expires_in": 300,
        "scope": "system/Patient.read practice:read",
    }
    assert answer.headers["cache-control"] == "no-store"
    me = ok(signing.get(token))
    assert me["by"] == {"type": "system", "id": client["id"], "name": "warehouse", "roles": []}
    assert me["may"] == ["patients:read", "patients:search", "practice:read"]
    assert signing.get(token, "/patients").status_code == 200
    assert signing.get(token, "/worklist").status_code == 403
    told = [row for row in signing.clinic.audit() if row["by_id"] == client["id"]]
    assert [(row["action"], row["outcome"]) for row in told] == [
        ("client.token", "done"),
        ("me.me", "shown"),
        ("patients.list_patients", "shown"),
        ("worklist.show", "forbidden"),
    ]
    assert {row["by_name"] for row in told} == {"warehouse"}
    assert told[0]["changes"] == {"scope": [None, "system/Patient.read practice:read"]}


def test_keys_that_a_client_publishes(signing: Signing) -> None:
    signing.issuer.keys.append(KEY)
    client = signing.a_client(KEY, ["system/*.rs"], jwks_url=signing.issuer.url)
    assert signing.token(KEY, client["id"], "system/Patient.r")
    signing.issuer.mode = "down"
    other = ec_key("c9", "P-384")
    answer = signing.ask(signing.assertion(other, client["id"]), "system/Patient.r")
    # The set was looked at a moment ago, and had no such key.
    refused(answer, "invalid_client")
    assert signing.token(KEY, client["id"], "system/Patient.r")


def test_an_assertion_is_good_once(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    assertion = signing.assertion(KEY, client["id"])
    assert signing.ask(assertion, "system/Patient.r").status_code == 200
    refused(signing.ask(assertion, "system/Patient.r"), "invalid_client")
    # Another signature over the same name is the same assertion.
    claims = {"jti": "mine"}
    first = signing.assertion(KEY, client["id"], **claims)
    again = signing.assertion(KEY, client["id"], exp=AT + 200, **claims)
    assert signing.ask(first, "system/Patient.r").status_code == 200
    refused(signing.ask(again, "system/Patient.r"), "invalid_client")
    refusals = [row for row in signing.clinic.audit() if row["action"] == "oauth.token"]
    assert [row["outcome"] for row in refusals] == ["invalid_client", "invalid_client"]


def test_of_many_at_once_one_gets_the_token(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    assertion = signing.assertion(KEY, client["id"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: signing.ask(assertion, "system/Patient.r").status_code, range(8))
        )
    assert sorted(answers) == [200, *[401] * 7]


def test_a_used_assertion_is_forgotten_when_nobody_takes_it(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    assertion = signing.assertion(KEY, client["id"])
    signing.ask(assertion, "system/Patient.r")
    clinic = signing.clinic

    def kept() -> int:
        used = table_of(ClientAssertion)
        with clinic.database.read(clinic.practice_id) as db:
            rows = db.execute(used.select().where(used.c.practice_id == clinic.practice_id))
            return len(rows.all())

    for seconds, left in ((300, 1), (61, 0)):
        clinic.clock.now += timedelta(seconds=seconds)
        go_round(clinic)
        assert kept() == left
    refused(signing.ask(assertion, "system/Patient.r"), "invalid_client")


@pytest.mark.parametrize(
    ("said", "error", "status"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type", 400),
        ({"grant_type": None}, "invalid_request", 400),
        ({"client_assertion_type": "other"}, "invalid_client", 401),
        ({"client_assertion": ""}, "invalid_client", 401),
        ({"client_assertion": "x.y.z"}, "invalid_client", 401),
        ({"client_assertion": "x" * 9000}, "invalid_client", 401),
        ({"client_secret": "s"}, "invalid_client", 401),
        ({"client_id": "another"}, "invalid_client", 401),
        ({"scope": None}, "invalid_scope", 400),
        ({"scope": ""}, "invalid_scope", 400),
        ({"scope": "user/Patient.rs patient/Patient.rs openid"}, "invalid_scope", 400),
        ({"scope": "system/Patient.cu keys:create"}, "invalid_scope", 400),
        ({"scope": "system/Patient.rs " + "x" * 4000}, "invalid_scope", 400),
    ],
)
def test_requests_that_get_no_token(
    signing: Signing, said: dict[str, Any], error: str, status: int
) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    assertion = signing.assertion(KEY, client["id"])
    form = {"scope": "system/Patient.rs", "client_assertion": assertion, **said}
    refused(signing.ask(form.pop("client_assertion"), form.pop("scope"), **form), error, status)
    # Nothing of that used the assertion up.
    assert signing.ask(assertion, "system/Patient.rs").status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"grant_type", b"grant_type=a&grant_type=b", b"a=%ff", b"\xff=1", b"x=1&" * 30,
     b"a=" + b"x" * 20_000, b'{"grant_type": "client_credentials"}'],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_forms_that_are_none(signing: Signing, body: bytes) -> None:
    refused(signing.send(body), "invalid_request", 400)


def test_other_ways_to_sign_in(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    assertion = signing.assertion(KEY, client["id"])
    form = f"grant_type=client_credentials&client_assertion_type={TYPE}&scope=system/Patient.rs"
    body = f"{form}&client_assertion={assertion}"
    refused(signing.send(body, **{"content-type": "application/json"}), "invalid_request", 400)
    refused(signing.send(body, authorization="Basic eDp5"), "invalid_client")
    assert signing.send(body).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [{"aud": URL}, {"aud": [ENDPOINT, "https://elsewhere.example.org"]}, {"exp": AT - 1},
     {"exp": AT + 3600}, {"sub": "another"}, {"jti": None}],
)  # fmt: skip
def test_assertions_for_elsewhere(signing: Signing, claims: dict[str, Any]) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    refused(
        signing.ask(signing.assertion(KEY, client["id"], **claims), "system/Patient.rs"),
        "invalid_client",
    )


def test_a_stranger_and_a_stranger_with_a_known_name_are_told_the_same(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs"])
    stranger = ec_key("c1", "P-384")
    unknown = "018f2f64-5c3a-7b1e-9d2f-0123456789ab"
    answers = [
        signing.ask(signing.assertion(stranger, id), "system/Patient.rs")
        for id in (client["id"], unknown, "x")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (401, '{"error":"invalid_client"}')
    }


def test_a_revoked_client(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs", "practice:read"])
    token = signing.token(KEY, client["id"], "practice:read")
    assert signing.get(token).status_code == 200
    signing.clinic.patch(f"/clients/{client['id']}", {"active": False})
    signing.forget()
    assert signing.get(token).status_code == 401
    assert signing.clinic.audit()[-1]["outcome"] == "unauthenticated"
    refused(signing.ask(signing.assertion(KEY, client["id"]), "practice:read"), "invalid_client")
    signing.clinic.patch(f"/clients/{client['id']}", {"active": True})
    assert signing.get(signing.token(KEY, client["id"], "practice:read")).status_code == 200


def test_a_client_that_lost_a_scope_loses_it_in_live_tokens(signing: Signing) -> None:
    client = signing.a_client(KEY, ["system/Patient.rs", "practice:read"])
    token = signing.token(KEY, client["id"], "system/Patient.rs practice:read")
    signing.clinic.patch(f"/clients/{client['id']}", {"scopes": ["practice:read"]})
    signing.forget()
    assert ok(signing.get(token))["may"] == ["practice:read"]


def test_a_token_runs_out(signing: Signing) -> None:
    client = signing.a_client(KEY, ["practice:read"])
    token = signing.token(KEY, client["id"], "practice:read")
    signing.clinic.clock.now += timedelta(seconds=299)
    assert signing.get(token).status_code == 200
    signing.clinic.clock.now += timedelta(seconds=1)
    signing.forget()
    assert signing.get(token).status_code == 401


# --- our own keys ---------------------------------------------------------------------------------


def test_what_a_client_looks_for_first(signing: Signing) -> None:
    told = ok(signing.clinic.client.get("/.well-known/smart-configuration"))
    assert told["token_endpoint"] == ENDPOINT
    assert "system/Patient.crus" in told["scopes_supported"]
    keys = ok(signing.clinic.client.get("/.well-known/jwks.json"))["keys"]
    assert [sorted(key) for key in keys] == [["alg", "crv", "kid", "kty", "use", "x", "y"]]


def test_keys_rotate_under_traffic(signing: Signing) -> None:
    client = signing.a_client(KEY, ["practice:read"])
    own = signing.clinic.app.state.token_endpoint.own
    old = signing.token(KEY, client["id"], "practice:read")
    done = Event()
    seen: list[tuple[str, tuple[int, int]]] = []

    def traffic(_: int) -> None:
        while not done.is_set():
            new = signing.token(KEY, client["id"], "practice:read")
            signing.forget()
            codes = signing.get(new).status_code, signing.get(old).status_code
            seen.append((tokens.opened(new).kid, codes))

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(traffic, n) for n in range(3)]
        try:
            for _ in range(5):
                latest = signing.rotate()
                own._loaded = 0
                while latest not in [kid for kid, _ in seen[-1:]]:
                    assert not any(each.done() for each in running)
                    sleep(0.005)
        finally:
            done.set()
        for each in running:
            each.result()
    print(f"{len(seen)} tokens made and read over 5 rotations")
    assert {codes for _, codes in seen} == {(200, 200)}
    assert len({kid for kid, _ in seen}) >= 5
    signing.clinic.clock.now += timedelta(seconds=500)
    own._loaded = 0
    keys = ok(signing.clinic.client.get("/.well-known/jwks.json"))["keys"]
    assert [key["kid"] for key in keys] == [latest]


def test_a_token_of_a_key_that_another_server_made(signing: Signing, tmp_path: Path) -> None:
    client = signing.a_client(KEY, ["practice:read"])
    signing.get(signing.token(KEY, client["id"], "practice:read"))
    with a_signing_clinic(signing.clinic.database, tmp_path) as other:
        # Opening it made a new signing key; this server has looked less than 60 seconds ago.
        token = other.token(KEY, client["id"], "practice:read")
    signing.clinic.app.state.token_endpoint.own._loaded -= 1
    assert signing.get(token).status_code == 200


def test_without_its_master_key_no_token_is_made(database: Database, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with a_signing_clinic(database, tmp_path) as signing:
        client = signing.a_client(KEY, ["practice:read"])
        token = signing.token(KEY, client["id"], "practice:read")
    (tmp_path / "master.key").unlink()
    with a_signing_clinic(database, tmp_path / "other") as lost:
        own = lost.clinic.app.state.token_endpoint.own
        # A key of its own was made on opening; the tokens of the one before are still believed.
        assert lost.get(token).status_code == 200
        with database.write(NONE) as db:
            signing_keys.rotate(db, keyring=signing.keyring, now=lost.clinic.clock())
        own._loaded = 0
        refused(
            lost.ask(lost.assertion(KEY, client["id"]), "practice:read"),
            "temporarily_unavailable",
            503,
        )


def test_tokens_signed_by_others_in_our_name(signing: Signing) -> None:
    client = signing.a_client(KEY, ["practice:read"])
    good = signing.token(KEY, client["id"], "practice:read")
    claims = dict(tokens.opened(good).claims)
    forged = signed(ec_key("x"), claims, alg="ES256", typ="at+jwt", kid=tokens.opened(good).kid)
    assert signing.get(forged).status_code == 401
    neighbour = signing.clinic.neighbour()
    moved = {**claims, "practice": neighbour.practice_id}
    head, _, signature = good.split(".")
    payload = signed(ec_key("x"), moved, alg="ES256", kid="x").split(".")[1]
    assert signing.get(f"{head}.{payload}.{signature}").status_code == 401


def test_without_an_address_of_its_own_no_tokens_are_made(clinic: Any) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/smart-configuration"):
        assert clinic.client.get(path).status_code == 404
    assert clinic.client.post("/oauth/token").status_code == 404
    answer = clinic.client.get("/v1/me", headers={"authorization": "Bearer a.b.c"})
    assert answer.status_code == 401
