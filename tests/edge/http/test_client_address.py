"""Who asks: the socket's peer, or what a trusted proxy says of it; and how the way must be."""

from __future__ import annotations

from typing import Any

import pytest

from app.db.engine.engine import Database
from app.edge.http.client_address import LOCAL, ClientAddress, Networks, Peers
from app.main import create_app
from app.settings import Settings
from tests.support.app_client import AppClient
from tests.support.clinic import NOW, Moment

PROXIES = ("10.0.0.0/8", "127.0.0.1", "fd00::/8")


def peer(
    host: str, trusted: tuple[str, ...] = PROXIES, scheme: str = "http", **sent: str
) -> ClientAddress:
    headers = [
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items()
    ]
    scope = {"client": (host, 1), "scheme": scheme, "headers": headers}
    return Peers(trusted).of(scope)


@pytest.mark.parametrize(
    ("host", "sent", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.2.3", "[2001:db8::7]:4711", "2001:db8::7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"),
        # What cannot be read ends the search at the proxy that wrote it.
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, _hidden", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
    ],
)
def test_the_address(host: str, sent: str, address: str) -> None:
    found = peer(host, x_forwarded_for=sent) if sent else peer(host)
    assert found.address == address
    assert found.forwarded is bool(sent)


def test_several_header_lines_are_one_list() -> None:
    headers = [(b"x-forwarded-for", b"127.0.0.1"), (b"x-forwarded-for", b"198.51.100.1")]
    scope = {"client": ("10.0.0.1", 1), "scheme": "http", "headers": headers}
    assert Peers(PROXIES).of(scope).address == "198.51.100.1"


@pytest.mark.parametrize(
    ("host", "scheme", "sent", "secure"),
    [
        ("203.0.113.9", "http", "https", False),
        ("203.0.113.9", "https", "http", True),
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "https", "http", False),
        ("10.0.0.1", "http", "https, http", False),
        ("10.0.0.1", "http", "", False),
    ],
)
def test_the_way(host: str, scheme: str, sent: str, secure: bool) -> None:
    found = peer(host, scheme=scheme, x_forwarded_proto=sent) if sent else peer(host, scheme=scheme)
    assert found.secure is secure


def test_a_line_in_ipv6_is_counted_as_one() -> None:
    one, other = peer("2001:db8:1:2:3::4"), peer("2001:db8:1:2:ffff::1")
    assert one.rate_key == other.rate_key != peer("2001:db8:1:3::1").rate_key
    assert one.address != other.address


def test_what_has_no_address_is_this_machine() -> None:
    found = Peers().of({"client": None, "scheme": "http", "headers": []})
    assert (found.address, found.loopback) == (LOCAL, True)
    assert peer("::1").loopback
    assert peer("127.9.9.9").loopback
    assert peer("::ffff:127.0.0.1").loopback


def test_networks_that_are_none() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Networks(["10.0.0.0/8", "proxy.example"])


@pytest.mark.parametrize("wrong", ["proxy", "10.0.0.0/33", "*"])
def test_a_setting_that_is_no_network(wrong: str) -> None:
    with pytest.raises(ValueError, match="networks such as"):
        Settings(trusted_proxies=wrong)


def test_a_setting_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVEWEEKS_TRUSTED_PROXIES", "10.0.0.1, fd00::/8 ,")
    assert Settings().trusted_proxies == ("10.0.0.1", "fd00::/8")


def asks(database: Database, host: str, path: str, sent: dict[str, str], **values: Any) -> Any:
    app = create_app(Settings(**values), clock=Moment(NOW), database=database)
    with AppClient(app, client=(host, 5000)) as client:
        return client.get(path, headers=sent)


def test_plain_http_from_another_machine_is_refused(sqlite: Database) -> None:
    far = "203.0.113.9"
    answer = asks(sqlite, far, "/docs", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "https-required")
    assert "strict-transport-security" not in answer.headers
    spoofed = {"x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1"}
    assert asks(sqlite, far, "/docs", spoofed).status_code == 403
    assert asks(sqlite, far, "/healthz", {}).status_code == 200
    assert asks(sqlite, far, "/readyz", {}).status_code == 200
    assert asks(sqlite, far, "/docs", {}, plain_http="allow").status_code == 200
    assert asks(sqlite, "127.0.0.1", "/docs", {}).status_code == 200


def test_behind_a_proxy_that_is_trusted(sqlite: Database) -> None:
    sent = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1"}
    answer = asks(sqlite, "10.0.0.1", "/nowhere", sent, trusted_proxies="10.0.0.0/8")
    assert answer.status_code == 404
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    sent["x-forwarded-proto"] = "http"
    assert asks(sqlite, "10.0.0.1", "/docs", sent, trusted_proxies="10.0.0.0/8").status_code == 403


@pytest.mark.parametrize(
    ("host", "sent", "values", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("127.0.0.1", {"x-forwarded-for": "198.51.100.1"}, {}, 403),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, {}, 403),
        ("203.0.113.9", {}, {"plain_http": "allow"}, 403),
        ("203.0.113.9", {}, {"plain_http": "allow", "metrics_from": "203.0.113.0/24"}, 200),
    ],
)
def test_figures_are_for_this_machine_and_who_is_named(
    sqlite: Database, host: str, sent: dict[str, str], values: dict[str, str], status: int
) -> None:
    answer = asks(sqlite, host, "/metrics", sent, **values)
    assert answer.status_code == status
    assert (b"twelveweeks_requests" in answer.content) is (status == 200)
