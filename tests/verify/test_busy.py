"""T-08: someone else holds the database: a short time is waited for, a long one is said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from app.db.engine.engine import Database
from tests.support.serving import Reply, Served, at_once, served

pytestmark = pytest.mark.verify

PATIENCE = 5.0  # seconds, as the setting has it
PLACE = {"name": "Room", "time_zone": "America/New_York"}

_HOLD = """
import sys, time
from app.db.engine.sqlite import driver
db = driver().connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""


@contextmanager
def holding(database: Database, seconds: float) -> Iterator[None]:
    """Another process holds the write lock of an SQLite file for so long."""
    file = str(database.engine.url.database)
    program = [sys.executable, "-c", _HOLD, file, str(seconds)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.kill()


@contextmanager
def holding_course(database: Database, course_id: str) -> Iterator[psycopg.Connection[object]]:
    """Another connection holds one course of a PostgreSQL database, until it is closed."""
    url = database.engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as db:
        db.execute("SELECT 1 FROM course WHERE id = %s FOR UPDATE", [course_id])
        yield db


def timed(
    there: Served, method: str, path: str, body: object = None, **headers: str
) -> tuple[Reply, float]:
    with there.client() as client:
        began = time.monotonic()
        return client.call(method, path, body, **headers), time.monotonic() - began


def known(there: Served) -> None:
    """Let the server meet the key: what is measured is the wait alone."""
    there.clinic.get("/me")


def told_to_come_back(reply: Reply) -> None:
    assert (reply.status, reply.json["code"]) == (503, "database-busy")
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_sqlite_waits_for_a_short_lock(sqlite: Database, seconds: float) -> None:
    with served(sqlite) as there:
        known(there)
        with holding(sqlite, seconds):
            answers = at_once(4, lambda _: timed(there, "POST", "/locations", PLACE))
        assert [reply.status for reply, _ in answers] == [201] * 4
        assert max(waited for _, waited in answers) < PATIENCE
    if seconds > 1:
        assert min(waited for _, waited in answers) > seconds / 2


def test_sqlite_answers_503_under_a_long_lock(sqlite: Database) -> None:
    with served(sqlite) as there:
        known(there)
        with holding(sqlite, 30):
            # They queue behind each other, and come one after the other: nobody waits twice.
            def late(number: int) -> tuple[Reply, float]:
                time.sleep(number * 0.4)
                return timed(there, "POST", "/locations", PLACE, idempotency_key=f"k{number}")

            for reply, waited in at_once(4, late):
                told_to_come_back(reply)
                assert PATIENCE - 0.6 < waited < PATIENCE + 1.5
            # Nobody sees a record without a row that says so, and no row can be written now.
            reading, waited = timed(there, "GET", "/worklist")
            told_to_come_back(reading)
            assert PATIENCE - 0.6 < waited < PATIENCE + 1.5
            assert there.clinic.client.get("/healthz").status_code == 200
        assert there.clinic.get("/locations")["items"] == []
        reply, _ = timed(there, "POST", "/locations", PLACE)
        assert reply.status == 201


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_postgresql_waits_for_a_short_lock(postgresql: Database, seconds: float) -> None:
    with served(postgresql) as there:
        known(there)
        course = there.clinic.a_course()
        body = {"from": "2026-04-01", "review_on": "2026-05-01", "reason": "travel"}
        with holding_course(postgresql, course["id"]) as holder:

            def act(number: int) -> tuple[Reply, float] | None:
                if number == 0:
                    return timed(there, "POST", f"/courses/{course['id']}/hold", body)
                time.sleep(seconds)
                holder.rollback()
                return None

            answered = at_once(2, act)[0]
        assert answered is not None
        reply, waited = answered
        assert reply.status == 200, reply.body
        assert seconds / 2 < waited < PATIENCE


def test_postgresql_answers_503_under_a_long_lock(postgresql: Database) -> None:
    with served(postgresql) as there:
        known(there)
        course = there.clinic.a_course()
        path = f"/courses/{course['id']}/sessions"
        body = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
        with holding_course(postgresql, course["id"]):
            for reply, waited in at_once(3, lambda _: timed(there, "POST", path, body)):
                told_to_come_back(reply)
                assert PATIENCE - 0.5 < waited < PATIENCE + 1.5
            assert timed(there, "GET", path)[0].json["items"] == []
            # Only that course is held: the rest of the clinic goes on.
            other, waited = timed(there, "POST", "/locations", PLACE)
            assert (other.status, waited < 1) == (201, True)
        assert timed(there, "POST", path, body)[0].status == 201
