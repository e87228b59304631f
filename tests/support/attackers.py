"""Connections that behave badly, and what becomes of them."""

from __future__ import annotations

import resource
import selectors
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

TRICKLE = 0.5  # seconds between two bytes of a slow sender
MIB = 1024 * 1024


def allow_files(count: int) -> None:
    """Let this process open so many files, as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


@dataclass
class Line:
    """One bad connection: what it sends at first, then a byte at a time, and what it reads."""

    kind: str
    first: bytes
    trickle: bytes = b""
    reads: bool = True
    opened: float = 0.0
    closed: float | None = None
    heard: bytearray = field(default_factory=bytearray)
    line: socket.socket = field(default_factory=socket.socket)

    def open(self, port: int) -> None:
        self.line.settimeout(5)
        if not self.reads:
            self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.line.connect(("127.0.0.1", port))
        self.opened = time.monotonic()
        self.line.sendall(self.first)
        self.line.setblocking(False)

    def step(self) -> None:
        """Send the next byte."""
        if self.trickle and self.closed is None:
            try:
                self.line.send(self.trickle[:1])
                self.trickle = self.trickle[1:]
            except BlockingIOError:
                pass
            except OSError:
                self.end()

    def hear(self) -> None:
        with suppress(BlockingIOError):
            try:
                heard = self.line.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                heard = b""
            if heard:
                self.heard += heard[:200]
            else:
                self.end()

    def end(self) -> None:
        if self.closed is None:
            self.closed = time.monotonic()


class Crowd:
    """Many bad connections at once, kept bad by a thread of their own."""

    def __init__(self, port: int, lines: list[Line]) -> None:
        self.lines = lines
        self._stop = threading.Event()
        for line in lines:
            line.open(port)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with selectors.DefaultSelector() as reading:
            for line in self.lines:
                # Who does not read is woken by the end of the connection alone.
                if line.reads:
                    reading.register(line.line, selectors.EVENT_READ, line)
            due = time.monotonic()
            while not self._stop.is_set():
                for key, _ in reading.select(0.05):
                    key.data.hear()
                    if key.data.closed is not None:
                        reading.unregister(key.fileobj)
                if time.monotonic() >= due:
                    due += TRICKLE
                    for line in self.lines:
                        line.step()
                        if not line.reads and line.closed is None and _gone(line.line):
                            line.end()

    def wait(self, seconds: float) -> None:
        """Until every connection is closed, or so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(line.closed is None for line in self.lines):
            time.sleep(0.05)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        for line in self.lines:
            line.line.close()

    def held(self) -> dict[str, float]:
        """For each kind the longest time that a connection was held, in seconds."""
        longest: dict[str, float] = defaultdict(float)
        for line in self.lines:
            seconds = (line.closed - line.opened) if line.closed else float("inf")
            longest[line.kind] = max(longest[line.kind], seconds)
        return dict(longest)


def _gone(line: socket.socket) -> bool:
    """Whether the other side has closed, without reading what it sent."""
    state = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


def big_body(port: int, head: bytes, size: int, *, chunked: bool) -> tuple[bytes, int]:
    """Send a body until the server has had enough: its answer, and how much it let be sent."""
    piece = b"x" * MIB
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        line.sendall(head + framing + b"\r\n\r\n")
        try:
            while sent < size:
                line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                sent += len(piece)
        except OSError:
            pass
        heard = b""
        with suppress(OSError):
            heard = line.recv(65536)
    return heard, sent


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes as they are; all that is answered until the server closes or falls silent."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as line, suppress(OSError):
        with suppress(OSError):
            line.sendall(sent)
        while data := line.recv(65536):
            heard += data
    return heard


def resident(pid: int) -> int:
    """The memory of a process now, in bytes."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


def repeat(act: Callable[[], None], until: threading.Event, pause: float) -> threading.Thread:
    """Do something again and again in a thread until it is told to end."""

    def run() -> None:
        while not until.wait(pause):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
