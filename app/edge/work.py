"""One request's unit of work: who asks, when, and the transaction it happens in.

A write is committed before its answer is sent; a failed commit is a failed request. Two
requests that change the same course at once are told apart by its version: the loser's
transaction is undone and its endpoint is called again. What the database failed is begun
again only under an `Idempotency-Key` (`edge.retries`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.clock import Clock
from app.db.engine import Connection, Database, DatabaseAway, DatabaseBusy
from app.domain.access import Actor
from app.domain.dates import local_day
from app.domain.errors import Contended, IdempotencyPending
from app.edge import idempotency, preconditions
from app.edge.auth import Caller, Callers
from app.edge.retries import Retries

# How often a request that lost a race begins again: with 16 at once the last one needs 15.
_TRIES = 24


@dataclass(slots=True)
class Surroundings:
    """What the application gives every request; `app.state.surroundings`.

    Endpoints run in `threads`, one for each connection of the database: requests wait in one
    queue, in order of arrival, and never for the pool.
    """

    database: Database
    clock: Clock
    callers: Callers
    idempotency_hours: int
    threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.threads = ThreadPoolExecutor(self.database.connections, "request")


@dataclass(slots=True)
class Work:
    """The present request; `db` is there while its endpoint runs."""

    request: Request
    caller: Caller
    surroundings: Surroundings
    now: datetime
    by: Actor
    _db: Connection | None = None

    @property
    def db(self) -> Connection:
        assert self._db is not None  # noqa: S101 - endpoints run inside `reads` or `writes`
        return self._db

    @property
    def practice_id(self) -> str:
        return self.caller.practice_id

    @property
    def today(self) -> date:
        """The practice's local date, the same for the whole request."""
        return local_day(self.now, self.caller.time_zone)

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    def require_match(self, etag: str) -> None:
        """Refuse a change of anything but the version the client has read."""
        preconditions.require_match(self.header("if-match"), etag)


@dataclass(slots=True)
class Answer:
    """What an endpoint returns: content for JSON, and the headers that go with it."""

    content: Any
    status: int = 200
    etag: str | None = None
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        headers = dict(self.headers)
        if self.etag:
            headers["etag"] = self.etag
        if self.location:
            headers["location"] = self.location
        body = None if self.status == 304 else to_json(self.content)
        return Response(body, self.status, headers, media_type="application/json")


async def enter(request: Request) -> Work:
    """Let a request in: authenticate it, and read the clock once."""
    surroundings: Surroundings = request.app.state.surroundings
    caller = await surroundings.callers.of(request.headers.get("authorization"))
    state = request.scope["state"]
    state["practice_id"], state["key_id"] = caller.practice_id, caller.key_id
    by = Actor(caller.practice_id, "key", caller.key_id, caller.key_name, state.get("request_id"))
    return Work(request, caller, surroundings, surroundings.clock(), by)


Working = Annotated[Work, Depends(enter)]
Endpoint = Callable[..., Answer | Response]
Threaded = Callable[..., Awaitable[Response]]


def _threaded(endpoint: Endpoint, run: Callable[[dict[str, Any]], Response]) -> Threaded:
    """Run an endpoint in the application's threads; the framework sees its signature."""

    @wraps(endpoint)
    async def threaded(**given: Any) -> Response:
        # Not by the framework's way to a thread, whose queue costs three times as much.
        loop, threads = asyncio.get_running_loop(), given["work"].surroundings.threads
        return await loop.run_in_executor(threads, copy_context().run, run, given)

    return threaded


def reads(endpoint: Endpoint) -> Threaded:
    """Run an endpoint that only reads: each statement sees what is committed."""

    def run(given: dict[str, Any]) -> Response:
        work: Work = given["work"]
        with work.surroundings.database.read() as db:
            work._db = db
            answer = endpoint(**given)
        if isinstance(answer, Response):
            return answer
        if answer.etag and preconditions.not_modified(work.header("if-none-match"), answer.etag):
            answer.status = 304
        return answer.response()

    return _threaded(endpoint, run)


def writes(endpoint: Endpoint) -> Threaded:
    """Run an endpoint in one transaction, once for every `Idempotency-Key`."""

    def run(given: dict[str, Any]) -> Response:
        work: Work = given["work"]
        key = idempotency.key_of(work.request) if work.request.method == "POST" else None
        left, retries = _TRIES, Retries(keyed=key is not None)
        while True:
            try:
                return _once(endpoint, given, work, key)
            except Contended:
                left -= 1
                if not left:
                    raise
                # Apart from one another, or the same ones meet again.
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311
            except (DatabaseAway, DatabaseBusy) as failure:
                retries.wait(failure)

    return _threaded(endpoint, run)


def _once(endpoint: Endpoint, given: dict[str, Any], work: Work, key: str | None) -> Response:
    claiming = False
    try:
        with work.surroundings.database.write() as db:
            work._db = db
            if key:
                claiming = True
                replay = idempotency.claim(
                    db,
                    practice_id=work.practice_id,
                    key=key,
                    fingerprint=idempotency.fingerprint(work.request),
                    now=work.now,
                    hours=work.surroundings.idempotency_hours,
                )
                claiming = False
                if replay:
                    return replay
            answer = endpoint(**given)
            response = answer.response() if isinstance(answer, Answer) else answer
            if key and response.status_code < 300:
                idempotency.keep(db, practice_id=work.practice_id, key=key, response=response)
        return response
    except DatabaseBusy as busy:
        # Waiting for the key's row is waiting for a twin; anything else is a busy database.
        if claiming and not busy.passing:
            raise IdempotencyPending() from None
        raise
