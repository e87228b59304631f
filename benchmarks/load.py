"""The client: keep-alive connections that ask without a pause, and the time of each answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks.processes import Process

_LONGEST_RUN = 600.0
_GREETING = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n"


@dataclass(slots=True)
class Sample:
    """One burst of requests against one server."""

    requests: int
    seconds: float
    cpu: float
    latencies: list[float]
    errors: int

    @property
    def cpu_per_request(self) -> float:
        """CPU seconds of the server process, read in steps of a hundredth."""
        return max(self.cpu, 0.01) / self.requests

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def percentile(self, of_100: float) -> float:
        """Seconds within which so many of 100 answers came; latencies are sorted."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * of_100 / 100))]


class _Connection(asyncio.Protocol):
    """Sends the next request of a shared feed as soon as an answer is there in full.

    It is `ready` once a first request, which is not measured, was answered: a server takes new
    connections one by one, and how long that takes is not what is asked here.
    """

    def __init__(self, feed: Iterator[bytes], sample: Sample, expected: int) -> None:
        self._feed, self._sample, self._expected = feed, sample, expected
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self._sent = 0.0
        self._got = bytearray()
        self._needed = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(_GREETING)

    def send_next(self) -> None:
        """Send a request that counts, or close when there are no more."""
        request = next(self._feed, None)
        if request is None:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._got.clear()
        self._needed = 0
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._needed:
            head = self._got.find(b"\r\n\r\n")
            if head < 0:
                return
            at = self._got.find(b"content-length: ", 0, head) + 16
            self._needed = head + 4 + int(self._got[at : self._got.index(b"\r", at)])
        if len(self._got) < self._needed:
            return
        if not self.ready.done():
            self.ready.set_result(None)
        else:
            self._sample.latencies.append(perf_counter() - self._sent)
            if int(self._got[9:12]) != self._expected:
                self._sample.errors += 1
            self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        for state in (self.ready, self.done):
            if not state.done():
                self._sample.errors += 1
                state.set_result(None)


def burst(
    server: Process, requests: Iterable[bytes], connections: int, *, expected: int = 200
) -> Sample:
    """Send all requests over so many connections and return what it took."""
    sample = Sample(0, 0.0, 0.0, [], 0)

    async def run() -> None:
        feed, loop = iter(requests), asyncio.get_running_loop()
        made = [
            (await loop.create_connection(lambda: _Connection(feed, sample, expected),
                                          "127.0.0.1", server.port))[1]
            for _ in range(connections)
        ]  # fmt: skip
        await asyncio.gather(*(connection.ready for connection in made))
        before, began = server.cpu(), perf_counter()
        for connection in made:
            connection.send_next()
        async with asyncio.timeout(_LONGEST_RUN):
            await asyncio.gather(*(connection.done for connection in made))
        sample.seconds, sample.cpu = perf_counter() - began, server.cpu() - before

    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(run())
    sample.requests = len(sample.latencies)
    sample.latencies.sort()
    return sample


def _loop() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def get(path: str, key: str) -> bytes:
    """A GET request in full."""
    return (
        f"GET {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\nauthorization: Bearer {key}\r\n\r\n"
    ).encode()


def post(path: str, key: str, body: bytes) -> bytes:
    """A POST request of JSON in full."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def ask(server: Process, request: bytes) -> tuple[int, bytes]:
    """Send one request by itself: the status and the body of its answer."""

    async def run() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request.replace(b"accept: */*", b"connection: close", 1))
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head[9:12]), body

    return asyncio.run(run())
