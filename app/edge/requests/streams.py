"""Answers that are sent while they are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.edge.requests.request_context import AppContext


class Streamed(StreamingResponse):
    """Pieces made one after the other in the threads of requests, each when it can be sent.

    It counts against the concurrency limit until the last piece is sent. Raises `Overloaded`
    before anything is sent.
    """

    def __init__(
        self,
        pieces: Iterator[str],
        app_context: AppContext,
        *,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(_made(pieces, app_context), headers=headers, media_type=media_type)
        self._concurrency = app_context.concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._concurrency:
            await super().__call__(scope, receive, send)


async def _made(pieces: Iterator[str], app_context: AppContext) -> AsyncIterator[str]:
    loop, threads = asyncio.get_running_loop(), app_context.threads
    while (piece := await loop.run_in_executor(threads, next, pieces, None)) is not None:
        yield piece
