"""T-24: no address that somebody gives leads a request inside; what is fetched is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import addresses
from app.domain.addresses import AddressRefused, is_public, parse
from app.edge.auth.outgoing import Outgoing, OutgoingFailed, system_resolver
from tests.support.issuer import HOST, Issuer, Trap, certificate, ec_key, to_loopback

PUBLIC = "93.184.215.14"
NAMES = {
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "private.example": ["10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "mixed.example": [PUBLIC, "127.0.0.1"],
    "zero.example": ["0.0.0.0"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "sixtofour.example": ["2002:7f00:1::"],
    "teredo.example": ["2001:0:5ef5:79fb:0:0:80ff:fffe"],
    "scoped.example": ["fe80::1%lo"],
    "a.localhost": ["127.0.0.1"],
    "xn--lcalhost-54a.example": ["127.0.0.1"],
    "port.example": ["127.0.0.1"],
}
# Each is tried as it stands; where no port is named, the usual one is where the trap listens.
FORMS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25lo]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https://lоcalhost/",  # a Cyrillic letter
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%2f@port.example/",
    "https://user@127.0.0.1/",
    "https://port.example@127.0.0.1/",
    "https://port.example:secret@localhost/",
    "https://@127.0.0.1/",
    "https://127.0.0.1#@port.example/",
    "https://127.0.0.1\\@port.example/",
    "https://port.example:{port}/",
    "https://127.0.0.1:{port}/",
    "https://port.example:0{port}/",
    "https://port.example:/",
    "http://127.0.0.1:{port}/",
    "http://port.example:{port}/",
    "HTTPS://127.0.0.1/",
    "https:127.0.0.1/",
    "https:/127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1",
    " https://127.0.0.1/",
    "https://127.0.0.1/\r\nHost: port.example",
    "https://127.0.0.1\t/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_x",
    "unix:///run/service.sock",
    "data:application/json,{{}}",
    "javascript:1",
    "",
    *(f"https://{name}/" for name in NAMES),
]


async def resolver(host: str, port: int) -> list[str]:
    return NAMES[host] if host in NAMES else await system_resolver(host, port)


def fetch(url: str, **options: object) -> bytes:
    options.setdefault("resolve", resolver)
    return asyncio.run(Outgoing(**options).get(url))  # type: ignore[arg-type]


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer(ec_key("one"))
    yield issuer
    issuer.close()


def ask(issuer: Issuer, **options: object) -> bytes:
    options = {"resolve": to_loopback, "tls": certificate()[1], **options}
    return fetch(issuer.url, allowed=[issuer.allowed], **options)


def test_no_form_of_an_address_leads_inside(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that an address without a port would lead to the trap and not to port 443.
    monkeypatch.setattr(addresses, "HTTPS", trap.port)
    for form in FORMS:
        with pytest.raises((AddressRefused, OutgoingFailed)) as caught:
            fetch(form.format(port=trap.port))
        assert str(caught.value) not in ("could not be reached", "took too long"), form
    assert trap.connections == 0
    print(f"T-24: {len(FORMS)} of {len(FORMS)} forms, {trap.connections} connections")
    # The trap does count: an operator may allow an address inside, and then it is reached.
    with pytest.raises(OutgoingFailed):
        fetch("https://loopback.example/", allowed=["loopback.example"])
    assert trap.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, trap: Trap, status: int) -> None:
    issuer.status = status
    issuer.headers = {"location": f"https://127.0.0.1:{trap.port}/", "refresh": "0;url=/"}
    with pytest.raises(OutgoingFailed, match="plain 200"):
        ask(issuer)
    assert (trap.connections, issuer.fetches) == (0, 1)


def test_a_second_look_up_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    dialled: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async def dial(remote_host: str, remote_port: int, **options: object) -> None:
        dialled.append((remote_host, remote_port))
        raise OSError

    # What is dialled lies outside this machine, so the call itself is looked at.
    monkeypatch.setattr("anyio.connect_tcp", dial)
    with pytest.raises(OutgoingFailed, match="could not be reached"):
        fetch("https://rebinding.example/", resolve=rebinding)
    assert dialled == [(PUBLIC, 443)]
    assert len(answers) == 2


def test_what_is_allowed_by_name_is_fetched(issuer: Issuer) -> None:
    assert b'"kid": "one"' in ask(issuer)
    assert issuer.hosts == [issuer.allowed]


def test_another_port_of_an_allowed_host_is_not_allowed(issuer: Issuer) -> None:
    with pytest.raises(AddressRefused):
        fetch(issuer.url, allowed=[HOST, f"{HOST}:1"], resolve=to_loopback)
    assert issuer.fetches == 0


def test_a_certificate_that_is_not_trusted(issuer: Issuer) -> None:
    with pytest.raises(OutgoingFailed):
        ask(issuer, tls=None)
    assert issuer.fetches == 0


def test_a_certificate_for_another_name(issuer: Issuer) -> None:
    url = f"https://elsewhere.example:{issuer.port}/"
    with pytest.raises(OutgoingFailed):
        fetch(
            url,
            allowed=[f"elsewhere.example:{issuer.port}"],
            resolve=to_loopback,
            tls=certificate()[1],
        )
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    ("mode", "body", "headers", "says"),
    [
        ("well", b"x" * 65_537, {}, "too much"),
        ("well", b"x" * 1_000_000, {}, "too much"),
        ("well", b"x", {"content-encoding": "gzip"}, "plain 200"),
        ("trickle", b"x" * 1_000, {}, "too long"),
        ("late", b"x", {}, "too long"),
        ("down", b"", {}, "broke off"),
    ],
)
def test_what_comes_back_is_bounded(
    issuer: Issuer, mode: str, body: bytes, headers: dict[str, str], says: str
) -> None:
    issuer.mode, issuer.body, issuer.headers = mode, body, headers
    seconds = 0.2 if says == "too long" else 5.0
    with pytest.raises(OutgoingFailed, match=says):
        ask(issuer, seconds=seconds)


def test_64_kib_are_taken(issuer: Issuer) -> None:
    issuer.body = b"x" * 65_536
    assert ask(issuer) == issuer.body


def test_the_parts_of_an_address() -> None:
    assert parse("https://login.example.org/realms/a/jwks?x=1") == (
        "login.example.org", 443, "/realms/a/jwks?x=1", False,
    )  # fmt: skip
    assert parse("https://login.example.org").target == "/"
    assert parse("https://idp:8443/keys", {"idp:8443"}) == ("idp", 8443, "/keys", True)
    assert parse("https://10.0.0.5/keys", {"10.0.0.5"}).allowed


@pytest.mark.parametrize(
    "host",
    [PUBLIC, "1.1", "1.0x1", "example.0x", "16843009", "host", "a..b", "-a.example", "a-.example",
     ".example.org", "example.org."],
)  # fmt: skip
def test_hosts_that_are_not_named_in_full(host: str) -> None:
    with pytest.raises(AddressRefused, match="in full"):
        parse(f"https://{host}/")


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_public(address: object) -> None:
    ip = address
    if is_public(str(ip)):
        assert ip.is_global  # type: ignore[attr-defined]
        assert not ip.is_multicast  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [PUBLIC, "8.8.8.8", "2606:4700::1111"])
def test_public_numbers(number: str) -> None:
    assert is_public(number)


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
     "0.0.0.0", "192.0.0.9", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
     "255.255.255.255", "::", "::1", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:db8::1",
     "2002:808:808::", "100::1", "3fff::1", "5f00::1", "name", ""],
)  # fmt: skip
def test_numbers_that_are_not(number: str) -> None:
    assert not is_public(number)
