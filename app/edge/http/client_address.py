"""Where a request comes from and whether it was encrypted; only known proxies are believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address

LOCAL = "local"
_FORWARDING = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})
# Hops that are looked at, from the nearest; no real chain of proxies is longer.
_MOST_HOPS = 20


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """The client: its address as text, and the name it is counted by (a whole /64 in IPv6).

    `forwarded` says that the request has headers of a proxy, believed or not.
    """

    address: str
    rate_key: str
    loopback: bool
    secure: bool
    forwarded: bool


class Networks:
    """A list of addresses and networks such as `10.0.0.0/8`; raises ValueError for another text."""

    def __init__(self, given: Iterable[str]) -> None:
        self._networks = tuple(ip_network(text.strip(), strict=False) for text in given)

    def hold(self, address: Address | None) -> bool:
        """Return whether the address is one of them."""
        return address is not None and any(address in network for network in self._networks)


class Peers:
    """Finds the client of a request; `trusted` are the proxies whose headers are believed."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = Networks(trusted)
        # The same few clients ask often: reading each address once is enough.
        self._plain = lru_cache(4096)(self._of_socket)

    def of(self, scope: Scope) -> ClientAddress:
        """Return the client that sent a request.

        From a trusted proxy, X-Forwarded-For is read from its end to the first address that is
        no trusted proxy, and X-Forwarded-Proto says whether that one used HTTPS. From anybody
        else these headers are ignored.
        """
        client = scope.get("client")
        host = client[0] if client else ""
        forwarded = any(name in _FORWARDING for name, _ in scope["headers"])
        peer, trusted = self._plain(host, scope.get("scheme") == "https", forwarded)
        if not (trusted and forwarded):
            return peer
        return self._behind(peer, scope)

    def _of_socket(self, host: str, secure: bool, forwarded: bool) -> tuple[ClientAddress, bool]:
        address = read(host)
        return _peer(address, secure, forwarded), self._trusted.hold(address)

    def _behind(self, proxy: ClientAddress, scope: Scope) -> ClientAddress:
        hops = _list(scope, b"x-forwarded-for")[-_MOST_HOPS:]
        schemes = _list(scope, b"x-forwarded-proto")
        client = read(proxy.address)
        for hop in reversed(hops):
            address = read(hop)
            if address is None:
                break
            client = address
            if not self._trusted.hold(address):
                break
        # The last one is what the proxy next to us says, whatever stood there before.
        secure = schemes[-1].lower() == "https" if schemes else proxy.secure
        return _peer(client, secure, forwarded=True)


@lru_cache(4096)
def read(text: str) -> Address | None:
    """Return the address a text holds, a port after it left out; None where it holds none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _peer(address: Address | None, secure: bool, forwarded: bool) -> ClientAddress:
    if address is None:
        # No address of a network: a socket file, or a test's client.
        return ClientAddress(LOCAL, LOCAL, True, secure, forwarded)
    rate_key = str(address)
    if isinstance(address, IPv6Address):
        # One customer has at least a /64; counting single addresses would limit nobody.
        rate_key = str(IPv6Network((address, 64), strict=False))
    return ClientAddress(str(address), rate_key, address.is_loopback, secure, forwarded)


def _list(scope: Scope, wanted: bytes) -> list[str]:
    parts: list[str] = []
    for name, value in scope["headers"]:
        if name == wanted:
            parts += value.decode("latin-1").split(",")
    return [part.strip() for part in parts if part.strip()]
