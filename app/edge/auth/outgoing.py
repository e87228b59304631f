"""Outgoing requests: every one to an address that somebody registered is sent from here.

A name is looked up once, every IP address it leads to is checked, and the connection is made to
one that passed; the name is used for TLS and `Host` only, so a second look-up cannot lead
elsewhere. Redirects are not followed, proxies of the environment not used.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from app.domain.addresses import HTTPS, Address, is_public, parse
from app.lazy import LazyModule

if TYPE_CHECKING:
    import httpx2
else:
    httpx2 = LazyModule("httpx2")

Resolve = Callable[[str, int], Awaitable[list[str]]]

_MOST_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_MOST_NUMBERS = 4


class OutgoingFailed(Exception):
    """Nothing usable came back: refused, not reached, too slow, too large, or not a plain 200.

    The text says which of these and holds nothing of the answer.
    """


async def system_resolver(host: str, port: int) -> list[str]:
    """Return the numbers a name leads to, by the machine's own resolver, without repetition."""
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Outgoing:
    """Sends requests to checked addresses; `allowed` names hosts that may be anywhere."""

    def __init__(
        self,
        allowed: Collection[str] = (),
        *,
        resolve: Resolve = system_resolver,
        tls: ssl.SSLContext | None = None,
        seconds: float = _MOST_SECONDS,
    ) -> None:
        self.allowed = frozenset(allowed)
        self._resolve = resolve
        self._tls = tls
        self._seconds = seconds

    async def get(self, url: str, *, accept: str = "application/json") -> bytes:
        """Return the body of a 200 answer, 64 KiB at most, within 5 seconds for all of it.

        Raises `AddressRefused` before anything is sent, `OutgoingFailed` for all that goes wrong
        afterwards.
        """
        address = parse(url, self.allowed)
        try:
            async with asyncio.timeout(self._seconds):
                for number in await self._numbers(address):
                    try:
                        return await self._get(address, number, accept)
                    except (httpx2.ConnectError, httpx2.ConnectTimeout):
                        continue
        except TimeoutError:
            raise OutgoingFailed("took too long") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError):
            raise OutgoingFailed("broke off, or was no HTTP") from None
        raise OutgoingFailed("could not be reached")

    async def _numbers(self, address: Address) -> list[str]:
        try:
            numbers = await self._resolve(address.host, address.port)
        except (OSError, UnicodeError):
            raise OutgoingFailed("has no known address") from None
        # One address inside is enough to refuse: the owner of the name can choose the next answer.
        if not address.allowed and not all(map(is_public, numbers)):
            raise OutgoingFailed("leads inside a network")
        return numbers[:_MOST_NUMBERS]

    async def _get(self, address: Address, number: str, accept: str) -> bytes:
        port = "" if address.port == HTTPS else f":{address.port}"
        at = f"[{number}]" if ":" in number else number
        # A new client for each request, so that no cookie and no connection is kept.
        no_pool = httpx2.Limits(max_connections=1, max_keepalive_connections=0)
        async with httpx2.AsyncClient(
            verify=self._context(), trust_env=False, timeout=self._seconds, limits=no_pool
        ) as client:
            request = client.build_request(
                "GET",
                f"https://{at}:{address.port}{address.target}",
                headers={
                    "Host": f"{address.host}{port}",
                    "Accept": accept,
                    "Accept-Encoding": "identity",
                    "User-Agent": "twelveweeks",
                },
                extensions={"sni_hostname": address.host},
            )
            answer = await client.send(request, stream=True, follow_redirects=False)
            try:
                return await self._body(answer)
            finally:
                await answer.aclose()

    async def _body(self, answer: httpx2.Response) -> bytes:
        if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != (
            "identity"
        ):
            raise OutgoingFailed("did not answer with a plain 200")
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                raise OutgoingFailed("answered with too much")
        return bytes(body)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls
