"""Callers that write without end, and know what they were promised."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections import defaultdict
from typing import Any

from tests.support.serving import GONE, Client, Reply, command, environment

TABLES = ("patient", "course", "session", "location")

Request = tuple[str, str, dict[str, Any], str]  # kind, path, body, idempotency key


class Writer:
    """One caller: patient, course, bookings and treatments, cheap locations, and again.

    What was asked without an answer is asked again with the same key, as clients should. A
    `patient` one does the same with what was answered 503, or that its twin is still at work.
    """

    def __init__(self, number: int, key: str, *, patient: bool = False) -> None:
        self.number, self.key, self.patient = number, key, patient
        self.acknowledged: dict[str, set[str]] = defaultdict(set)
        self.unknown = self.replayed = self.refused = self.done = 0
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
                if self.patient and _passing(reply):
                    self.refused += 1
                    time.sleep(0.02)
                    continue
                if reply.status != 201:
                    self.wrong.append(f"{path}: {reply.status} {reply.body!r}")
                    return
                if "idempotency-replayed" in reply.headers:
                    self.replayed += 1
                    # A server may have begun it again itself, and found it saved.
                    if not again and not self.patient:
                        self.wrong.append(f"{path}: a new key was answered as an old one")
                self._answer, self.asked = reply.json, None
                self.acknowledged[kind].add(self._answer["id"])
        except GONE:
            self.unknown += self.asked is not None
        finally:
            client.close()

    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))


def said(url: str, *arguments: str) -> Any:
    """What a command answers."""
    done = subprocess.run(
        command(*arguments, "--json"), env=environment(url), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def wait_for(writers: list[Writer], target: int, threads: list[threading.Thread]) -> None:
    """Wait until so many requests are acknowledged."""
    while sum(writer.count() for writer in writers) < target:
        threads[0].join(0.002)
        assert any(thread.is_alive() for thread in threads), [w.wrong for w in writers]


def _passing(reply: Reply) -> bool:
    return reply.status == 503 or (
        reply.status == 409 and reply.json["code"] == "idempotency-pending"
    )
