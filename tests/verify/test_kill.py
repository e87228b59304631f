"""T-01: a server that is killed while it writes loses nothing it has acknowledged."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import threading
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from app.db.sqlite import driver
from tests.support import databases
from tests.verify.serving import GONE, Client, Process, command, environment

pytestmark = pytest.mark.verify

KILLS = 20
ACKNOWLEDGED = 10_000
WRITERS = 4
START = 3.0  # seconds, at the median: a start is mostly imports, and the machine has other work
TABLES = ("patient", "course", "session", "location")

Request = tuple[str, str, dict[str, Any], str]  # kind, path, body, idempotency key


class Writer:
    """One caller: patient, course, bookings and treatments, cheap locations, and again.

    What was asked without an answer is asked again with the same key, as clients should.
    """

    def __init__(self, number: int, key: str) -> None:
        self.number, self.key = number, key
        self.acknowledged: dict[str, set[str]] = defaultdict(set)
        self.unknown = self.replayed = self.done = 0
        self.wrong: list[str] = []
        self.asked: Request | None = None
        self._story = self._requests()
        self._answer: dict[str, Any] = {}

    def _requests(self) -> Any:
        """The story: each step is sent what the step before was answered."""
        for n in itertools.count():
            name = f"W{self.number}-{n}"
            patient = yield (
                "patient",
                "/patients",
                {
                    "mrn": name,
                    "family_name": "Example",
                    "given_name": name,
                    "birth_date": "1980-05-17",
                },
            )
            plan = {"protocol": "preempt", "indication": "G43.709"}
            course = yield "course", f"/patients/{patient['id']}/courses", plan
            sessions = f"/courses/{course['id']}/sessions"
            for day in ("2025-01-06", "2025-04-07"):
                chart = {"plan": "as_protocol"}
                yield "session", sessions, {"status": "given", "given_on": day, "chart": chart}
            booking = {"status": "booked", "starts_at": "2035-03-30T09:20:00-04:00"}
            yield "session", sessions, booking
            for place in range(7):
                where = {"name": f"{name}-{place}", "time_zone": "America/New_York"}
                yield "location", "/locations", where

    def _next(self) -> Request:
        self.done += 1
        kind, path, body = self._story.send(self._answer) if self._answer else next(self._story)
        return kind, path, body, f"{self.number}-{self.done}"

    def run(self, port: int, enough: threading.Event) -> None:
        """Write until the server is gone, or until there is no question left and it is enough."""
        client = Client(port, self.key)
        try:
            while self.asked or not enough.is_set():
                again = self.asked is not None
                self.asked = self.asked or self._next()
                kind, path, body, key = self.asked
                reply = client.call("POST", path, body, idempotency_key=key)
                if reply.status != 201:
                    self.wrong.append(f"{path}: {reply.status} {reply.body!r}")
                    return
                if "idempotency-replayed" in reply.headers:
                    self.replayed += 1
                    if not again:
                        self.wrong.append(f"{path}: a new key was answered as an old one")
                self._answer, self.asked = reply.json, None
                self.acknowledged[kind].add(self._answer["id"])
        except GONE:
            self.unknown += self.asked is not None
        finally:
            client.close()

    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))


def _said(url: str, *arguments: str) -> Any:
    done = subprocess.run(
        command(*arguments, "--json"), env=environment(url), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _wait_for(writers: list[Writer], target: int, threads: list[threading.Thread]) -> None:
    while sum(writer.count() for writer in writers) < target:
        threads[0].join(0.002)
        assert any(thread.is_alive() for thread in threads), [w.wrong for w in writers]


def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    url = databases.sqlite_copy(tmp_path / "clinic.db")
    practice = _said(url, "practice", "create", "--name", "Kill", "--time-zone", "America/New_York")
    key = _said(url, "keys", "create", "--practice", practice["id"], "--name", "writers")["key"]
    writers = [Writer(number, key) for number in range(WRITERS)]
    server = Process(url)
    chance = random.Random(20)
    starts: list[float] = []
    try:
        for killed in range(KILLS + 1):
            port, seconds = server.start()
            starts.append(seconds)
            enough = threading.Event()
            threads = [threading.Thread(target=w.run, args=(port, enough)) for w in writers]
            for thread in threads:
                thread.start()
            target = ACKNOWLEDGED * (killed + 1) // (KILLS + 1) + chance.randrange(60)
            _wait_for(writers, target, threads)
            if killed < KILLS:
                server.kill()
            else:
                enough.set()  # the last time everything is answered, then killed all the same
            for thread in threads:
                thread.join(60)
            assert not any(thread.is_alive() for thread in threads)
            assert [w.wrong for w in writers] == [[]] * WRITERS
        server.kill()
    finally:
        server.kill()

    acknowledged = {kind: set().union(*(w.acknowledged[kind] for w in writers)) for kind in TABLES}
    total = sum(map(len, acknowledged.values()))
    unknown, replayed = sum(w.unknown for w in writers), sum(w.replayed for w in writers)
    print(
        f"\n{KILLS} kills, {total} acknowledged, {unknown} asked again of which {replayed} were "
        f"saved before the kill; starts {min(starts):.2f} to {max(starts):.2f} s"
    )
    assert total >= ACKNOWLEDGED
    assert replayed <= unknown
    assert median(starts) < START

    db = driver().connect(tmp_path / "clinic.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for table in TABLES:
        saved = {id for (id,) in db.execute(f"SELECT id FROM {table}")}
        assert acknowledged[table] - saved == set(), f"{table}: lost"
        assert saved - acknowledged[table] == set(), f"{table}: twice"
        unaudited = db.execute(
            f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM audit_event a"
            " WHERE a.practice_id = t.practice_id AND a.resource_id = t.id)"
        )
        assert unaudited.fetchone() == (0,), f"{table}: without an audit row"
    claims = db.execute("SELECT count(*), count(status) FROM idempotency").fetchone()
    assert claims == (total, total)
    db.close()

    verified = _said(url, "db", "verify")
    assert verified["ok"]
    assert verified["courses"] == len(acknowledged["course"])
