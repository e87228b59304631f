"""A client of an application in this process, without a network.

Starlette's own test client goes back and forth between two threads some twenty times a request;
this one goes once, and a test that asks a hundred times notices.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import MutableMapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote

import httpx2
from starlette.types import ASGIApp

Message = MutableMapping[str, Any]


class AppClient(httpx2.Client):
    """Asks `app`; as a context it starts and stops it, on an event loop in a thread of its own.

    What the application raises is raised here after its answer was made; with
    `raise_failures=False` the answer is returned, as whoever asks over a network would see it.
    """

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        *,
        raise_failures: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
    ) -> None:
        self.app = app
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "testclient"},
            transport=_Transport(app, client, raise_failures=raise_failures),
            follow_redirects=True,
        )


class _Transport(httpx2.BaseTransport):
    def __init__(self, app: ASGIApp, client: tuple[str, int], *, raise_failures: bool) -> None:
        self._app, self._client, self._raise_failures = app, client, raise_failures
        self._state: dict[str, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._answer(request)
        if self._loop is None:
            return asyncio.run(answer)
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        head: Message = {}
        body = bytearray()
        asked, complete = False, asyncio.Event()

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await complete.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": request.read()}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                assert not head, "an answer begins once"
                head.update(message)
            else:
                assert message["type"] == "http.response.body"
                assert head, "a body comes after its head"
                assert not complete.is_set(), "nothing comes after the end"
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    complete.set()

        try:
            await self._app(self._scope(request), receive, send)
        except Exception:
            if self._raise_failures:
                raise
        assert head or not self._raise_failures, "no answer"
        return httpx2.Response(
            head.get("status", 500),
            headers=list(head.get("headers", ())),
            stream=httpx2.ByteStream(b"" if request.method == "HEAD" else bytes(body)),
            request=request,
        )

    def _scope(self, request: httpx2.Request) -> Message:
        url = request.url
        return {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": unquote(url.path),
            "raw_path": url.raw_path.partition(b"?")[0],
            "root_path": "",
            "query_string": url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": self._client,
            "server": (url.host, url.port or {"http": 80, "https": 443}[url.scheme]),
            "state": self._state.copy(),
        }

    def __enter__(self) -> _Transport:
        """Start the application; what stops it from starting is raised here."""
        self._started: Future[None] = Future()
        self._stopped: Future[None] = Future()
        threading.Thread(target=self._live, name="app").start()
        self._started.result()
        return self

    def close(self) -> None:
        """Stop the application, and wait."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._loop = None
            self._stopped.result()

    def _live(self) -> None:
        try:
            asyncio.run(self._lifespan())
        except BaseException as failure:
            (self._stopped if self._started.done() else self._started).set_exception(failure)
        else:
            if not self._started.done():
                self._started.set_exception(RuntimeError("the application did not start"))
            self._stopped.set_result(None)

    async def _lifespan(self) -> None:
        self._stop = asyncio.Event()
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await self._stop.wait()
                return {"type": "lifespan.shutdown"}
            asked = True
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._loop = asyncio.get_running_loop()
                self._started.set_result(None)

        await self._app({"type": "lifespan", "state": self._state}, receive, send)
