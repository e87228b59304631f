"""The database file encrypted: what is on disk, what a wrong key meets, and new keys."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine import cipher
from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Database, DatabaseBusy, open_database
from app.db.engine.scope import OWNER
from app.db.keys.file_lock import FileInUse, alone
from app.db.keys.keyring import Keyring, KeyringUnusable
from app.db.maintenance import copying, migrate
from tests.support import databases

DAY = "2026-03-20"
CANARIES = [f"Canary{number:03}-{'xyzzy'[number % 5 :]}-Name" for number in range(200)]
pytestmark = pytest.mark.skipif(
    not cipher.can_encrypt(sqlite_backend.driver()), reason="sqlcipher3 is not on this platform"
)


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    made = Keyring.from_file(tmp_path / "config" / "master.key")
    made.first(made_on=DAY)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clinic.db"


@pytest.fixture
def encrypted(file: Path, ring: Keyring) -> Iterator[Database]:
    """A migrated and encrypted database with a canary in every row, most of it in the log."""
    migrate.upgrade(f"sqlite:///{file}", keyring=ring)
    database = open_database(f"sqlite:///{file}", keyring=ring, pool_size=2)
    fill(database)
    yield database
    database.dispose()


def fill(database: Database) -> None:
    with database.write(OWNER) as db:
        db.execute(text("CREATE TABLE note (id integer PRIMARY KEY, words text)"))
        db.execute(text("CREATE INDEX ix_note ON note (words)"))
        for words in CANARIES:
            db.execute(text("INSERT INTO note (words) VALUES (:words)"), {"words": words})


def words(database: Database) -> list[str]:
    with database.read(OWNER) as db:
        return list(db.execute(text("SELECT words FROM note ORDER BY id")).scalars())


@contextmanager
def opened(file: Path, ring: Keyring | None) -> Iterator[Database]:
    database = open_database(f"sqlite:///{file}", keyring=ring, pool_size=1)
    try:
        yield database
    finally:
        database.dispose()


def hits(folder: Path) -> set[str]:
    """The canaries that any file below the folder shows."""
    held = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {word for word in CANARIES for bytes in held.values() if word.encode() in bytes}


def test_no_file_shows_a_canary(encrypted: Database, file: Path, tmp_path: Path) -> None:
    names = {path.name for path in tmp_path.iterdir()}
    assert {"clinic.db", "clinic.db-wal", "clinic.db-shm"} <= names
    assert hits(tmp_path) == set()
    with encrypted.read(OWNER) as db:
        db.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        # A sort that does not fit in memory's first guess, and a table of this connection alone.
        db.execute(text("CREATE TEMP TABLE sorted AS SELECT words FROM note ORDER BY words DESC"))
        assert hits(tmp_path) == set()
    assert words(encrypted) == CANARIES
    assert not file.read_bytes().startswith(b"SQLite format 3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert encrypted.encrypted_with is not None


def test_a_plain_file_does_show_them(file: Path, tmp_path: Path) -> None:
    """So that the tests above would find what they look for."""
    databases.sqlite_copy(file)
    with opened(file, None) as plain:
        fill(plain)
        assert hits(tmp_path) == set(CANARIES)


def test_everything_else_is_as_before(encrypted: Database) -> None:
    with encrypted.read(OWNER) as db:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert db.execute(text(f"PRAGMA {pragma}")).scalar_one() == value
        assert db.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]


# --- keys that do not fit -------------------------------------------------------------------------


def untouched(file: Path) -> Any:
    return {path.name: path.read_bytes() for path in sorted(file.parent.glob("clinic.db"))}


def test_a_wrong_key_opens_nothing_and_changes_nothing(
    encrypted: Database, file: Path, tmp_path: Path
) -> None:
    encrypted.dispose()
    before = untouched(file)
    wrong = Keyring.from_file(tmp_path / "other" / "master.key")
    wrong.first(made_on=DAY)
    for ring in (wrong, Keyring.from_file(tmp_path / "none" / "master.key")):
        with opened(file, ring) as database:
            for way in (database.read, database.write):
                with pytest.raises(cipher.NoKeyFits, match="TWELVEWEEKS_KEY_FILE"), way(OWNER):
                    pass
    assert untouched(file) == before
    assert not (tmp_path / "none").exists()
    assert words(encrypted) == CANARIES


def test_a_new_file_is_not_made_without_a_key(file: Path, tmp_path: Path) -> None:
    ring = Keyring.from_file(tmp_path / "none" / "master.key")
    refused = pytest.raises(KeyringUnusable, match="no master key")
    with opened(file, ring) as database, refused, database.read(OWNER):
        pass
    assert not file.exists() or file.stat().st_size == 0


def test_encryption_can_be_switched_off_for_new_files(file: Path, ring: Keyring) -> None:
    migrate.upgrade(f"sqlite:///{file}", keyring=ring, encrypt=False)
    assert file.read_bytes().startswith(b"SQLite format 3")
    with opened(file, ring) as database, database.read(OWNER):
        assert database.encrypted_with is None


def test_a_driver_without_encryption_says_so(
    file: Path, ring: Keyring, tmp_path: Path, encrypted: Database
) -> None:
    encrypted.dispose()
    for place in (tmp_path / "new.db", file):
        unlocking = cipher.Unlocking(place, ring)
        with pytest.raises(cipher.CannotEncrypt, match="TWELVEWEEKS_ENCRYPTION"):
            unlocking.open(partial(sqlite3.connect, place), sqlite3)
    plain = tmp_path / "plain.db"
    with closing(sqlite3.connect(plain)) as db:
        db.execute("CREATE TABLE t (a)")
    raw = cipher.Unlocking(plain, ring).open(lambda: sqlite3.connect(plain), sqlite3)
    assert raw.execute("SELECT count(*) FROM t").fetchone() == (0,)
    raw.close()


# --- other keys -----------------------------------------------------------------------------------


def test_a_plain_file_becomes_an_encrypted_one(file: Path, ring: Keyring, tmp_path: Path) -> None:
    databases.sqlite_copy(file)
    with opened(file, ring) as plain:
        fill(plain)
        with plain.read(OWNER) as db:
            db.execute(text("ANALYZE"))
        assert plain.encrypted_with is None
    _, rows = copying.recipher(file, ring, lambda: ring.newest)
    assert rows["note"] == len(CANARIES)
    assert hits(tmp_path) == set()
    with opened(file, ring) as database:
        assert words(database) == CANARIES
        assert database.encrypted_with == ring.newest.id
        with database.read(OWNER) as db:
            assert migrate.current(db) == migrate.head()
            assert db.execute(text("SELECT count(*) FROM injection")).scalar_one() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_key_and_the_old_one_opens_it_no_longer(
    encrypted: Database, file: Path, ring: Keyring
) -> None:
    encrypted.dispose()
    old = Keyring(ring.keys)
    added = ring.add(made_on=DAY)
    with opened(file, ring) as database:
        assert words(database) == CANARIES  # tried newest first, found with the one before
        assert database.encrypted_with == old.newest.id
    assert copying.recipher(file, ring, lambda: added)[1]["note"] == len(CANARIES)
    with opened(file, Keyring([added])) as database:
        assert words(database) == CANARIES
    with opened(file, old) as database, pytest.raises(cipher.NoKeyFits), database.read(OWNER):
        pass
    assert words(encrypted) == CANARIES


def test_a_ring_from_a_file_learns_of_the_new_key(
    encrypted: Database, file: Path, ring: Keyring
) -> None:
    encrypted.dispose()
    assert ring.file
    elsewhere = Keyring.from_file(ring.file)
    copying.recipher(file, elsewhere, lambda: elsewhere.add(made_on=DAY))
    assert words(encrypted) == CANARIES
    assert encrypted.encrypted_with == elsewhere.newest.id


def test_a_file_in_use_is_left_as_it_is(encrypted: Database, file: Path, ring: Keyring) -> None:
    assert words(encrypted) == CANARIES
    old, added = Keyring(ring.keys), ring.add(made_on=DAY)
    with pytest.raises(FileInUse):
        copying.recipher(file, ring, lambda: added)
    encrypted.dispose()
    # A program that knows nothing of the lock beside the file has SQLite's own.
    with copying.opened(file, old) as (raw, _):
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM note").fetchone()
        with pytest.raises(FileInUse):
            copying.recipher(file, ring, lambda: added)
    with opened(file, old) as database:
        assert words(database) == CANARIES
    assert not [path for path in file.parent.iterdir() if path.name.startswith(".")]
    with alone(file), pytest.raises(DatabaseBusy), encrypted.read(OWNER):
        pass
    assert words(encrypted) == CANARIES


def test_a_copy_that_is_not_sound_replaces_nothing(
    encrypted: Database, file: Path, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted.dispose()
    with copying.opened(file, ring) as (raw, _):
        copying.fold(raw, file)
    before, added = file.read_bytes(), ring.add(made_on=DAY)
    with copying.opened(file, ring) as (raw, key):
        copy = file.with_name("copy.db")
        rows = copying.copy(raw, key, copy, added.derived("database"))
    with pytest.raises(copying.NotSound, match="note has 200 rows and should have 201"):
        copying.verify(copy, rows | {"note": 201}, ring)
    told = copying.verify(copy, rows, ring, more=[lambda database: ["a seal is broken"]])
    assert told == ["a seal is broken"]
    changed = bytearray(copy.read_bytes())
    changed[len(changed) // 2] ^= 1
    copy.write_bytes(changed)
    with pytest.raises(copying.NotSound):
        copying.verify(copy, rows, ring)
    assert file.read_bytes() == before
