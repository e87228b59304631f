"""Real servers for the longer checks, and a client of one connection that adds nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from typing import Any, TypeVar

import httpx2
import uvicorn

from app.db.engine.engine import Database
from app.edge.http.server_protocol import BoundedProtocol
from app.main import create_app
from app.settings import Settings
from tests.support.clinic import NOW, UNLIMITED, Clinic, Moment

T = TypeVar("T")
GONE = (OSError, HTTPException)  # what a client sees of a server that was killed


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One caller on one kept connection; `GONE` when the server goes away."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._key = key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        sent = {"authorization": f"Bearer {self._key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["content-type"] = "application/json"
        self._connection.request(method, f"/v1{path}", content, sent)
        answer = self._connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Served:
    """A clinic behind a real socket; `clinic` builds, `client()` is a further caller."""

    clinic: Clinic
    port: int

    @contextmanager
    def client(self, key: str | None = None) -> Iterator[Client]:
        made = Client(self.port, key or self.clinic.key)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def served(database: Database, *, now: datetime = NOW) -> Iterator[Served]:
    """An application on a real socket in this process, with a clock that stands still."""
    clock = Moment(now)
    app = create_app(Settings(**UNLIMITED), clock=clock, database=database)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as lent:
        port = lent.getsockname()[1]
        config = uvicorn.Config(
            app, http=BoundedProtocol, ws="none", log_config=None, log_level="warning"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [lent]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                yield Served(Clinic(http, database, clock, "America/New_York"), port)
        finally:
            server.should_exit = True
            thread.join(30)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Run `act(0..count-1)` in as many threads, begun together; what each returned."""
    barrier = threading.Barrier(count)
    returned: dict[int, T] = {}
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(30)
            returned[number] = act(number)
        except BaseException as error:
            barrier.abort()
            failed.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return [returned[n] for n in range(count)]


class Process:
    """`twelveweeks serve` on a database, as an operator starts it, in a process of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> tuple[int, float]:
        """Start it; its port, and the seconds until it took connections."""
        began = time.monotonic()
        self._running = subprocess.Popen(
            command("serve", "--port", "0", "--json"),
            env=environment(self._url),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._running.stdout is not None
        said = b""
        for line in self._running.stdout:
            said += line
            with suppress(ValueError):
                port = int(json.loads(said)["url"].rpartition(":")[2])
                return port, time.monotonic() - began
        raise AssertionError(f"it did not start: {said!r}")

    @property
    def pid(self) -> int:
        assert self._running
        return self._running.pid

    def kill(self) -> None:
        """End it as a crash does."""
        if self._running:
            self._running.send_signal(signal.SIGKILL)
            self._running.wait(30)
            assert self._running.stdout is not None
            self._running.stdout.close()
            self._running = None


def command(*arguments: str) -> list[str]:
    """The installed command, without asking where it was installed."""
    return [sys.executable, "-c", "from app.cli import main; main()", *arguments]


def environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "TWELVEWEEKS_DATABASE_URL": url,
        "TWELVEWEEKS_LOG_LEVEL": "error",
        **{f"TWELVEWEEKS_{name.upper()}": str(value) for name, value in UNLIMITED.items()},
    }
