"""Who is calling: the credential in `Authorization`, and the practice and rights it decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from app.clock import Clock
from app.db.engine.engine import Database
from app.db.queries.practice import practices as practice_rows
from app.domain.access.access import Actor, ActorType, Giver
from app.domain.errors import Unauthenticated
from app.edge.http.rates import Rates
from app.services.access import keys
from app.services.access.keys import Holder


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential that was accepted: the practice it belongs to, who it acts as, what it may."""

    practice_id: str
    practice_name: str
    time_zone: str
    credential_id: str
    credential_name: str
    prefix: str
    by: Actor
    roles: tuple[str, ...]
    permissions: frozenset[str]
    # Whether scopes limit it. True unless said, so that a mistake gives fewer rights, not more.
    scoped: bool = True

    @property
    def giver(self) -> Giver:
        """The caller as one who gives access to others."""
        return Giver(
            self.permissions, self.scoped, self.by.id if self.by.type is ActorType.STAFF else None
        )


class _Known(NamedTuple):
    """A credential, when it was looked up and until when that holds, in monotonic seconds."""

    asked: float
    until: float
    caller: Caller


class Refused(Unauthenticated):
    """A credential whose access has ended. It is known, so its practice's log notes the attempt."""

    def __init__(self, by: Actor) -> None:
        super().__init__()
        self.by = by


OfToken = Callable[[str, datetime], Awaitable[tuple[Caller, datetime | None]]]


class Callers:
    """The credentials seen lately: looked up once, then remembered for `seconds` (60 at most).

    What was revoked, expired or lost its role is refused when its entry runs out, so everywhere
    within that time. `take_used` tells which ones were used, for `last_used_at`.
    """

    _MOST = 10_000

    def __init__(
        self,
        database: Database,
        seconds: float,
        clock: Clock,
        rates: Rates,
        threads: Executor,
        of_token: OfToken | None = None,
    ) -> None:
        self._database = database
        self._rates = rates
        self._threads = threads
        self._of_token = of_token
        self._seconds = min(seconds, 60.0)
        self._clock = clock
        self._known: dict[bytes, _Known] = {}
        self._changed: dict[str, float] = {}
        self._used: dict[str, tuple[str, datetime]] = {}

    async def of(self, authorization: str | None, address: str) -> Caller:
        """Return who sent this header; `Unauthenticated` for none, a wrong or a revoked key.

        A credential with two dots is a token, which `of_token` checks. `address` is counted for
        every credential that is not known. Raises `TooManyRequests` for a credential beyond its
        rate, and for an address that has tried too many, without looking the credential up.
        """
        if not authorization:
            raise Unauthenticated()
        scheme, _, key = authorization.partition(" ")
        digest = keys.hashed(key)
        known = self._known.get(digest)
        if known and self._holds(known) and scheme.lower() == "bearer":
            self._rates.credential(known.caller.credential_id)
            return known.caller
        self._rates.trying(address)
        now, asked = self._clock(), monotonic()
        try:
            caller, until = await self._found(scheme, key, digest, now)
        except Unauthenticated:
            raise
        except Exception:
            # The database or an issuer failed; the attempt must not count against the caller.
            self._rates.accepted(address)
            raise
        self._rates.accepted(address)
        self._rates.credential(caller.credential_id)
        self._known.pop(digest, None)
        if len(self._known) >= self._MOST:
            # The one looked up the longest ago.
            del self._known[next(iter(self._known))]
        seconds = self._seconds
        if until is not None:
            seconds = min(seconds, (until - now).total_seconds())
        self._known[digest] = _Known(asked, asked + seconds, caller)
        return caller

    def forget(self, practice_id: str) -> None:
        """Look the practice's credentials up again: its details or their rights have changed."""
        # Noted, not deleted: other threads call this, also while a credential is looked up.
        self._changed[practice_id] = monotonic()

    async def gone(self, practice_id: str) -> bool:
        """Return whether the practice was erased; its credentials are then looked up again."""
        loop = asyncio.get_running_loop()
        gone = not await loop.run_in_executor(self._threads, self._is_there, practice_id)
        if gone:
            self.forget(practice_id)
        return gone

    def take_used(self) -> dict[str, tuple[str, datetime]]:
        """Return `{key id: (practice, when)}` of those looked up since the last call."""
        used, self._used = self._used, {}
        return used

    def _holds(self, known: _Known) -> bool:
        changed = self._changed.get(known.caller.practice_id, 0.0)
        return known.until > monotonic() and known.asked > changed

    async def _found(
        self, scheme: str, key: str, digest: bytes, now: datetime
    ) -> tuple[Caller, datetime | None]:
        is_key = keys.well_formed(key)
        if scheme.lower() != "bearer" or not (is_key or key.count(".") == 2):
            raise Unauthenticated()
        if is_key:
            loop = asyncio.get_running_loop()
            caller, until = await loop.run_in_executor(self._threads, self._look_up, digest, now)
            self._used[caller.credential_id] = (caller.practice_id, now)
            return caller, until
        if self._of_token is None:
            raise Unauthenticated()
        return await self._of_token(key, now)

    def _is_there(self, practice_id: str) -> bool:
        with self._database.read(practice_id) as db:
            return practice_rows.get(db, practice_id=practice_id) is not None

    def _look_up(self, digest: bytes, now: datetime) -> tuple[Caller, datetime | None]:
        holder = keys.find(self._database, digest=digest)
        if holder is None:
            raise Unauthenticated()
        if not holder.usable(now):
            raise Refused(holder.by)
        return _caller(holder), holder.until


def _caller(holder: Holder) -> Caller:
    key = holder.key
    return Caller(
        practice_id=key["practice_id"],
        practice_name=key["practice_name"],
        time_zone=key["time_zone"],
        credential_id=key["id"],
        credential_name=key["name"],
        prefix=key["prefix"],
        by=holder.by,
        roles=holder.roles,
        permissions=holder.may,
        scoped=key["scopes"] is not None,
    )
