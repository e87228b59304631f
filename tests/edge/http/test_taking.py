"""The server's protocol against readers that do not take their answer, and crowds that only wait.

A real server on a real socket.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.edge.http.server_protocol import SEND_BUFFER, BoundedProtocol

LARGE = 32 * 1024 * 1024  # more than both sockets' buffers hold
BATCH_SIZE = b"x" * 65536


class Quick(BoundedProtocol):
    """The same with times a test can wait for."""

    head_seconds = 0.8
    taken_seconds = 0.6
    taken_bytes_per_second = 100_000


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """`/large` at once, `/stream` piece by piece, anything else a short answer."""
    assert scope["type"] == "http"
    size = LARGE if scope["path"] in ("/large", "/stream") else 2
    headers = [(b"content-length", b"%d" % size)]
    if scope["query_string"] == b"close":
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/stream":
        for _ in range(size // len(BATCH_SIZE)):
            await send({"type": "http.response.body", "body": BATCH_SIZE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": b"x" * size})


@contextmanager
def running(connections: int | None = None) -> Iterator[int]:
    config = uvicorn.Config(
        answering,
        port=0,
        http=Quick,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        limit_concurrency=connections,
        timeout_keep_alive=2,
    )
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running() as number:
        yield number


def connect(port: int, path: str | None = None) -> socket.socket:
    line = socket.socket()
    line.settimeout(5)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    line.connect(("127.0.0.1", port))
    if path is not None:
        line.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    return line


def rest(line: socket.socket) -> int:
    """How many bytes come until the server closes."""
    received = 0
    try:
        while data := line.recv(1 << 20):
            received += len(data)
    except ConnectionResetError:
        pass
    line.close()
    return received


@pytest.mark.parametrize("path", ["/large", "/stream", "/large?close", "/stream?close"])
def test_who_takes_nothing_is_closed(port: int, path: str) -> None:
    line = connect(port, path)
    time.sleep(1.8)
    assert 0 < rest(line) < LARGE


@pytest.mark.parametrize("path", ["/large", "/stream", "/large?close"])
def test_who_takes_it_slowly_but_steadily_gets_all(port: int, path: str) -> None:
    line = connect(port, path)
    received = 0
    for _ in range(10):
        received += len(line.recv(400_000, socket.MSG_WAITALL))
        time.sleep(0.2)
    line.settimeout(10)
    while received < LARGE:
        data = line.recv(1 << 20)
        assert data
        received += len(data)
    line.close()


def test_a_trickle_of_taking_is_closed(port: int) -> None:
    line = connect(port, "/large")
    for _ in range(15):
        line.recv(100)
        time.sleep(0.1)
    assert rest(line) < LARGE


def test_others_are_served_meanwhile(port: int) -> None:
    with ExitStack() as lines:
        for _ in range(5):
            lines.enter_context(connect(port, "/large"))
        with connect(port, "/") as other:
            assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_crowd_that_only_connects_keeps_nobody_out() -> None:
    with running(connections=20) as port, ExitStack() as lines:
        crowd = [lines.enter_context(connect(port)) for _ in range(60)]
        for line in crowd[30:]:  # heads that never end are no requests either
            with suppress(OSError):
                line.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        for _ in range(5):
            with connect(port, "/") as other:
                assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def test_the_one_that_is_idle_longest_goes_first() -> None:
    with running(connections=3) as port, ExitStack() as lines:
        one, two, three = (lines.enter_context(connect(port, "/")) for _ in range(3))
        for line in (one, two, three):
            assert line.recv(100)
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one.recv(100)
        four = lines.enter_context(connect(port, "/"))
        assert four.recv(100)
        assert rest(two) == 0
        for line in (one, three, four):
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_request_in_hand_is_no_idle_connection() -> None:
    with running(connections=2) as port, ExitStack() as lines:
        busy = lines.enter_context(connect(port, "/stream"))
        time.sleep(0.1)
        for _ in range(3):
            other = lines.enter_context(connect(port, "/"))
            assert other.recv(100)
        received = 0
        while received < LARGE:
            data = busy.recv(1 << 20)
            assert data
            received += len(data)
