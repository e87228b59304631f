"""Whether the service can work: asked of the database once a second at most, whoever asks here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Literal

from starlette.concurrency import run_in_threadpool

from app.db.engine.engine import Database, DatabaseAway, DatabaseBusy
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate

# Anyone may ask, without a key: what is asked of the database must not grow with them.
_REMEMBERED = 1.0

State = Literal["ready", "away", "another schema"]


class Readiness:
    """The state of the database as it was a moment ago; one question at a time."""

    def __init__(self, database: Database, *, timer: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._timer = timer
        self._state: State = "away"
        self._asked = -inf
        self._asking = asyncio.Lock()

    async def state(self) -> State:
        """Return whether it answers, with the tables that this program knows."""
        if self._old():
            async with self._asking:
                if self._old():
                    self._state = await run_in_threadpool(self._look)
                    self._asked = self._timer()
        return self._state

    def _old(self) -> bool:
        return self._timer() - self._asked >= _REMEMBERED

    def _look(self) -> State:
        try:
            with self._database.read(OWNER) as db:
                current = migrate.current(db)
        except (DatabaseAway, DatabaseBusy):
            return "away"
        return "ready" if current == migrate.head() else "another schema"
