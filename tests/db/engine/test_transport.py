"""A server elsewhere is spoken to in private and only after it has proved who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.db.engine import transport
from app.db.engine.engine import DatabaseAway, open_database
from app.db.engine.scope import OWNER
from tests.support.tls import Authority, Listener, listening

HOST = "db.example"
SECRETS = (b"canary", b"hush")  # the user and the password
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def call(listener: Listener, *, trusting: Path | None = None, more: str = "") -> str:
    """Try to read from the listener under a name that is not local; what came of it."""
    url = f"postgresql://canary:hush@:{listener.port}/clinic?host={HOST}&hostaddr=127.0.0.1{more}"
    if trusting:
        url += f"&sslrootcert={trusting}"
    database = open_database(url)
    with pytest.raises(DatabaseAway) as away, database.read(OWNER):
        pass
    return str(away.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@/clinic",
        "postgresql://u:p@localhost/clinic",
        "postgresql://u:p@127.0.0.9:5433/clinic",
        "postgresql://u:p@[::1]/clinic",
        "postgresql://u:p@/clinic?host=/var/run/postgresql",
        "postgresql://u:p@/clinic?host=localhost&hostaddr=127.0.0.1",
    ],
)
def test_a_server_on_this_machine_is_left_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    assert transport.arguments(make_url(url)) == {}
    assert transport.weakness(make_url(f"{url}{'&' if '?' in url else '?'}sslmode=disable")) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db/clinic",
        "postgresql://u:p@10.0.0.7/clinic",
        "postgresql://u:p@[2001:db8::1]/clinic",
        "postgresql://u:p@localhost.example/clinic",
        "postgresql://u:p@/clinic?host=localhost&host=db",
        "postgresql://u:p@localhost/clinic?hostaddr=10.0.0.7",
        "postgresql://u:p@db/clinic?hostaddr=127.0.0.1",
        "postgresql://u:p@/clinic?service=clinic",
    ],
)
def test_any_other_server_must_prove_its_name(url: str) -> None:
    told = transport.arguments(make_url(url))
    assert (told["sslmode"], told["gssencmode"]) == ("verify-full", "disable")
    assert transport.weakness(make_url(url)) is None


def test_a_host_named_by_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGHOST", "db")
    assert transport.arguments(make_url("postgresql://u@/clinic"))["sslmode"] == "verify-full"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_a_weaker_way_is_taken_when_the_url_says_so_and_warned_about(mode: str) -> None:
    url = make_url(f"postgresql://canary:hush@db/clinic?sslmode={mode}")
    assert transport.arguments(url)["sslmode"] == mode
    told = transport.weakness(url)
    assert told is not None
    assert f"sslmode={mode}" in told
    assert "hush" not in told


def test_a_server_without_tls_gets_neither_user_nor_password() -> None:
    with listening(None) as listener:
        assert "does not offer TLS" in call(listener)
    assert set(listener.bare) == {SSL_REQUEST}


def test_the_same_server_gets_both_where_the_url_gives_leave() -> None:
    with listening(None) as listener:
        call(listener, more="&sslmode=disable")
    assert all(secret in b"".join(listener.bare) for secret in SECRETS)


def test_an_unknown_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    for trusting in (None, other.file):
        with listening(authority.certify(HOST)) as listener:
            assert "not signed by an authority" in call(listener, trusting=trusting)
        assert listener.within == []
        assert set(listener.bare) == {SSL_REQUEST}


def test_a_certificate_for_another_host_is_refused(authority: Authority) -> None:
    with listening(authority.certify("other.example")) as listener:
        assert "for another host" in call(listener, trusting=authority.file)
    assert not any(secret in b"".join(listener.within) for secret in SECRETS)


def test_the_right_server_is_asked_in_private(authority: Authority) -> None:
    with listening(authority.certify(HOST)) as listener:
        call(listener, trusting=authority.file)
    assert set(listener.bare) == {SSL_REQUEST}
    assert all(secret in b"".join(listener.within) for secret in SECRETS)


def test_the_authorities_of_this_machine_are_the_default(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(authority.file))
    with listening(authority.certify(HOST)) as listener:
        call(listener)
    assert all(secret in b"".join(listener.within) for secret in SECRETS)
