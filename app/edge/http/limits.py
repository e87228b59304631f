"""How much a request may be: bodies, headers, and no compressed bodies at all."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.problems.problems import answer

MIB = 1024 * 1024
MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 1024

# The rest of a refused body is not read, so the connection cannot be used again.
_CLOSE = {"Connection": "close"}


class TooLarge(HTTPException):
    """Raised where the body is read; any handler of HTTP errors turns it into a 413."""

    def __init__(self) -> None:
        super().__init__(413, headers=_CLOSE)


class _Counted:
    """Receive-side of one request: stops a body that grows beyond its limit while it streams."""

    __slots__ = ("left", "receive")

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive = receive
        self.left = limit

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                raise TooLarge
        return message


class Limits:
    """Middleware: 413 for a body above its limit, 415 for a compressed one, 431 for headers.

    `overrides` gives other limits, in bytes, to paths that begin so.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body: int = MIB,
        overrides: Mapping[str, int] | None = None,
    ) -> None:
        self.app = app
        self._body = body
        self._overrides = tuple(
            ({"/v1/imports/": 10 * MIB} if overrides is None else overrides).items()
        )

    def _limit(self, path: str) -> int:
        for prefix, limit in self._overrides:
            if path.startswith(prefix):
                return limit
        return self._body

    def _refused(self, scope: Scope) -> tuple[str, int] | int:
        """The code of a refusal and the limit, or the limit alone."""
        headers = scope["headers"]
        limit = self._limit(scope["path"])
        if len(headers) > MOST_HEADERS:
            return "headers-too-large", limit
        size = 0
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"content-length":
                if not value.isdigit() or len(value) > 18:
                    return "bad-request", limit
                if int(value) > limit:
                    return "content-too-large", limit
            elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                return "unsupported-media-type", limit
        if size > MOST_HEADER_BYTES:
            return "headers-too-large", limit
        return limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        verdict = self._refused(scope)
        if not isinstance(verdict, int):
            detail = (
                f"The body may have at most {verdict[1]} bytes."
                if verdict[0] == "content-too-large"
                else None
            )
            await answer(verdict[0], detail, headers=_CLOSE)(scope, receive, send)
            return
        try:
            await self.app(scope, _Counted(receive, verdict), send)
        except TooLarge:
            # Read by something that handles no HTTP errors itself.
            await answer("content-too-large", headers=_CLOSE)(scope, receive, send)
