"""T-11 at size: a clinic's years saved and restored within the time that they may be away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.db.engine import cipher, sqlite
from app.db.engine.engine import open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import copying
from benchmarks import seeding
from tests.support import databases
from tests.support.writers import said

pytestmark = [
    pytest.mark.verify,
    pytest.mark.skipif(
        not cipher.can_encrypt(sqlite.driver()), reason="sqlcipher3 is not on this platform"
    ),
]

SESSIONS = 100_000
RESTORED = 60.0  # seconds, start of the command included


def test_a_hundred_thousand_sessions_are_back_in_a_minute(tmp_path: Path) -> None:
    file, target, out = tmp_path / "clinic.db", tmp_path / "again.db", tmp_path / "clinic.backup"
    seeding.fill_sqlite(file, SESSIONS // 5)
    url = f"sqlite:///{file}"
    key = said(url, "db", "encrypt")["key"]

    saved = said(url, "backup", str(out))
    assert saved["rows"]["session"] >= SESSIONS
    began = time.monotonic()
    restored = said(f"sqlite:///{target}", "restore", str(out))
    seconds = time.monotonic() - began
    print(
        f"\n{saved['rows']['session']:,} sessions, {saved['total']:,} rows, {saved['bytes']:,} "
        f"bytes: backup in {saved['seconds']} s, restored in {seconds:.2f} s"
    )
    assert seconds < RESTORED
    assert restored["rows"] == saved["rows"]

    ring = databases.keyring_set()
    held = []
    for place in (file, target):
        database = open_database(f"sqlite:///{place}", keyring=ring, pool_size=1)
        with database.read(OWNER) as db:
            held.append(copying.counted(db.connection.dbapi_connection))
            assert database.encrypted_with == key
        database.dispose()
    assert held[0] == held[1] == saved["rows"]
    assert said(f"sqlite:///{target}", "db", "verify")["ok"]
