"""One request's unit of work: who asks, when, and the transaction it happens in.

A write is committed before its answer is sent; a failed commit is a failed request. When two
requests change the same record at once, the second finds another version (`Contended`): its
transaction is undone and its endpoint is called again. After a failure of the database the
request is run again only with an `Idempotency-Key` (`edge.requests.retries`).
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial, wraps
from typing import Annotated, Any, NamedTuple

from fastapi import Depends
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.clock import Clock
from app.db.engine.engine import Connection, Database, DatabaseAway, DatabaseBusy
from app.db.rows.audit import AuditEventRow
from app.domain.access import access
from app.domain.access.access import Actor, ActorType
from app.domain.audit.events import Outcome
from app.domain.dates import local_day
from app.domain.errors import Contended, Forbidden, IdempotencyPending, Invalid
from app.domain.ids import is_id
from app.edge.auth.auth import Caller, Callers, Refused
from app.edge.http.concurrency import ConcurrencyLimit
from app.edge.input import preconditions
from app.edge.requests import idempotency
from app.edge.requests.audit_log import AuditLog
from app.edge.requests.retries import Retries
from app.services.audit import audit

# How often a request that met `Contended` is run: of 16 on one record the last one needs 16.
_TRIES = 24

# In an emergency a person can read a record that their role does not show. The header holds the
# reason, which is kept in the audit log.
BREAK_GLASS_HEADER = "break-glass"
REASON = re.compile(r"[!-~][ -~]{1,198}[!-~]")


@dataclass(slots=True)
class AppContext:
    """What the application gives every request; `app.state.app_context`.

    Endpoints run in `threads`, one for each connection of the database: requests wait in one
    queue, in order of arrival, and never for the pool.
    """

    database: Database
    clock: Clock
    callers: Callers
    log: AuditLog
    idempotency_hours: int
    concurrency: ConcurrencyLimit
    public_url: str | None = None
    allowed_hosts: frozenset[str] = frozenset()
    threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.threads = ThreadPoolExecutor(self.database.connections, "request")


class RoutePolicy(NamedTuple):
    """What a route states of itself: its name, its permissions, whether patients are seen."""

    action: str
    permissions: frozenset[str]
    noun: str
    patients: bool
    reads: bool


@dataclass(slots=True)
class RequestContext:
    """The present request; `db` is there while its endpoint runs."""

    request: Request
    policy: RoutePolicy
    caller: Caller
    app_context: AppContext
    now: datetime
    by: Actor
    reason: str | None = None
    _db: Connection | None = None
    _seen: list[str] | None = None
    _then: list[Callable[[], None]] = field(default_factory=list)

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

    def require(self, permission: str) -> None:
        """Refuse what only some bodies of a route ask for."""
        if permission not in self.caller.permissions:
            raise Forbidden(needs=[permission])

    def saw(self, *patient_ids: str) -> None:
        """Note whose data the answer shows; called with no id when it shows nobody's."""
        if self._seen is None:
            self._seen = []
        self._seen.extend(patient_ids)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something once the change is saved, and not at all when it is not."""
        self._then.append(act)

    def forget_callers(self) -> None:
        """Have the practice's credentials looked up again once the change is saved."""
        self.after_commit(partial(self.app_context.callers.forget, self.practice_id))

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend the request's connection, or a new one when its endpoint has returned already."""
        if self._db is not None:
            yield self._db
        else:
            with self.app_context.database.read(self.practice_id) as db:
                yield db

    def audited_chunk(self, patient_ids: list[str], text: str) -> str:
        """Return a further piece of a streamed answer, once the log holds whom it shows."""
        self._seen = patient_ids
        self.app_context.log.keep(self.event())
        return text

    def event(self, outcome: str = Outcome.SHOWN, *, about: str | None = None) -> AuditEventRow:
        """Return the audit row of this request, for a read or a refusal.

        `about` is the record it is about where its path does not say so.
        """
        # A refusal shows nobody's data, even if some had been read.
        seen = dict.fromkeys(self._seen or ()) if outcome == Outcome.SHOWN else {}
        one = next(iter(seen)) if len(seen) == 1 else None
        named = self.request.path_params.get("id") or about
        return audit.event(
            by=self.by,
            now=self.now,
            action=self.policy.action,
            kind=self.policy.noun,
            id=named if named and is_id(named) else None,
            patient_id=one,
            patients=audit.packed(seen) if len(seen) > 1 else None,
            outcome=outcome,
            reason=self.reason,
        )


@dataclass(slots=True)
class Answer:
    """What an endpoint returns: content for JSON, and the headers that go with it."""

    content: Any
    status: int = 200
    etag: str | None = None
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    # The field that is shown once only: the answer kept for a retry has null in its place.
    secret: str | None = None

    def response(self) -> Response:
        headers = dict(self.headers)
        if self.etag:
            headers["etag"] = self.etag
        if self.location:
            headers["location"] = self.location
        body = None if self.status == 304 else to_json(self.content)
        return Response(body, self.status, headers, media_type="application/json")

    def without_secret(self) -> Response:
        return replace(self, content=self.content | {self.secret: None}).response()


async def enter(request: Request, policy: RoutePolicy) -> RequestContext:
    """Authenticate a request, read the clock once, check its permission; return its context.

    A refusal of a known caller is in the practice's log before it is answered.
    """
    app_context: AppContext = request.app.state.app_context
    state = request.scope["state"]
    now = app_context.clock()
    sent = request.headers.get("authorization")
    try:
        caller = await app_context.callers.of(sent, state["peer"].rate_key)
    except Refused as refused:
        by = _here(refused.by, state)
        told = audit.event(
            by=by, now=now, action=policy.action, kind=policy.noun, id=None, outcome=refused.code
        )
        await app_context.log.kept(told)
        raise
    state["practice_id"], state["key_id"] = caller.practice_id, caller.credential_id
    ctx = RequestContext(request, policy, caller, app_context, now, _here(caller.by, state))
    state["context"] = ctx
    if policy.reads and policy.permissions <= access.EMERGENCY:
        _check_reason(ctx)
    if not policy.permissions <= caller.permissions:
        ctx.reason = _emergency(ctx)
    return ctx


