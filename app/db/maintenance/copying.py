"""Whole database files: copied under another key, verified, put in the place of another."""

from __future__ import annotations

import glob
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from app.db.engine import cipher, sqlite
from app.db.engine.engine import Database, open_database
from app.db.engine.failures import DatabaseAway, translate
from app.db.engine.scope import OWNER
from app.db.keys import file_lock
from app.db.keys.file_lock import FileInUse
from app.db.keys.keyring import DATABASE, Keyring, MasterKey
from app.db.maintenance import checks

log = logging.getLogger(__name__)

# Looks at a finished copy and says what is wrong with what it holds, without values of rows.
Check = Callable[[Database], list[str]]


class NotSound(Exception):
    """A copy is not what it was made from, or that was broken already; nothing was replaced."""


@contextmanager
def workplace(beside: Path, *, alone: bool = False) -> Iterator[Path]:
    """Lend a private folder on the same disk as `beside`; it goes with all that is left in it.

    `alone` says that the caller holds the file alone: what an interrupted call left goes too.
    """
    prefix = f".{beside.name}."
    if alone:
        for stale in beside.parent.glob(f"{glob.escape(prefix)}*"):
            shutil.rmtree(stale, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=beside.parent))
    except OSError as error:
        # Named as the file that was wanted, not as the folder on its way.
        raise OSError(error.errno, error.strerror, str(beside)) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened(
    file: Path, keyring: Keyring, *, label: str = DATABASE, encrypt: bool = True
) -> Iterator[tuple[Any, MasterKey | None]]:
    """Lend the driver's own connection to a file, and the key that fitted."""
    driver = sqlite.driver()
    unlocking = cipher.Unlocking(file, keyring, encrypt=encrypt, label=label)

    def connect() -> Any:
        sqlite.keep_private(file)
        return driver.connect(str(file), isolation_level=None)

    with closing(unlocking.open(connect, driver)) as raw:
        yield raw, unlocking.matched_key


def copy(source: Any, was: MasterKey | None, target: Path, key: bytes | None) -> dict[str, int]:
    """Copy one moment of the source into a new file; return how many rows each table had then.

    Others may go on writing. `key` None makes a plain file.
    """
    sqlite.keep_private(target)
    source.execute("BEGIN")
    try:
        # The first read fixes the moment for everything that follows.
        rows = counted(source)
        if was is not None and key is not None:
            with closing(sqlite.driver().connect(str(target), isolation_level=None)) as into:
                into.execute(f'PRAGMA key = "{cipher.pragma(key)}"').fetchall()
                source.backup(into)
                # One file and nothing beside it, to be moved or read as a whole.
                into.execute("PRAGMA journal_mode = DELETE").fetchall()
            return rows
    finally:
        source.execute("COMMIT")
    # Pages of a plain file are laid out differently, so this way goes by statements.
    quoted = f'"{cipher.pragma(key)}"' if key else "''"
    source.execute(f"ATTACH DATABASE ? AS target KEY {quoted}", (str(target),))
    try:
        source.execute("BEGIN")
        try:
            rows = counted(source)
            source.execute("SELECT sqlcipher_export('target')").fetchall()
        finally:
            source.execute("COMMIT")
    finally:
        source.execute("DETACH DATABASE target")
    return rows


def counted(raw: Any) -> dict[str, int]:
    """Return how many rows each table has."""
    listed = raw.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' "
        "ORDER BY name"
    ).fetchall()
    return {
        name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for (name,) in listed
    }


def verify(
    file: Path,
    rows: Mapping[str, int],
    keyring: Keyring,
    *,
    label: str = DATABASE,
    more: Sequence[Check] = (),
) -> list[str]:
    """Read the whole file again and return the faults that the further checks find.

    `NotSound` names what differs from the `rows` it should hold.
    """
    database = open_database(f"sqlite:///{file}", pool_size=1, keyring=keyring, label=label)
    try:
        faults = checks.faults(database)
        with database.read(OWNER) as db:
            counts = counted(db.connection.dbapi_connection)
            faults += [
                f"{table} has {counts.get(table, 0)} rows and should have {rows.get(table, 0)}"
                for table in sorted({*rows, *counts})
                if rows.get(table) != counts.get(table)
            ]
        told = [fault for check in more for fault in check(database)]
    except DatabaseAway as failure:
        faults, told = [f"it cannot be read ({failure})"], []
    finally:
        database.dispose()
    if faults:
        raise NotSound(f"{'; '.join(faults[:3])} ({len(faults)} faults)")
    with opened(file, keyring, label=label) as (raw, _):
        fold(raw, file)
    return told


def fold(raw: Any, file: Path) -> None:
    """Bring everything into one file and hold it alone; `FileInUse` when others have it open."""
    raw.execute("PRAGMA main.locking_mode = EXCLUSIVE").fetchall()
    try:
        (mode,) = raw.execute("PRAGMA journal_mode = DELETE").fetchone()
    except Exception as failure:
        if translate(failure) is failure:
            raise
        mode = None
    if mode != "delete":
        raise FileInUse(file.name)


def put(made: Path, place: Path) -> None:
    """Move a finished file to its place, so that either the old or the new one is there."""
    descriptor = os.open(made, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    made.replace(place)
    file_lock.sync_folder(place.parent)


def recipher(
    file: Path, keyring: Keyring, choose: Callable[[], MasterKey]
) -> tuple[MasterKey, dict[str, int]]:
    """Encrypt a database file under another key; return the key and the rows of each table.

    `choose` is called once the file is held, so that no key is made for nothing. Raises
    `FileInUse` when another process has the file open, and `NotSound` before it is replaced.
    """
    with file_lock.alone(file), workplace(file, alone=True) as folder:
        made = folder / file.name
        with opened(file, keyring) as (source, was):
            fold(source, file)
            key = choose()
            rows = copy(source, was, made, key.derived(DATABASE))
            verify(made, rows, keyring)
        put(made, file)
    return key, rows


def clear(place: Path, keyring: Keyring) -> None:
    """Remove the -wal, -shm and -journal files of the old database, which would be read with a
    new one."""
    try:
        with opened(place, keyring) as (raw, _):
            fold(raw, place)
    except FileInUse:
        raise
    except Exception:
        # No key, or broken: its write-ahead log cannot be read any more.
        log.warning("%s could not be read before it was replaced", place.name)
    for companion in ("-wal", "-shm", "-journal"):
        place.with_name(f"{place.name}{companion}").unlink(missing_ok=True)
