"""T-01: a server that is killed while it writes loses nothing it has acknowledged."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from app.db.engine import cipher
from app.db.engine.sqlite import driver
from app.db.maintenance import copying
from tests.support import databases
from tests.support.serving import Process
from tests.support.writers import TABLES, Writer, said, wait_for

pytestmark = pytest.mark.verify

KILLS = 20
ACKNOWLEDGED = 10_000
WRITERS = 4
START = 3.0  # seconds, at the median: a start is mostly imports, and the machine has other work


def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "clinic.db"
    url = f"sqlite:///{file}"
    key_of_file = said(url, "db", "upgrade")["key"]
    assert (key_of_file is not None) == cipher.can_encrypt(driver())
    practice = said(url, "practice", "create", "--name", "Kill", "--time-zone", "America/New_York")
    key = said(url, "keys", "create", "--practice", practice["id"], "--name", "writers")["key"]
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
            wait_for(writers, target, threads)
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

    with copying.opened(file, databases.keyring_set()) as (db, fitted):
        assert (fitted and fitted.id) == key_of_file
        _check(db, acknowledged, total)

    verified = said(url, "db", "verify")
    assert verified["ok"]
    assert verified["courses"] == len(acknowledged["course"])


def _check(db: Any, acknowledged: dict[str, set[str]], total: int) -> None:
    """Compare what was acknowledged with what is saved."""
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