def _here(by: Actor, state: dict[str, Any]) -> Actor:
    return by._replace(request_id=state.get("request_id"), address=state["peer"].address)


def _emergency(ctx: RequestContext) -> str:
    """Return the reason of an emergency access; `Forbidden` without one or where not allowed."""
    missing = ctx.policy.permissions - ctx.caller.permissions
    reason = ctx.header(BREAK_GLASS_HEADER)
    if reason is None or not ctx.policy.reads or not missing <= access.EMERGENCY:
        raise Forbidden(needs=sorted(missing))
    if ctx.by.type is not ActorType.STAFF or access.BREAK_GLASS not in ctx.caller.permissions:
        raise Forbidden("Your role does not allow emergency access (Break-Glass).")
    return reason


def _check_reason(ctx: RequestContext) -> None:
    reason = ctx.header(BREAK_GLASS_HEADER)
    if reason is not None and not REASON.fullmatch(reason):
        raise Invalid(
            (BREAK_GLASS_HEADER, "must be a reason of 3 to 200 printable ASCII characters")
        )


async def present(request: Request) -> RequestContext:
    """Return the context that `enter` made for this request."""
    ctx: RequestContext = request.scope["state"]["context"]
    return ctx


Ctx = Annotated[RequestContext, Depends(present)]
Endpoint = Callable[..., Answer | Response]
Threaded = Callable[..., Awaitable[Response]]


def _threaded(
    endpoint: Endpoint, run: Callable[[dict[str, Any]], Response], *, await_audit: bool = False
) -> Threaded:
    """Run an endpoint in the application's threads; the framework sees its signature.

    `await_audit`: the answer waits for its audit row. That wait counts as concurrency, too.
    """

    @wraps(endpoint)
    async def threaded(**given: Any) -> Response:
        # The framework's own way to a thread costs three times as much.
        loop, app_context = asyncio.get_running_loop(), given["ctx"].app_context
        with app_context.concurrency:
            answer = loop.run_in_executor(app_context.threads, copy_context().run, run, given)
            response = await answer
            if await_audit:
                await app_context.log.kept(given["ctx"].event())
            return response

    return threaded


def reads(endpoint: Endpoint) -> Threaded:
    """Run an endpoint that only reads; the audit row of who saw what is saved before the answer."""

    def run(given: dict[str, Any]) -> Response:
        ctx: RequestContext = given["ctx"]
        with ctx.app_context.database.read(ctx.practice_id) as db:
            ctx._db = db
            answer = endpoint(**given)
        ctx._db = None
        if ctx.policy.patients and ctx._seen is None:
            raise RuntimeError(f"{ctx.policy.action} does not say whose data it shows")
        if isinstance(answer, Response):
            return answer
        if answer.etag and preconditions.not_modified(ctx.header("if-none-match"), answer.etag):
            answer.status = 304
        return answer.response()

    return _threaded(endpoint, run, await_audit=True)


def writes(endpoint: Endpoint) -> Threaded:
    """Run an endpoint in one transaction, once for every `Idempotency-Key`.

    Its changes have their own audit rows; a write that changed nothing is noted as a read.
    """

    def run(given: dict[str, Any]) -> Response:
        ctx: RequestContext = given["ctx"]
        key = idempotency.key_of(ctx.request) if ctx.request.method == "POST" else None
        left, retries = _TRIES, Retries(keyed=key is not None)
        while True:
            try:
                return _once(endpoint, given, ctx, key)
            except Contended:
                left -= 1
                if not left:
                    raise
                # For a random time, or the same requests would collide again.
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311
            except (DatabaseAway, DatabaseBusy) as failure:
                retries.wait(failure)

    return _threaded(endpoint, run)


def _once(
    endpoint: Endpoint, given: dict[str, Any], ctx: RequestContext, key: str | None
) -> Response:
    claiming = False
    try:
        ctx._then.clear()
        with ctx.app_context.database.write(ctx.practice_id) as db:
            ctx._db = db
            if key:
                claiming = True
                replay = idempotency.claim(
                    db,
                    practice_id=ctx.practice_id,
                    key=key,
                    fingerprint=idempotency.fingerprint(ctx.request, ctx.caller.permissions),
                    now=ctx.now,
                    hours=ctx.app_context.idempotency_hours,
                )
                claiming = False
                if replay:
                    # The first request's commit may not have reached the replica yet. An audit
                    # row of this one makes its commit wait until the replica has both.
                    about = idempotency.about(replay)
                    ctx.saw(*audit.patients_of(db, practice_id=ctx.practice_id, id=about))
                    audit.append(db, [ctx.event(about=about)])
                    return replay
            answer = endpoint(**given)
            response = answer.response() if isinstance(answer, Answer) else answer
            if not db.info["audited"]:
                audit.append(db, [ctx.event()])
            if key and response.status_code < 300:
                kept = response
                if isinstance(answer, Answer) and answer.secret:
                    kept = answer.without_secret()
                idempotency.keep(db, practice_id=ctx.practice_id, key=key, response=kept)
        for act in ctx._then:
            act()
        return response
    except DatabaseBusy as busy:
        # A wait for the key's row is a wait for the same request sent twice at once.
        if claiming and not busy.passing:
            raise IdempotencyPending() from None
        raise
