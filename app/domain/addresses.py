"""Addresses this service may be told to send requests to: their one form, and where they lead.

What an administrator of a practice registers is sent from inside the operator's network. So an
address is `https`, names its host in full, and must lead to the public internet unless the
operator has allowed that host by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

HTTPS = 443
LONGEST = 500

_URL = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,253})(:(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)?"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# A last label like these makes a number of the host for some resolvers: 127.1, 0x7f.1, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# Not told apart from the public internet by the standard library, or not in all its versions.
_SPECIAL_4 = tuple(IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24"))
_GLOBAL_6 = IPv6Network("2000::/3")
# Tunnels, which carry a number of the fourth version inside, and ranges for examples.
_SPECIAL_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class AddressRefused(ValueError):
    """The address is not one that requests may be sent to; the text is safe to show."""


class Address(NamedTuple):
    """An `https` address taken apart; `target` is its path with the query."""

    host: str
    port: int
    target: str
    allowed: bool
    """Whether the operator allows this host and port wherever they lead."""


def parse(url: str, allowed: Collection[str] = ()) -> Address:
    """Return the address of a URL; `allowed` names hosts, as `host` or `host:port`.

    Raises `AddressRefused` for anything but `https://` and a name in lower case with at least
    two parts, on port 443. An allowed host may be a number or a single word and use its port.
    """
    match = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if match is None:
        raise AddressRefused("must be an https address with a host name in lower case")
    host = match["host"]
    port = int(match["port"] or HTTPS)
    named = f"{host}:{port}" in allowed or (port == HTTPS and host in allowed)
    if not named:
        labels = host.split(".")
        if (
            len(labels) < 2
            or not all(map(_LABEL.fullmatch, labels))
            or _NUMBER.fullmatch(labels[-1])
        ):
            raise AddressRefused("must name its host in full, not by number")
        if port != HTTPS:
            raise AddressRefused("must be on port 443, unless the operator allows another")
    return Address(host, port, match["target"] or "/", named)


def is_public(address: str) -> bool:
    """Return whether a number belongs to one machine of the public internet.

    False for loopback, private, link-local, shared, reserved and multicast ranges, for numbers
    that carry another number inside, and for what is no number.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    if ip.version == 4:
        return not any(ip in network for network in _SPECIAL_4)
    return ip in _GLOBAL_6 and not any(ip in network for network in _SPECIAL_6)
