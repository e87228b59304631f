"""Around every request: an id, one log line, counts, security headers, the last error handler.

It runs on every request, so it is plain ASGI, keeps one small object a request and formats once.
"""

from __future__ import annotations

import os
import re
from itertools import count
from time import perf_counter

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.http.client_address import Peers
from app.edge.observability import logs
from app.edge.observability.metrics import Metrics
from app.edge.problems import problems

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
# Two years: what a browser asks of a service that is reached over HTTPS anyway.
HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
CLOSED_CSP = (
    b"content-security-policy",
    b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
)
NO_STORE = (b"cache-control", b"no-store")


def route_template(scope: Scope) -> str:
    """The template of the route that took the request, or `unmatched`; never the path itself."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return str(path) if path else "unmatched"


class _Answer:
    """Send-side of one request: adds the headers, remembers status and size."""

    __slots__ = ("private", "request_id", "secure", "send", "size", "status")

    def __init__(self, send: Send, request_id: bytes, private: bool, secure: bool) -> None:
        self.send = send
        self.request_id = request_id
        self.private = private
        self.secure = secure
        self.status = 0
        self.size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            named = {name.lower() for name, _ in headers}
            headers += ((b"x-request-id", self.request_id), *EVERYWHERE)
            if self.secure:
                headers.append(HSTS)
            if b"content-security-policy" not in named:
                headers.append(CLOSED_CSP)
            if self.private and b"cache-control" not in named:
                headers.append(NO_STORE)
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
        await self.send(message)


class RequestLog:
    """The outermost middleware. Puts `request_id` and `peer` into `scope["state"]`; `practice_id`
    and `key_id` are read from there afterwards. No exception of the app leaves it: an unhandled
    one becomes a 500 problem, so that no server log prints its message."""

    def __init__(self, app: ASGIApp, metrics: Metrics, peers: Peers | None = None) -> None:
        self.app = app
        self.metrics = metrics
        self._peers = peers or Peers()
        self._prefix = os.urandom(6).hex().encode()
        self._numbers = count(1)

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                if _ID.fullmatch(value):
                    return bytes(value)
                break
        return b"%s-%x" % (self._prefix, next(self._numbers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id = self._request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = shown_id = request_id.decode()
        state["peer"] = peer = self._peers.of(scope)
        answer = _Answer(send, request_id, scope["path"].startswith("/v1"), peer.secure)
        self.metrics.in_flight += 1
        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            response = await problems.unhandled(Request(scope), error)
            if answer.status:
                # Half an answer cannot be mended; the server closes the connection on it.
                answer.status = 500
            else:
                await response(scope, receive, answer)
        finally:
            self.metrics.in_flight -= 1
            seconds = perf_counter() - started
            route = route_template(scope)
            method = scope["method"]
            # No answer at all: the client went away, or the server is being stopped.
            status = answer.status or 499
            self.metrics.observe(route, method, status, seconds)
            logs.info(
                "request",
                request_id=shown_id,
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                bytes=answer.size,
                practice_id=state.get("practice_id"),
                key_id=state.get("key_id"),
            )
            # The context holds the request and the request this state: untied, everything of a
            # request is freed at once, and not only when the collector next comes by.
            state.clear()
