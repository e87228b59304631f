"""The HTTP protocol of the server with what uvicorn lacks: deadlines and caps both ways.

A sender that trickles a request, or a reader that does not take its answer, holds a connection
for ever otherwise. Timers exist only while a request is incomplete after what arrived was read, or
an answer is not taken, so an ordinary request costs none.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections import OrderedDict
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

# What the system may hold of an answer for one connection, in bytes. Its own choice, some
# megabytes, takes a slow line so long that no progress is seen here meanwhile.
SEND_BUFFER = 256 * 1024

_NO_LINGERING = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

_ANSWERS = {
    400: b"Invalid HTTP request received.",
    408: b"The request did not arrive in time.",
    431: b"The request head is too large.",
}
_HEADERS = (
    b"content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n"
    b"content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n"
)
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


# For each server the connections without a request, the one that has waited longest first.
_IDLE: WeakKeyDictionary[ServerState, OrderedDict[BoundedProtocol, None]] = WeakKeyDictionary()


class _HeadTooLarge(Exception):
    """Raised inside the parser, which gives up on the request then."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with an absolute deadline for a head (also for the first byte
    of a new connection) and for a body, and a cap on the bytes of either.

    A body's deadline moves by what has arrived, at `body_bytes_per_second`, so that a large file
    over a slow line passes and a trickle does not. An answer that waits to be taken has a deadline
    that moves in the same way, at `taken_bytes_per_second`.

    `limit_concurrency` of the server's configuration is how many connections there may be: one
    more closes the one that has been without a request for longest, so that clients that
    only connect cannot keep others out.
    """

    head_seconds = 8.0
    body_seconds = 8.0
    body_bytes_per_second = 32 * 1024
    taken_seconds = 8.0
    taken_bytes_per_second = 4 * 1024
    most_head_bytes = 64 * 1024
    most_body_bytes = 32 * 1024 * 1024

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._in_body = False
        self._timed_head = False
        self._size = 0
        self._arrived = 0
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._untaken = 0
        self._taking: asyncio.TimerHandle | None = None
        self._idle = _IDLE.setdefault(self.server_state, OrderedDict())
        self._most = self.limit_concurrency
        # What uvicorn does with it would refuse health checks as well.
        self.limit_concurrency = None

    # --- the parser's own milestones

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._size = True, 0

    def on_headers_complete(self) -> None:
        if self._arrived > self.most_head_bytes:
            head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if head > self.most_head_bytes:
                raise _HeadTooLarge
        self._in_head, self._in_body, self._size = False, True, 0
        self._idle.pop(self, None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()
        self._idle[self] = None
        if self._most is not None and len(self.connections) > self._most:
            longest, _ = self._idle.popitem(last=False)
            longest._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_taking()
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = self._size + len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_timer()
            return
        if self._in_head or self._in_body:
            self._size += len(data)
            if self._size > (self.most_head_bytes if self._in_head else self.most_body_bytes):
                self._give_up(431)
            elif self._timer is None or self._timed_head != self._in_head:
                # Head and body have a deadline each; bytes in between do not move it.
                self._start_timer()
        elif self._idle_without_timer():
            # Blank lines between requests: uvicorn has stopped its own timer for them.
            if self._timer is None:
                self._start_timer()
        else:
            self._stop_timer()

    def _idle_without_timer(self) -> bool:
        idle = self.cycle is None or self.cycle.response_complete
        return idle and self.timeout_keep_alive_task is None

    # --- the answer

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_taking()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_taking()
        elif self.cycle.response_complete:
            self._idle[self] = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_taking()

    def _start_taking(self) -> None:
        """Give the client its time to take what is written, and wait for no more than that."""
        if self._taking is None:
            self._untaken = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(self.taken_seconds, self._untaken_in_time)

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _untaken_in_time(self) -> None:
        self._taking = None
        taken = self._untaken - self.transport.get_write_buffer_size()
        if taken < self.taken_seconds * self.taken_bytes_per_second:
            self._cut()
        else:
            self._start_taking()

    def _cut(self) -> None:
        """Close at once; what the system still holds for the client is dropped as well."""
        lent = self.transport.get_extra_info("socket")
        with suppress(ValueError, OSError):  # it may have gone by itself
            lent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()

    # --- the deadline

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timed_head = not self._in_body
        self._began = self.loop.time()
        allowed = self.body_seconds if self._in_body else self.head_seconds
        self._timer = self.loop.call_later(allowed, self._expired)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._timer = None
        if self._in_body:
            allowed = self.body_seconds + self._size / self.body_bytes_per_second
            left = self._began + allowed - self.loop.time()
            if left > 0:
                self._timer = self.loop.call_later(left, self._expired)
                return
        self._give_up(408)

    def _give_up(self, status: int) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        if (self._in_head or self._in_body) and self._may_answer():
            self._write_refusal(status)
            if self._in_body:
                # The app stops waiting for the rest, and what it answers goes nowhere.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._start_taking()

    def _may_answer(self) -> bool:
        """Whether nothing else is, or will be, on its way to the client."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        return self._in_body and not self.cycle.response_started and not self.pipeline

    def send_400_response(self, msg: str) -> None:
        """Called when the parser gives up: 431 if the head was too large, else 400."""
        self._stop_timer()
        if self._may_answer():
            large = self._in_head and self._arrived > self.most_head_bytes
            self._write_refusal(431 if large else 400)
        self._close()

    def _write_refusal(self, status: int) -> None:
        text = _ANSWERS[status]
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n%scontent-length: %d\r\n\r\n%s"
            % (status, _REASONS[status], _HEADERS, len(text), text)
        )
