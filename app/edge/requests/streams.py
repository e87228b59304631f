"""Answers that are sent while they are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.edge.requests.request_context import AppContext


class Streamed(StreamingResponse):
    """Pieces made one after the other in the threads of requests, each when it can be sent.

    It holds room until the last one has gone: however many are read at once, they are counted.
    Raises `Overloaded` before anything is sent when there is none.
    """

    def __init__(
        self,
        pieces: Iterator[str],
        around: AppContext,
        *,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(_made(pieces, around), headers=headers, media_type=media_type)
        self._room = around.room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._room:
            await super().__call__(scope, receive, send)


async def _made(pieces: Iterator[str], around: AppContext) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    while (piece := await loop.run_in_executor(around.threads, next, pieces, None)) is not None:
        yield piece
