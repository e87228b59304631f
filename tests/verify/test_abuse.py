"""T-25: a server of its own process under attack serves the others, and holds nobody for long."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import pytest

from app.db.engine.engine import open_database
from app.db.engine.scope import OWNER
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services.access import keys
from app.services.practice import practices
from tests.support import databases
from tests.support.attackers import (
    MIB,
    Crowd,
    Line,
    allow_files,
    big_body,
    exchange,
    repeat,
    resident,
)
from tests.support.clinic import NOW
from tests.support.serving import Client, Process

pytestmark = [
    pytest.mark.verify,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and the state of sockets"),
]

SLOW, IDLE = 200, 2000
ROUNDS = 3
ASKED = 120  # requests of a round
LONGEST = 10.0  # seconds


@dataclass(frozen=True)
class Target:
    port: int
    pid: int
    key: str

    def head(self, method: str = "POST", path: str = "/v1/patients") -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    allow_files(2 * SLOW + IDLE + 2000)
    url = databases.sqlite_copy(tmp_path_factory.mktemp("abuse") / "clinic.db")
    database = open_database(url)
    with database.write(OWNER) as db:
        made = practices.create(
            db, id=new_id(NOW), name="Clinic", time_zone="UTC", by_name="tests", now=NOW
        )
        by = Actor(made["id"], ActorType.SYSTEM, None, "tests")
        _, key = keys.create(db, name="tests", by=by, now=NOW)
    database.dispose()
    process = Process(url)
    try:
        port, _ = process.start()
        client = Client(port, key)
        plan = {"protocol": "preempt", "indication": "G43.709"}
        for number in range(60):
            person = {"mrn": f"A{number}", "family_name": "Example", "given_name": "Pat"}
            reply = client.call("POST", "/patients", person | {"birth_date": "1980-05-17"})
            course = client.call("POST", f"/patients/{reply.json['id']}/courses", plan).json
            given = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
            assert client.call("POST", f"/courses/{course['id']}/sessions", given).status == 201
        client.close()
        yield Target(port, process.pid, key)
    finally:
        process.kill()


def p95(target: Target) -> float:
    """Milliseconds in which 95 of 100 worklist pages and patients are there, asked in turn."""
    took = []
    client = Client(target.port, target.key)
    for number in range(ASKED):
        began = time.perf_counter()
        path = "/worklist?limit=50" if number % 2 else "/patients?limit=5"
        assert client.call("GET", path).status == 200
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    client.close()
    return quantiles(took, n=20)[-1]


def crowd(target: Target) -> list[Line]:
    """200 slow heads, 200 slow bodies, 200 slow readers, 2,000 that only connect."""
    body = target.head() + b"Content-Length: 500\r\n\r\n"
    large = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    return [
        *(
            Line("slow head", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"x" * 100)
            for _ in range(SLOW)
        ),
        *(Line("slow body", body, b" " * 100) for _ in range(SLOW)),
        *(Line("slow reader", large, reads=False) for _ in range(SLOW)),
        *(Line("idle", b"") for _ in range(IDLE)),
    ]


def test_others_are_served_while_it_is_attacked(target: Target) -> None:
    quiet: list[float] = []
    attacked: list[float] = []
    held: dict[str, float] = {}
    p95(target)
    before = most = resident(target.pid)
    deep = b"[" * 100_000 + b"]" * 100_000
    nested = target.head() + b"Content-Length: %d\r\n\r\n" % len(deep) + deep
    answers: list[bytes] = []

    def once_more() -> None:
        answers.append(exchange(target.port, nested)[:13])
        answers.append(big_body(target.port, target.head(), 100 * MIB, chunked=True)[0][:13])

    for _ in range(ROUNDS):
        quiet.append(p95(target))
        gang = Crowd(target.port, crowd(target))
        done = threading.Event()
        loud = repeat(once_more, done, 0.5)
        try:
            attacked.append(p95(target))
            most = max(most, resident(target.pid))
            gang.wait(LONGEST + 1)
        finally:
            done.set()
            loud.join(30)
            gang.stop()
        for kind, seconds in gang.held().items():
            held[kind] = max(held.get(kind, 0.0), seconds)
    ratio = median(attacked) / median(quiet)
    print(
        f"\np95 in ms, quiet {[round(ms, 1) for ms in quiet]}, "
        f"attacked {[round(ms, 1) for ms in attacked]}: {ratio:.2f} times"
        f"\nheld at most, in s: { {kind: round(s, 1) for kind, s in held.items()} }"
        f"\nmemory {before / MIB:.0f} MiB, at most {most / MIB:.0f} MiB"
    )
    assert ratio < 2
    assert max(held.values()) <= LONGEST
    assert most - before < 100e6
    assert set(answers) <= {b"HTTP/1.1 400 ", b"HTTP/1.1 413 ", b""}
    assert b"HTTP/1.1 400 " in answers


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_megabytes_are_not_read(target: Target, chunked: bool) -> None:
    before = resident(target.pid)
    heard, sent = big_body(target.port, target.head(), 100 * MIB, chunked=chunked)
    # Closed with bytes unread, the system may drop the answer; the body is refused either way.
    assert heard == b"" or heard.startswith(b"HTTP/1.1 413 ")
    assert sent < 20 * MIB
    assert resident(target.pid) - before < 30 * MIB
    declared = target.head() + b"Content-Length: %d\r\n\r\n" % (100 * MIB)
    assert exchange(target.port, declared).startswith(b"HTTP/1.1 413 ")


TE = b"Transfer-Encoding: chunked\r\n"
INNER = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\n" + TE,
        TE + b"Content-Length: 4\r\n",
        b"Content-Length: 5\r\nContent-Length: 4\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 4\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length : 5\r\n",
        b"Content-Length: 5\r\n Folded: 1\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"\x00: 1\r\nContent-Length: 5\r\n",
    ],
    ids=repr,
)
def test_a_request_of_two_lengths_is_none(target: Target, framing: bytes) -> None:
    heard = exchange(target.port, target.head() + framing + b"\r\n0\r\n\r\n" + INNER)
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "chunks",
    [b"5;\nxx\r\nhello\r\n0\r\n\r\n", b"-1\r\n\r\n", b"fffffffffffffffff\r\n", b"5\nhello\n0\n\n"],
    ids=repr,
)
def test_chunks_that_are_none(target: Target, chunks: bytes) -> None:
    heard = exchange(target.port, target.head() + TE + b"\r\n" + chunks + INNER)
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1") == 1


def test_pipelined_requests_are_answered_in_turn(target: Target) -> None:
    asked = [b"/healthz", b"/nowhere", b"/readyz", b"/v1/me"] * 25
    sent = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in asked)
    heard = exchange(target.port, sent[:-2] + b"Connection: close\r\n\r\n")
    found = [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert found == [200, 404, 200, 401] * 25


def test_heads_and_bodies_that_are_refused(target: Target) -> None:
    long = exchange(target.port, target.head() + b"X-Long: " + b"x" * 300_000 + b"\r\n\r\n")
    assert long == b"" or long.startswith(b"HTTP/1.1 431 ")
    kept = exchange(target.port, target.head() + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n")
    assert kept.startswith(b"HTTP/1.1 431 ")
    packed = target.head() + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0"
    heard = exchange(target.port, packed)
    assert heard.startswith(b"HTTP/1.1 415 ")
    assert json.loads(heard.split(b"\r\n\r\n")[1])["code"] == "unsupported-media-type"


def test_a_thousand_idle_connections_and_their_memory(target: Target) -> None:
    before = resident(target.pid)
    gang = Crowd(target.port, [Line("idle", b"") for _ in range(1000)])
    try:
        grown = resident(target.pid) - before
        health = exchange(target.port, INNER[:-2] + b"Connection: close\r\n\r\n")
        assert health.startswith(b"HTTP/1.1 200 ")
        assert grown < 50 * MIB
        gang.wait(LONGEST)
        assert gang.held()["idle"] <= LONGEST
    finally:
        gang.stop()
    log = Path(f"/proc/{target.pid}/fd")
    assert len(list(log.iterdir())) < 100
