"""Maintenance between requests, one practice after the other.

Recompute the dates that wait, seal the audit log, delete what has expired, note when keys were
last used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import anyio
import anyio.to_thread

from app.clock import Clock
from app.db.engine.engine import Database
from app.db.engine.scope import DIRECTORY
from app.db.queries import idempotency
from app.db.queries.access import keys as key_rows
from app.db.queries.access import tokens as token_rows
from app.db.queries.practice import practices as practice_rows
from app.domain.errors import Contended
from app.services.audit import seals
from app.services.practice import practices

# How long after it was made a row is sealed at the latest, apart from `seals.SETTLING`.
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What maintenance works on, how long claims on idempotency keys are kept, and what it calls.

    `take_used` returns `{key id: (practice, when)}` of the keys used since it was last called.
    `sealed` is called with the practice and its newest seal, `failed` with what is tried again.
    """

    database: Database
    clock: Clock
    claims_kept: timedelta
    take_used: Callable[[], dict[str, tuple[str, datetime]]]
    sealed: Callable[[str, str], None]
    failed: Callable[[Exception], None]


async def run(these: Maintenance) -> None:
    """Go through all practices again and again."""
    # A round may take long, so it has a thread of its own.
    alone = anyio.CapacityLimiter(1)
    while True:
        await anyio.to_thread.run_sync(once, these, limiter=alone)
        await anyio.sleep(SECONDS)


def once(these: Maintenance) -> None:
    """Go through all practices once; what fails is logged and tried again the next time."""
    database, now = these.database, these.clock()
    known: list[str] = []
    waiting: list[str] = []
    with _tried_again(these), database.read(DIRECTORY) as db:
        known = [practice["id"] for practice in practice_rows.every(db)]
        waiting = practice_rows.waiting(db)
    for practice_id in waiting:
        with _tried_again(these):
            done = practices.BATCH_SIZE
            while done:
                with database.write(practice_id) as db:
                    done = practices.recompute(db, practice_id=practice_id, now=these.clock())
    for practice_id in known:
        with _tried_again(these):
            head = seals.seal(database, practice_id=practice_id, now=now)
            if head:
                # Where the log goes, a seal is out of reach of whoever reaches the database.
                these.sealed(practice_id, head)
        for rows, before in ((idempotency, now - these.claims_kept), (token_rows, now)):
            with _tried_again(these):
                _forget(database, practice_id, rows, before)
    for key_id, (practice_id, at) in these.take_used().items():
        with _tried_again(these), database.write(practice_id) as db:
            key_rows.used(db, practice_id=practice_id, key_ids=[key_id], at=at)


def _forget(database: Database, practice_id: str, rows: Any, before: datetime) -> None:
    """Delete what has expired; a write transaction is begun only when there is any."""
    with database.read(practice_id) as db:
        if not rows.any_before(db, practice_id=practice_id, before=before):
            return
    with database.write(practice_id) as db:
        rows.forget(db, practice_id=practice_id, before=before)


@contextmanager
def _tried_again(these: Maintenance) -> Iterator[None]:
    """Report a failure of maintenance and go on: the next round tries again.

    `Contended` is no failure: another worker, or a request, changed the same rows.
    """
    try:
        yield
    except Contended:
        return
    except Exception as failure:
        these.failed(failure)
