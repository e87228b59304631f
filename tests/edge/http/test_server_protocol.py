"""The server's protocol against senders that trickle, flood or say nothing. A real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from app.edge.http.server_protocol import BoundedProtocol
from tests.support.edge_app import build

GET = b"GET /v1/things HTTP/1.1\r\nHost: x\r\n\r\n"


class Quick(BoundedProtocol):
    """The same with times a test can wait for."""

    head_seconds = 0.6
    body_seconds = 0.6
    body_bytes_per_second = 200_000
    most_body_bytes = 12 * 1024 * 1024


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(
        build(),
        port=0,
        http=Quick,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=3,
    )
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def until_closed(line: socket.socket) -> bytes:
    received = b""
    try:
        while data := line.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    line.close()
    return received


def one_answer(line: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += line.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(rest) < size:
        rest += line.recv(65536)
    return head


def trickle(line: socket.socket, data: bytes, pause: float = 0.1) -> float:
    """Seconds until the server has closed the line on a slow sender."""
    started = time.monotonic()
    for byte in data:
        try:
            line.sendall(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            break
        time.sleep(pause)
        if time.monotonic() - started > 3:
            break
    return time.monotonic() - started


def test_thirty_slow_heads_are_all_closed_and_others_are_served(port: int) -> None:
    started = time.monotonic()
    lines = [connect(port) for _ in range(30)]
    for line in lines:
        line.sendall(b"GET /v1/things HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    with connect(port) as other:
        other.sendall(GET)
        assert b"200 OK" in one_answer(other)
    answers = [until_closed(line) for line in lines]
    assert time.monotonic() - started < 2
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)


def test_bytes_in_between_do_not_move_the_deadline(port: int) -> None:
    line = connect(port)
    assert trickle(line, GET[:-2] + b"X-A: " + b"x" * 100) < 1.5
    assert b"408" in until_closed(line)


@pytest.mark.parametrize("said", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_connection_that_says_nothing_is_closed(port: int, said: bytes) -> None:
    line = connect(port)
    line.sendall(said)
    started = time.monotonic()
    assert until_closed(line) == b""
    assert time.monotonic() - started < 1.5


def test_blank_lines_do_not_hold_a_kept_connection(port: int) -> None:
    line = connect(port)
    line.sendall(GET)
    one_answer(line)
    assert trickle(line, b"\r\n" * 50) < 1.5
    until_closed(line)


@pytest.mark.parametrize("framing", [b"Content-Length: 500", b"Transfer-Encoding: chunked"])
def test_a_slow_body_is_closed(port: int, framing: bytes) -> None:
    line = connect(port)
    line.sendall(
        b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + framing
        + b"\r\n\r\n"
    )
    data = b" " * 100 if b"Length" in framing else b"1\r\n \r\n" * 20
    assert trickle(line, data) < 1.5
    assert until_closed(line).startswith(b"HTTP/1.1 408 ")


def test_a_large_body_that_keeps_moving_is_taken(port: int) -> None:
    size = 400_000
    line = connect(port)
    line.sendall(
        b"POST /v1/imports/history HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
    )
    for _ in range(10):
        line.sendall(b"x" * (size // 10))
        time.sleep(0.12)
    assert b"200 OK" in one_answer(line)
    line.close()


def test_a_large_head_is_refused_whether_it_ends_or_not(port: int) -> None:
    for end in (b"\r\n\r\n", b""):
        line = connect(port)
        try:
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 300_000 + end)
        except (BrokenPipeError, ConnectionResetError):
            continue
        answer = until_closed(line)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_endless_trailers_are_cut_off(port: int) -> None:
    line = connect(port)
    line.sendall(
        b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    )
    sent = 0
    try:
        while sent < 40_000_000:
            line.sendall(b"X-Trailer: " + b"x" * 60_000 + b"\r\n")
            sent += 60_000
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert sent < 40_000_000
    line.close()


def test_length_and_chunks_together_are_refused(port: int) -> None:
    line = connect(port)
    line.sendall(
        b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert until_closed(line).startswith(b"HTTP/1.1 400 ")


def test_a_kept_connection_outlives_the_deadline_of_a_head(port: int) -> None:
    with connect(port) as line:
        for pause in (0.9, 0.9, 0.0):
            line.sendall(GET)
            assert b"200 OK" in one_answer(line)
            time.sleep(pause)


def test_pipelined_requests_are_answered_in_turn(port: int) -> None:
    with connect(port) as line:
        line.sendall(GET * 3 + GET[:-4] + b"\r\nConnection: close\r\n\r\n")
        assert until_closed(line).count(b"HTTP/1.1 200 OK") == 4
