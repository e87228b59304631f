"""Audit rows of reads and refusals: saved before the answer, many in one transaction.

A read has no transaction that could carry its row, and a refusal's is undone. One thread saves
the rows that came in while it saved the last ones: under load many rows share a commit, and a
single row does not wait for others.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import groupby

from app.db.engine.engine import Database, DatabaseAway, DatabaseBusy
from app.db.rows.audit import AuditEventRow
from app.services.audit import audit

# Rows in one transaction.
_MOST = 500

_Waiting = tuple[AuditEventRow, asyncio.Future[None] | Future[None]]


class AuditLog:
    """Appends to the log of every practice; `close` saves what is left and ends its thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    async def kept(self, event: AuditEventRow) -> None:
        """Return once the row is saved; raises what the database failed with."""
        saved = asyncio.get_running_loop().create_future()
        self._put((event, saved))
        await saved

    def keep(self, event: AuditEventRow) -> None:
        """Do the same for a thread that may wait."""
        saved: Future[None] = Future()
        self._put((event, saved))
        saved.result()

    def close(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="audit", daemon=True)
                    self._thread.start()
        self._queue.put(waiting)

    def _work(self) -> None:
        going_on = True
        while going_on:
            batch: list[_Waiting] = []
            waiting = self._queue.get()
            while waiting is not None:
                batch.append(waiting)
                if len(batch) == _MOST or self._queue.empty():
                    break
                waiting = self._queue.get()
            going_on = waiting is not None
            if batch:
                self._save(batch)

    def _save(self, batch: Sequence[_Waiting]) -> None:
        try:
            self._append([event for event, _ in batch])
        except (DatabaseBusy, DatabaseAway) as failure:
            # Not caused by one row: fail the whole batch. Trying each row would wait each time.
            _finish(batch, failure)
        except Exception as failure:
            if len(batch) > 1:
                # One row that cannot be saved must not take the others with it.
                for waiting in batch:
                    self._save([waiting])
                return
            _finish(batch, failure)
        else:
            _finish(batch, None)

    def _append(self, events: Sequence[AuditEventRow]) -> None:
        ordered = sorted(events, key=_practice)
        # A replica that cannot be reached must not keep anyone from reading a record.
        with self._database.write(ordered[0]["practice_id"], local_durability=True) as db:
            for practice_id, group in groupby(ordered, key=_practice):
                with self._database.as_practice(db, practice_id):
                    audit.append(db, list(group))


def _practice(event: AuditEventRow) -> str:
    return event["practice_id"]


def _finish(batch: Sequence[_Waiting], failure: Exception | None) -> None:
    """Let all who wait for the batch go on; each event loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for _, saved in batch:
        if isinstance(saved, Future):
            _settle(saved, failure)
        else:
            loops[saved.get_loop()].append(saved)
    for loop, waiting in loops.items():
        try:
            loop.call_soon_threadsafe(_settle_all, waiting, failure)
        except RuntimeError:
            continue  # the loop has ended, and with it the requests that waited there


def _settle_all(waiting: Sequence[asyncio.Future[None]], failure: Exception | None) -> None:
    for saved in waiting:
        if not saved.done():  # else its request was cancelled
            _settle(saved, failure)


def _settle(saved: asyncio.Future[None] | Future[None], failure: Exception | None) -> None:
    if failure is None:
        saved.set_result(None)
    else:
        saved.set_exception(failure)
