"""The keys that issuers and clients publish: fetched when needed, kept while the address is down.

A set is fetched again after 5 minutes, and at once for a key it lacks, though never twice in
30 seconds. A key that left its set is accepted for 10 minutes more, for tokens signed just
before. When the address is down, a fetched set is accepted for an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic

from app.domain.addresses import AddressRefused
from app.domain.errors import IssuerUnreachable
from app.edge.auth.outgoing import Outgoing, OutgoingFailed
from app.edge.input.json_body import BadJson, parse
from app.edge.observability import logs
from app.services.access import jwk_sets
from app.services.access.jwk_sets import BadKeySet, KeySet, PublicKey

_FRESH = 300.0
_WAITED_FOR = 600.0
_PAUSE = 30.0
_LEFT = 600.0
_DOWN = 3600.0
_MOST_SETS = 1000


class _Held:
    """What is known of one set; times are monotonic seconds."""

    __slots__ = ("failed", "fetched", "keys", "left", "tried")

    def __init__(self) -> None:
        self.keys: KeySet = {}
        self.left: dict[tuple[str, str], tuple[PublicKey, float]] = {}
        self.fetched = self.tried = -inf
        self.failed = False

    def find(self, name: tuple[str, str], now: float) -> PublicKey | None:
        """The key, unless all that is known is too old, or it left too long ago."""
        if now - self.fetched >= _DOWN:
            return None
        if name in self.keys:
            return self.keys[name]
        key, when = self.left.get(name, (None, -inf))
        return key if now - when < _LEFT else None

    def replace(self, keys: KeySet, now: float) -> None:
        gone = {name: (key, now) for name, key in self.keys.items() if name not in keys}
        kept = {name: old for name, old in self.left.items() if now - old[1] < _LEFT}
        self.left = {**kept, **gone}
        self.keys, self.fetched, self.failed = keys, now, False


class KeySets:
    """The key sets in use in this process; one fetch at a time for each address."""

    def __init__(self, outgoing: Outgoing, *, timer: Callable[[], float] = monotonic) -> None:
        self._outgoing = outgoing
        self._timer = timer
        self._held: dict[str, _Held] = {}
        self._flights: dict[str, asyncio.Task[None]] = {}

    async def key(self, url: str, kid: str, kty: str) -> PublicKey | None:
        """Return the key of that name and type ("EC", "RSA"), None if the set has no such key.

        Raises `IssuerUnreachable` when that cannot be known. Never call it with a transaction
        open: it may wait for the address for seconds.
        """
        held = self._taken(url)
        now = self._timer()
        key = held.find((kid, kty), now)
        age = now - held.fetched
        if (key is None or age >= _FRESH) and (url in self._flights or now - held.tried >= _PAUSE):
            flight = self._flight(url, held)
            if key is None or (age >= _WAITED_FOR and not held.failed):
                # Shielded: when this request is cancelled, others still get their answer.
                await asyncio.shield(flight)
                key = held.find((kid, kty), self._timer())
        if key is None and held.failed:
            raise IssuerUnreachable()
        return key

    def _taken(self, url: str) -> _Held:
        """What is known of the set, marked as used last; the set unused longest may be dropped."""
        held = self._held.pop(url, None)
        if held is None:
            held = _Held()
            if len(self._held) >= _MOST_SETS:
                idle = next((one for one in self._held if one not in self._flights), None)
                # If all of them are being fetched, there is one too many until that is done.
                if idle is not None:
                    del self._held[idle]
        self._held[url] = held
        return held

    def _flight(self, url: str, held: _Held) -> asyncio.Task[None]:
        flight = self._flights.get(url)
        if flight is None:
            flight = self._flights[url] = asyncio.create_task(self._refresh(url, held))
            flight.add_done_callback(lambda _: self._flights.pop(url, None))
        return flight

    async def _refresh(self, url: str, held: _Held) -> None:
        held.tried = self._timer()
        try:
            keys = jwk_sets.read(parse(await self._outgoing.get(url)))
        except (AddressRefused, BadJson, BadKeySet, OutgoingFailed) as failure:
            held.failed = True
            logs.failure(failure)
        else:
            held.replace(keys, self._timer())
