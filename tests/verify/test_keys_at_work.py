"""T-27 with a server: keys are rotated and backups taken while it answers; killed re-encryption."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from app.db.engine import cipher, sqlite
from app.db.maintenance import copying
from benchmarks import seeding
from tests.support import databases
from tests.support.serving import Client, Process, command, environment
from tests.support.writers import said

pytestmark = [
    pytest.mark.verify,
    pytest.mark.skipif(
        not cipher.can_encrypt(sqlite.driver()), reason="sqlcipher3 is not on this platform"
    ),
]

CALLERS = 4
ROTATIONS = 3
KILLS = 12


def test_no_request_fails_while_keys_are_rotated_and_backups_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'clinic.db'}"
    said(url, "db", "upgrade")
    practice = said(url, "practice", "create", "--name", "Keys", "--time-zone", "UTC")["id"]
    key = said(url, "keys", "create", "--practice", practice, "--name", "callers")["key"]
    server, ends = Process(url), threading.Event()
    saved: list[list[str]] = [[] for _ in range(CALLERS)]
    failed: list[object] = []
    read = [0] * CALLERS

    def call(number: int, port: int) -> None:
        client = Client(port, key)
        try:
            while not ends.is_set():
                name = f"{number}-{len(saved[number])}"
                made = client.call("POST", "/locations", {"name": name, "time_zone": "UTC"})
                listed = client.call("GET", "/locations?limit=10")
                if (made.status, listed.status) != (201, 200):
                    failed.append((made, listed))
                saved[number].append(name)
                read[number] += 1
        except Exception as failure:
            failed.append(failure)
        finally:
            client.close()

    try:
        port, _ = server.start()
        threads = [threading.Thread(target=call, args=(n, port)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        before = 0
        for n in range(ROTATIONS):
            before = sum(map(len, saved))
            said(url, "keyring", "rotate")
            rows = said(url, "backup", str(tmp_path / f"{n}.backup"))["rows"]
            assert rows["location"] >= before
        ends.set()
        for thread in threads:
            thread.join(60)
    finally:
        ends.set()
        server.kill()
    print(f"\n{sum(map(len, saved))} writes and {sum(read)} reads, {len(failed)} failed")
    assert failed == []
    assert said(url, "db", "check")["ok"]


def test_killed_encryption_and_rekeying_lose_nothing(tmp_path: Path) -> None:
    """Whenever it dies, the file opens, holds everything, and the command can be run again."""
    file = tmp_path / "clinic.db"
    seeding.fill_sqlite(file, 3_000)
    url = f"sqlite:///{file}"
    ring = databases.keyring_set()
    with copying.opened(file, ring) as (raw, _):
        rows = copying.counted(raw)
    chance, died, keys = random.Random(27), 0, set()
    began = time.monotonic()
    said(url, "db", "encrypt")
    longest = time.monotonic() - began
    for _ in range(KILLS):
        running = subprocess.Popen(
            command("db", "rekey", "--json"),
            env=environment(url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # From its middle on, before that it is imports; now and then it comes to its end.
            running.wait(longest * chance.uniform(0.5, 1.4))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            died += 1
        ring.refresh()
        with copying.opened(file, ring) as (raw, key):
            assert copying.counted(raw) == rows
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert key
            keys.add(key.id)
    assert said(url, "db", "rekey")["key"] not in keys
    assert said(url, "db", "check")["ok"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    print(f"\n{died} of {KILLS} killed, {len(keys)} keys met")
    assert died > 0
