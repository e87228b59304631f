"""Clients, issuers and signing keys by command, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import clock
from app.db.engine.engine import Database
from app.db.engine.scope import NONE
from app.db.keys.keyring import Keyring
from app.services.access import signing_keys
from tests.support.commands import Cli
from tests.support.issuer import ec_key, public

KEY = ec_key("c1", "P-384")


@pytest.fixture
def practiced(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The commands, with one practice and a place for master keys."""
    monkeypatch.setenv("TWELVEWEEKS_KEY_FILE", str(tmp_path / "keys" / "master.key"))
    cli("practice", "create", "--name", "Clinic", "--time-zone", "America/New_York")
    return cli


def test_a_client_is_registered_listed_revoked_and_restored(practiced: Cli, tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(public([KEY])))
    made = practiced(
        "clients", "create", "--name", "warehouse", "--jwks", keys, "--json",
        "--scope", "system/Patient.rs, worklist:search",
    ).json  # fmt: skip
    assert made["scopes"] == ["system/Patient.rs", "worklist:search"]
    for verb, active in (("revoke", False), ("restore", True)):
        assert practiced("clients", verb, made["id"], "--json").json["active"] is active
        assert practiced("clients", "list", "--json").json["items"][0]["active"] is active
    assert "yes" in practiced("clients", "list").out.splitlines()[1].split()
    assert "within 60 seconds" in practiced("clients", "revoke", made["id"]).out
    assert "no" in practiced("clients", "list").out.splitlines()[1].split()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scope", "system/Patient.rs"), "jwks"),
        (("--scope", "practice:read, x", "--jwks-url", "https://keys.example.org/"), "'x' gives"),
        (("--scope", "practice:read", "--jwks-url", "https://10.0.0.1/"), "jwks_url"),
        (("--scope", "practice:read", "--jwks", "nothing.json"), "cannot be read"),
    ],
)
def test_clients_that_are_not_registered(
    practiced: Cli, arguments: tuple[str, ...], says: str
) -> None:
    assert says in practiced("clients", "create", "--name", "x", *arguments).refused()
    assert practiced("clients", "list", "--json").json["items"] == []


def test_an_allowed_host_inside(practiced: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("clients", "create", "--name", "x", "--scope", "practice:read", "--jwks-url")
    assert "jwks_url" in practiced(*arguments, "https://keys:8443/").refused()
    monkeypatch.setenv("TWELVEWEEKS_OUTGOING_HOSTS", "other, keys:8443")
    assert practiced(*arguments, "https://keys:8443/").status == 0


def test_an_issuer_with_a_subject(practiced: Cli) -> None:
    made = practiced(
        "issuers", "create", "--name", "hospital", "--url", "https://login.example.org/a",
        "--audience", "twelveweeks", "--jwks-url", "https://login.example.org/a/certs", "--json",
    ).json  # fmt: skip
    assert (made["algorithms"], made["form"]) == (["RS256"], "at+jwt")
    named = practiced(
        "issuers", "name", made["id"], "--subject", "engine", "--name", "interface engine",
        "--scope", "system/Appointment.crus", "--json",
    ).json  # fmt: skip
    assert (named["issuer_id"], named["staff_id"]) == (made["id"], None)
    again = practiced(
        "issuers", "name", made["id"], "--subject", "engine", "--name", "x", "--scope", "a:b"
    )
    assert "scopes/0" in again.refused()
    assert practiced("issuers", "revoke", made["id"]).status == 0
    assert practiced("issuers", "list", "--json").json["items"][0]["active"] is False
    assert "no issuer" in practiced("issuers", "revoke", named["id"]).refused()
    assert "UUID" in practiced("issuers", "revoke", "x").refused()


def test_signing_keys_are_made_and_rotated(practiced: Cli) -> None:
    assert practiced("signing-keys", "list", "--json").json == {"items": []}
    first = practiced("signing-keys", "rotate", "--json").json["id"]
    second = practiced("signing-keys", "rotate").out.strip()
    listed = practiced("signing-keys", "list", "--json")
    assert [(key["id"], key["retires_at"] is None) for key in listed.json["items"]] == [
        (second, True),
        (first, False),
    ]
    assert '"d"' not in listed.out


def test_signing_keys_are_sealed_again_when_the_master_key_changes(
    practiced: Cli, tmp_path: Path, database: Database
) -> None:
    practiced("signing-keys", "rotate")
    assert "1 secrets encrypted again" in practiced("keyring", "rotate").out
    ring = Keyring.from_file(tmp_path / "keys" / "master.key")
    assert len(ring.keys) == 2
    with database.read(NONE) as db:
        # The old master key is no longer needed for it.
        found = signing_keys.current(db, keyring=Keyring([ring.newest]), now=clock.now())
    assert found.private is not None


def test_a_signing_key_needs_a_master_key(practiced: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVEWEEKS_MASTER_KEY", "abcd nothing")
    assert "TWELVEWEEKS_MASTER_KEY" in practiced("signing-keys", "rotate").refused()
