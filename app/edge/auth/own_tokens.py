"""The tokens this service makes: signed with the newest key, checked with all still accepted."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from app.clock import Clock
from app.db.engine.engine import Database
from app.db.engine.scope import NONE
from app.db.keys.keyring import Keyring
from app.edge.auth.tokens import OWN_ALGORITHM, Trust
from app.lazy import LazyModule
from app.services.access import jwk_sets, signing_keys
from app.services.access.jwk_sets import PublicKey
from app.services.access.signing_keys import NOTICED_SECONDS, TOKEN_SECONDS, SigningKeys

if TYPE_CHECKING:
    from joserfc import jwk, jws
else:
    jws = LazyModule("joserfc.jws")

# A key that another process made a moment ago is looked for at once, though not all the time.
_PAUSE = 1.0


class NoSigningKey(Exception):
    """There is none yet, or the master key that opens it is not here."""


class OwnTokens:
    """Our tokens; `url` is the address of this service, their issuer and their audience."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        url: str,
        clock: Clock,
        threads: Executor,
        *,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self.url = url
        self.endpoint = f"{url}/oauth/token"
        self.trust = Trust(url, url, frozenset({OWN_ALGORITHM}), most_seconds=TOKEN_SECONDS)
        self._database, self._keyring = database, keyring
        self._clock, self._timer = clock, timer
        self._threads = threads
        self._private: jwk.ECKey | None = None
        self._public: dict[str, dict[str, Any]] = {}
        self._keys: jwk_sets.KeySet = {}
        self._loaded = -inf
        self._loading = asyncio.Lock()

    async def signed(self, *, practice_id: str, client_id: str, scope: str) -> str:
        """Return a token for a client of the practice. `NoSigningKey` when nothing can sign."""
        await self._load(NOTICED_SECONDS)
        key = self._private
        if key is None:
            raise NoSigningKey
        at = int(self._clock().timestamp())
        claims = {
            "iss": self.url,
            "aud": self.url,
            "sub": client_id,
            "client_id": client_id,
            "practice": practice_id,
            "scope": scope,
            "iat": at,
            "exp": at + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": OWN_ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jws.serialize_compact(header, json.dumps(claims), key, [OWN_ALGORITHM])

    async def key(self, kid: str) -> PublicKey | None:
        """Return the key of that name, None for one that is not accepted."""
        await self._load(NOTICED_SECONDS if (kid, "EC") in self._keys else _PAUSE)
        return self._keys.get((kid, "EC"))

    async def published(self) -> dict[str, Any]:
        """Return the public keys as a set, the one that signs first."""
        await self._load(NOTICED_SECONDS)
        return {"keys": list(self._public.values())}

    async def _load(self, seconds: float) -> None:
        """Look at the database again when the last look was that long ago."""
        if self._timer() - self._loaded < seconds:
            return
        async with self._loading:
            if self._timer() - self._loaded >= seconds:
                loop = asyncio.get_running_loop()
                current = await loop.run_in_executor(self._threads, self._current)
                self._private, self._public = current.private, current.public
                self._keys = jwk_sets.read({"keys": list(current.public.values())}, some=False)
                self._loaded = self._timer()

    def _current(self) -> SigningKeys:
        with self._database.read(NONE) as db:
            return signing_keys.current(db, keyring=self._keyring, now=self._clock())
