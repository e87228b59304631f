"""What both floors share: how they are served, and the least that stands around a request."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from time import monotonic, perf_counter
from typing import Any, NamedTuple

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_encode = json.JSONEncoder().encode
KEY_SECONDS = 60.0


class Caller(NamedTuple):
    practice_id: str
    time_zone: str
    key_id: str
    key_name: str


class Keys:
    """Callers by the hash of their key, looked up once a minute."""

    def __init__(self, look_up: Callable[[bytes], Awaitable[Caller | None]]) -> None:
        self._look_up = look_up
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def of(self, authorization: str | None) -> Caller | None:
        if not authorization or not authorization.startswith("Bearer "):
            return None
        digest = hashlib.sha256(authorization[7:].encode()).digest()
        known = self._known.get(digest)
        if known and known[0] > monotonic():
            return known[1]
        caller = await self._look_up(digest)
        if caller:
            self._known[digest] = (monotonic() + KEY_SECONDS, caller)
        return caller


class Logged:
    """A request id, the same headers and one JSON line a request, as plain ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._prefix = os.urandom(6).hex()
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        request_id = f"{self._prefix}-{next(self._numbers):x}"
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["address"] = scope["client"][0]
        status = size = 0

        async def sent(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += ((b"x-request-id", request_id.encode()), *_HEADERS)
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            route = scope.get("route")
            caller = state.get("caller")
            line = {
                "ts": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "level": "info",
                "event": "request",
                "request_id": request_id,
                "method": scope["method"],
                "route": getattr(route, "path", None),
                "status": status,
                "ms": round((perf_counter() - began) * 1000, 2),
                "bytes": size,
                "practice_id": caller.practice_id if caller else None,
                "key_id": caller.key_id if caller else None,
            }
            sys.stderr.write(_encode(line) + "\n")
            sys.stderr.flush()


def settle_collector() -> None:
    """The garbage collector as Twelveweeks sets it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def serve(app: Any) -> None:
    """Serve on a free port as Twelveweeks does, saying where on stdout."""
    with socket.socket() as lent:
        lent.bind(("127.0.0.1", 0))
        lent.listen(2048)
        print(json.dumps({"url": f"http://127.0.0.1:{lent.getsockname()[1]}"}), flush=True)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
        )
        uvicorn.Server(config).run(sockets=[lent])
