"""T-05: what the replica does not have is not acknowledged, however often it is asked for.

PostgreSQL waits for a standby that does not exist, until somebody cancels the wait. The change is
then saved here and nowhere else, and COMMIT answers success with a warning.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from app.db.engine.engine import open_database
from app.db.maintenance.migrate import upgrade
from tests.support.postgres import Postgres, binaries, temporary_folder
from tests.support.serving import Reply, Served, served
from tests.support.skips import MISSING

pytestmark = pytest.mark.verify

ROUNDS = 20
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class Primary:
    """The server as its operator sees it: what waits, what is saved, and the replica's name."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.url = server.url("clinic")

    @contextmanager
    def without_replica(self) -> Iterator[None]:
        self._names("'nobody'")
        try:
            yield
        finally:
            self.forget_replica()

    def forget_replica(self) -> None:
        self._names("''")

    def waiting(self) -> list[int]:
        """The connections whose commit waits for the replica."""
        return [pid for (pid,) in self.ask(WAITING)]

    def one_waits(self) -> int:
        """Wait until exactly one commit waits; its connection."""
        for _ in range(2000):
            if len(found := self.waiting()) == 1:
                return found[0]
            time.sleep(0.005)
        raise AssertionError("no commit waits for the replica")

    def cancel(self) -> None:
        self.ask("SELECT pg_cancel_backend(%s)", self.one_waits())

    def places(self, name: str) -> int:
        return int(self.ask("SELECT count(*) FROM location WHERE name = %s", name)[0][0])

    def ask(self, statement: str, *values: object) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as db:
            return db.execute(statement.encode(), values).fetchall()

    def _names(self, names: str) -> None:
        self._server.admin(f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        self._server.admin("SELECT pg_reload_conf()")
        wanted = names.strip("'")
        while self.ask("SHOW synchronous_standby_names") != [(wanted,)]:
            time.sleep(0.005)
        # It is the checkpointer that makes commits wait; it reads its settings before it works.
        self._server.admin("CHECKPOINT")


@pytest.fixture(scope="module")
def primary() -> Iterator[Primary]:
    if binaries() is None:
        pytest.skip(MISSING)
    folder = temporary_folder("twelveweeks-replica-")
    server = Postgres(folder, durable=True).create().start()
    try:
        server.admin("CREATE DATABASE clinic")
        upgrade(server.url("clinic"))
        yield Primary(server)
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def there(primary: Primary) -> Iterator[Served]:
    database = open_database(primary.url)
    with served(database) as there:
        yield there
    database.dispose()


def post(there: Served, name: str, key: str | None) -> Reply:
    with there.client() as client:
        headers = {"idempotency_key": key} if key else {}
        place = {"name": name, "time_zone": "America/New_York"}
        return client.call("POST", "/locations", place, **headers)


@contextmanager
def posted(there: Served, name: str, key: str | None = None) -> Iterator[Future[Reply]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(post, there, name, key)


def away(reply: Reply) -> bool:
    return (reply.status, reply.json["code"]) == (503, "database-away")


def test_twenty_cancelled_waits_are_twenty_refusals(there: Served, primary: Primary) -> None:
    with primary.without_replica():
        for number in range(ROUNDS):
            name = f"T-05-{number}"
            with posted(there, name, name) as first:
                primary.cancel()
                assert away(first.result(30)), first.result()
            assert primary.places(name) == 1  # saved here, where nobody else has it
            for _ in range(2):
                with posted(there, name, name) as again:
                    primary.cancel()
                    assert away(again.result(30)), again.result()
    for number in range(ROUNDS):
        name = f"T-05-{number}"
        replay = post(there, name, name)
        assert (replay.status, replay.json["name"]) == (201, name)
        assert replay.headers["idempotency-replayed"] == "true"
        assert primary.places(name) == 1


def test_a_replay_is_not_told_before_the_replica_has_it(there: Served, primary: Primary) -> None:
    with primary.without_replica():
        with posted(there, "Late", "late") as first:
            primary.cancel()
            assert away(first.result(30))
        with posted(there, "Late", "late") as again:
            primary.one_waits()
            assert not again.done()
            primary.forget_replica()
            assert again.result(30).status == 201
    assert primary.places("Late") == 1


def test_without_a_key_it_is_a_refusal_too(there: Served, primary: Primary) -> None:
    with primary.without_replica(), posted(there, "Keyless") as first:
        primary.cancel()
        assert away(first.result(30))


def test_a_connection_cut_in_the_wait_is_found_again(there: Served, primary: Primary) -> None:
    """The cut leaves open whether it is saved; the next attempt finds the claim, and waits."""
    with primary.without_replica(), posted(there, "Cut", "cut") as first:
        cut = primary.one_waits()
        primary.ask("SELECT pg_terminate_backend(%s, 10000)", cut)
        assert primary.one_waits() != cut
        assert not first.done()
        primary.forget_replica()
        assert first.result(30).status == 201
    assert primary.places("Cut") == 1


def test_a_client_that_hangs_up_cancels_nothing(there: Served, primary: Primary) -> None:
    body = b'{"name": "Gone", "time_zone": "America/New_York"}'
    head = (
        f"POST /v1/locations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {there.clinic.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with primary.without_replica():
        with socket.create_connection(("127.0.0.1", there.port)) as caller:
            caller.sendall(head.encode() + body)
            waits = primary.one_waits()
        # Long enough for the server to have seen it: another caller is answered meanwhile.
        for _ in range(20):
            time.sleep(0.05)
            assert there.clinic.call("GET", "/locations").status_code == 200
            assert primary.waiting() == [waits]
        primary.forget_replica()
        for _ in range(2000):
            if not primary.waiting():
                break
            time.sleep(0.005)
        assert primary.waiting() == []
    assert primary.places("Gone") == 1
