"""Who is calling: the key in `Authorization`, and the practice it decides."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from starlette.concurrency import run_in_threadpool

from app.db.engine import Database
from app.domain.errors import Unauthenticated
from app.services import keys


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential that was accepted, and the practice it belongs to."""

    practice_id: str
    practice_name: str
    time_zone: str
    key_id: str
    key_name: str
    prefix: str


class Callers:
    """The keys seen lately: looked up once, then remembered for `seconds` (60 at most).

    A revoked key is refused when its entry runs out, so everywhere within that time.
    """

    _MOST = 10_000

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = min(seconds, 60.0)
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def of(self, authorization: str | None) -> Caller:
        """Return who sent this header; `Unauthenticated` for none, a wrong or a revoked key."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not keys.well_formed(key):
            raise Unauthenticated()
        digest = keys.hashed(key)
        known = self._known.get(digest)
        if known and known[0] > monotonic():
            return known[1]
        caller = await run_in_threadpool(self._look_up, key)
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[digest] = (monotonic() + self._seconds, caller)
        return caller

    def forget(self) -> None:
        """Look every key up again: a practice's particulars have changed."""
        self._known.clear()

    def _look_up(self, key: str) -> Caller:
        with self._database.read() as db:
            found = keys.find(db, key=key)
        if found is None:
            raise Unauthenticated()
        return Caller(
            practice_id=found["practice_id"],
            practice_name=found["practice_name"],
            time_zone=found["time_zone"],
            key_id=found["id"],
            key_name=found["name"],
            prefix=found["prefix"],
        )
