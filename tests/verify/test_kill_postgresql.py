"""T-02: kill -9 of the service, of a session, of the whole PostgreSQL, and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from app.db.maintenance.migrate import upgrade
from tests.support.postgres import Postgres, binaries, binaries_with_tls, temporary_folder
from tests.support.serving import Process
from tests.support.skips import MISSING, UNCHECKED
from tests.support.writers import TABLES, Writer, said, wait_for

pytestmark = pytest.mark.verify

KILLS = 5  # of each
WRITERS = 4
BETWEEN = 60  # acknowledged writes before each kill, and after the last


@pytest.fixture(params=["ours", "the system's"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A server that writes to the disk before it says so."""
    programs = binaries() if request.param == "ours" else _others()
    if programs is None:
        why = MISSING if request.param == "ours" else f"{UNCHECKED}: no second PostgreSQL"
        pytest.skip(why)
    folder = temporary_folder("twelveweeks-kill-")
    server = Postgres(folder, durable=True, programs=programs).create().start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _others() -> Path | None:
    found = binaries_with_tls()
    return None if found == binaries() else found


def kill_a_session(server: Postgres) -> None:
    """PostgreSQL then ends all of them, and reads its log again."""
    with psycopg.connect(server.url("postgres")) as db:
        found = db.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'clinic'").fetchall()
    os.kill(random.Random(len(found)).choice(found)[0], signal.SIGKILL)


def kill_everything(server: Postgres) -> None:
    server.crash()
    for _ in range(100):
        try:
            server.start()
        except RuntimeError:  # sessions of before have not all ended
            time.sleep(0.1)
        else:
            return
    server.start()


def test_nothing_is_lost_and_nothing_is_done_twice(server: Postgres) -> None:
    server.admin("CREATE DATABASE clinic")
    url = server.url("clinic")
    upgrade(url)
    with psycopg.connect(url) as db:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert db.execute(f"SHOW {name}".encode()).fetchone() == ("on",)
    practice = said(url, "practice", "create", "--name", "Kill", "--time-zone", "America/New_York")
    key = said(url, "keys", "create", "--practice", practice["id"], "--name", "writers")["key"]
    writers = [Writer(number, key, patient=True) for number in range(WRITERS)]
    service = Process(url)

    def kill_the_service(_: Postgres) -> None:
        service.kill()

    kinds: list[Callable[[Postgres], None]] = [kill_a_session, kill_everything, kill_the_service]
    kills = kinds * KILLS
    chance = random.Random(2)
    target, threads, enough = 0, list[threading.Thread](), threading.Event()
    try:
        for kill in [*kills, None]:
            if not any(thread.is_alive() for thread in threads):
                port, _ = service.start()
                threads = [threading.Thread(target=w.run, args=(port, enough)) for w in writers]
                for thread in threads:
                    thread.start()
            target = sum(writer.count() for writer in writers) + BETWEEN + chance.randrange(20)
            wait_for(writers, target, threads)
            if kill:
                kill(server)
            else:
                enough.set()
            if kill in (kill_the_service, None):
                for thread in threads:
                    thread.join(60)
                assert not any(thread.is_alive() for thread in threads)
            assert [w.wrong for w in writers] == [[]] * WRITERS
    finally:
        service.kill()
        for thread in threads:
            thread.join(60)
    check(url, writers)
    assert said(url, "db", "verify")["ok"]


def check(url: str, writers: list[Writer]) -> None:
    acknowledged = {kind: set().union(*(w.acknowledged[kind] for w in writers)) for kind in TABLES}
    total = sum(map(len, acknowledged.values()))
    with psycopg.connect(url) as db:
        version = db.info.server_version // 10000
        for table in TABLES:
            saved = {str(id) for (id,) in db.execute(f"SELECT id FROM {table}".encode())}
            assert acknowledged[table] - saved == set(), f"{table}: lost"
            assert saved - acknowledged[table] == set(), f"{table}: twice"
            unaudited = db.execute(
                f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM audit_event a"
                " WHERE a.practice_id = t.practice_id AND a.resource_id = t.id)".encode()
            )
            assert unaudited.fetchone() == (0,), f"{table}: without an audit row"
        claims = db.execute("SELECT count(*), count(status) FROM idempotency").fetchone()
        assert claims == (total, total)
    print(
        f"\nPostgreSQL {version}: {3 * KILLS} kills, {total} acknowledged, "
        f"{sum(w.refused for w in writers)} times 503, {sum(w.unknown for w in writers)} cut off, "
        f"{sum(w.replayed for w in writers)} found saved when asked again"
    )
