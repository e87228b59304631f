"""Clients: who registers and changes them, and what is no client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.issuer import ec_key, public
from tests.support.signing import Signing

KEY = ec_key("c1", "P-384")


def test_nobody_gives_what_they_do_not_have(signing: Signing) -> None:
    helper = signing.a_client(KEY, ["clients:create", "clients:read", "clients:update"])
    token = signing.token(KEY, helper["id"], "clients:create clients:update")
    body = {"name": "more", "jwks": public([KEY]), "scopes": ["system/Patient.rs"]}
    answer = signing.clinic.client.post(
        "/v1/clients", json=body, headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 403
    body["scopes"] = ["clients:create"]
    answer = signing.clinic.client.post(
        "/v1/clients", json=body, headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 201


def test_an_administrator_registers_a_client_for_what_they_do_not_do(signing: Signing) -> None:
    """The rule is that of keys: handing out access is their work."""
    clinic = signing.clinic
    body = {"name": "charts", "jwks": public([KEY]), "scopes": ["treatments:create"]}
    admin = clinic.acting(clinic.key_for("administrator"))
    assert admin.post("/clients", body)["scopes"] == ["treatments:create"]
    scopes = ["clients:create", "practice:read"]
    narrow = clinic.acting(clinic.key_for("administrator", scopes=scopes))
    refusal = narrow.refusal("POST", "/clients", body)
    assert (refusal["status"], refusal["needs"]) == (403, ["treatments:create"])


@pytest.mark.parametrize(
    "said",
    [{"jwks": public([ec_key("thief", "P-384")])},
     {"jwks": None, "jwks_url": "https://keys.example.org/"},
     {"active": False}, {"name": "warehouse 2"}, {"scopes": ["clients:read"]}],
    ids=lambda said: next(iter(said)) if len(said) == 1 else "jwks_url",
)  # fmt: skip
def test_who_changes_a_client_could_come_as_it(signing: Signing, said: dict[str, Any]) -> None:
    """Whoever puts keys of their own in it signs in with its scopes, so must have them."""
    clinic = signing.clinic
    client = signing.a_client(KEY, ["system/Patient.rs", "clients:read"])
    path = f"/clients/{client['id']}"
    scopes = ["clients:read", "clients:update"]
    narrow = clinic.acting(clinic.post("/keys", {"name": "narrow", "scopes": scopes})["key"])
    refusal = narrow.refusal("PATCH", path, said, if_match="*")
    assert refusal["status"] == 403
    assert refusal["needs"] == ["patients:read", "patients:search"]
    assert clinic.get(path) == client
    scopes += ["patients:read", "patients:search"]
    wide = clinic.acting(clinic.post("/keys", {"name": "wide", "scopes": scopes})["key"])
    changed = wide.patch(path, said)
    assert {name: changed[name] for name in said} == said


def test_a_client_is_not_brought_back_by_who_has_less(signing: Signing) -> None:
    clinic = signing.clinic
    client = signing.a_client(KEY, ["system/Patient.rs"], name="retired")
    path = f"/clients/{client['id']}"
    clinic.patch(path, {"active": False})
    scopes = ["clients:read", "clients:update"]
    narrow = clinic.acting(clinic.post("/keys", {"name": "narrow", "scopes": scopes})["key"])
    assert narrow.refusal("PATCH", path, {"active": True}, if_match="*")["status"] == 403
    answer = signing.ask(signing.assertion(KEY, client["id"]), "system/Patient.rs")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"jwks": None}, "/jwks"),
        ({"jwks_url": "https://keys.example.org/"}, "/jwks"),
        ({"jwks": {"keys": [KEY.as_dict(private=True)]}}, "/jwks"),
        ({"jwks": {}}, "/jwks"),
        ({"jwks": None, "jwks_url": "http://keys.example.org/"}, "/jwks_url"),
        ({"jwks": None, "jwks_url": "https://127.0.0.1/"}, "/jwks_url"),
        ({"jwks": None, "jwks_url": "https://keys.example.org:8443/"}, "/jwks_url"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["user/Patient.rs"]}, "/scopes/0"),
        ({"scopes": ["system/Patient.rs", "everything"]}, "/scopes/1"),
    ],
)
def test_clients_that_are_not_registered(
    signing: Signing, said: dict[str, Any], pointer: str
) -> None:
    body = {"name": "x", "jwks": public([KEY]), "scopes": ["practice:read"], **said}
    problem = signing.clinic.refusal("POST", "/clients", body)
    assert problem["code"] == "invalid"
    assert problem["errors"][0]["pointer"] == pointer
