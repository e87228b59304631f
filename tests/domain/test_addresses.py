"""Addresses that requests may be sent to: their one form, and which numbers are public."""

from __future__ import annotations

import pytest

from app.domain.addresses import Address, AddressRefused, is_public, parse

FORM = "must be an https address with a host name in lower case"
IN_FULL = "must name its host in full, not by number"
PORT = "must be on port 443, unless the operator allows another"


def url_of_length(length: int) -> str:
    start = "https://login.example.org/"
    return start + "a" * (length - len(start))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://login.example.org", Address("login.example.org", 443, "/", False)),
        ("https://login.example.org/", Address("login.example.org", 443, "/", False)),
        ("https://login.example.org:443/", Address("login.example.org", 443, "/", False)),
        (
            "https://login.example.org/keys/v2?use=sig",
            Address("login.example.org", 443, "/keys/v2?use=sig", False),
        ),
        ("https://a1-b.io/", Address("a1-b.io", 443, "/", False)),
        ("https://1.example.c0m/", Address("1.example.c0m", 443, "/", False)),
        (f"https://{'a' * 63}.org/", Address("a" * 63 + ".org", 443, "/", False)),
    ],
)
def test_an_address_is_taken_apart(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("http://login.example.org/", FORM, id="not encrypted"),
        pytest.param("https://LOGIN.example.org/", FORM, id="capitals"),
        pytest.param("https://user@login.example.org/", FORM, id="a user"),
        pytest.param("https://login.example.org:0443/", FORM, id="a port that begins with 0"),
        pytest.param("https://login.example.org:123456/", FORM, id="a port of six digits"),
        pytest.param("https://login.example.org/#part", FORM, id="a fragment"),
        pytest.param("https://login.example.org/ ", FORM, id="a blank"),
        pytest.param("https://[2606:2800::1]/", FORM, id="a number of the sixth version"),
        pytest.param("https:///", FORM, id="no host"),
        pytest.param("https://login/", IN_FULL, id="one word"),
        pytest.param("https://login./", IN_FULL, id="one word and a dot"),
        pytest.param("https://.example.org/", IN_FULL, id="an empty part in front"),
        pytest.param("https://login..org/", IN_FULL, id="an empty part inside"),
        pytest.param("https://-a.example.org/", IN_FULL, id="a part that begins with a dash"),
        pytest.param("https://a-.example.org/", IN_FULL, id="a part that ends with a dash"),
        pytest.param(f"https://{'a' * 64}.org/", IN_FULL, id="a part of 64 letters"),
        pytest.param("https://93.184.215.14/", IN_FULL, id="a number"),
        pytest.param("https://login.127/", IN_FULL, id="a last part that is a number"),
        pytest.param("https://login.0x7f/", IN_FULL, id="a last part that is one in base 16"),
        pytest.param("https://login.example.org:8443/", PORT, id="another port"),
        pytest.param("https://login.example.org:442/", PORT, id="the port before"),
        pytest.param("https://login.example.org:444/", PORT, id="the port after"),
    ],
)
def test_what_is_refused_and_why(url: str, why: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        parse(url)
    assert str(refused.value) == why


def test_five_hundred_characters_are_the_most() -> None:
    assert parse(url_of_length(500)).host == "login.example.org"
    with pytest.raises(AddressRefused, match="https"):
        parse(url_of_length(501))


@pytest.mark.parametrize(
    ("url", "allowed", "address"),
    [
        pytest.param(
            "https://10.0.0.5/keys",
            ["10.0.0.5"],
            Address("10.0.0.5", 443, "/keys", True),
            id="host",
        ),
        pytest.param(
            "https://login/", ["other", "login"], Address("login", 443, "/", True), id="one word"
        ),
        pytest.param(
            "https://login:8443/",
            ["login:8443"],
            Address("login", 8443, "/", True),
            id="host and port",
        ),
        pytest.param(
            "https://login.example.org:443/",
            ["login.example.org:443"],
            Address("login.example.org", 443, "/", True),
            id="with the usual port",
        ),
    ],
)
def test_what_the_operator_allows_is_taken(url: str, allowed: list[str], address: Address) -> None:
    assert parse(url, allowed) == address


@pytest.mark.parametrize(
    ("url", "allowed", "why"),
    [
        pytest.param("https://login:8443/", ["login"], IN_FULL, id="a host without its port"),
        pytest.param(
            "https://login.example.org:8443/", ["login.example.org"], PORT, id="another port"
        ),
        pytest.param(
            "https://login.example.org:8443/", ["login.example.org:8444"], PORT, id="a third one"
        ),
        pytest.param("https://login/", ["login.example.org"], IN_FULL, id="another host"),
    ],
)
def test_no_more_than_was_allowed(url: str, allowed: list[str], why: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        parse(url, allowed)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("number", "public"),
    [
        pytest.param("93.184.215.14", True, id="a machine of the internet"),
        pytest.param("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, id="one of the sixth version"),
        pytest.param("127.0.0.1", False, id="this machine"),
        pytest.param("10.0.0.5", False, id="private"),
        pytest.param("172.16.0.1", False, id="private, second range"),
        pytest.param("192.168.1.1", False, id="private, third range"),
        pytest.param("169.254.169.254", False, id="link-local, where clouds answer"),
        pytest.param("100.64.0.1", False, id="shared by a provider's customers"),
        pytest.param("0.0.0.0", False, id="unspecified"),
        pytest.param("224.0.0.1", False, id="multicast"),
        pytest.param("233.252.0.1", False, id="multicast for examples"),
        pytest.param("255.255.255.255", False, id="broadcast"),
        pytest.param("240.0.0.1", False, id="reserved"),
        pytest.param("192.0.0.8", False, id="protocol assignments"),
        pytest.param("192.0.0.9", False, id="among them one that the library calls global"),
        pytest.param("192.88.99.1", False, id="the old relay of tunnels"),
        pytest.param("192.88.98.1", True, id="its neighbour"),
        pytest.param("::1", False, id="this machine, sixth version"),
        pytest.param("::", False, id="unspecified, sixth version"),
        pytest.param("::ffff:93.184.215.14", False, id="a number that carries another"),
        pytest.param("64:ff9b::5db8:d70e", False, id="translated"),
        pytest.param("2002:5db8:d70e::1", False, id="a tunnel"),
        pytest.param("2001:0:5ef5:79fb::1", False, id="another tunnel"),
        pytest.param("2001:4860:4860::8888", True, id="beyond the tunnels' range"),
        pytest.param("2001:db8::1", False, id="for examples"),
        pytest.param("3fff::1", False, id="for examples, the newer range"),
        pytest.param("fe80::1", False, id="link-local"),
        pytest.param("fd00::1", False, id="private, sixth version"),
        pytest.param("ff0e::1", False, id="multicast, sixth version"),
        pytest.param("5f00::1", False, id="outside what is given out"),
        pytest.param("4000::1", False, id="just above it"),
        pytest.param("login.example.org", False, id="no number"),
        pytest.param("127.1", False, id="no number in full"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_which_numbers_are_public(number: str, public: bool) -> None:
    assert is_public(number) is public
