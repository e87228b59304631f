"""Migrated databases for the tests: one template a run and backend, a copy for each worker."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, event, insert

from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.keys.keyring import Keyring
from app.db.maintenance.migrate import upgrade
from tests.support.postgres import Postgres, binaries, temporary_folder

RUN = "TWELVEWEEKS_TEST_RUN"  # the folder that all workers of this run share
TEMPLATE = "template_migrated"


def open_run() -> None:
    """Make the folder of this run; called before the workers start."""
    os.environ[RUN] = str(temporary_folder("twelveweeks-"))
    # Whoever runs the tests keeps their own keys.
    os.environ["XDG_CONFIG_HOME"] = str(Path(os.environ[RUN]) / "config")


def close_run() -> None:
    """Stop what was started and remove the folder."""
    folder = os.environ.pop(RUN, None)
    if folder:
        Postgres(Path(folder) / "pg").stop()
        shutil.rmtree(folder, ignore_errors=True)


def postgres() -> Postgres | None:
    """This run's server, started by whoever asks first; None when the machine has none."""
    if binaries() is None:
        return None
    server = _server()
    with _once("pg.ready") as first:
        if first:
            server.create().start()
    return server


def migrated_postgres() -> Postgres | None:
    """This run's server with the migrated template database in it."""
    server = postgres()
    if server:
        with _once("pg.migrated") as first:
            if first:
                server.admin(f"CREATE DATABASE {TEMPLATE}")
                upgrade(server.url(TEMPLATE))
    return server


def sqlite_copy(target: Path) -> str:
    """A fresh migrated SQLite file at `target`; its address."""
    template = Path(os.environ[RUN]) / "template.db"
    with _once("sqlite.migrated") as first:
        if first:
            upgrade(f"sqlite:///{template}")
    shutil.copyfile(template, target)
    return f"sqlite:///{target}"


def wait_for_no_disk(database: Database) -> None:
    """Let an SQLite database return from a commit before it is on the disk, like `postgres.FAST`.

    Never in tests of durability: a crash of the machine may lose what was committed.
    """
    event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))


def keyring_of(folder: Path) -> Keyring:
    """The ring that commands use which find their settings in this folder."""
    return Keyring.from_file(folder / "twelveweeks" / "master.key")


def keyring_set() -> Keyring:
    """The ring of this run's commands."""
    return keyring_of(Path(os.environ["XDG_CONFIG_HOME"]))


# One statement for all tables: a test waits for one answer, not for thirty.
_DELETE_ALL = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
END $$
"""


def wipe(database: Database) -> None:
    """Empty every table, as fast as it goes: for a clean start in the middle of a test, too."""
    with database.write(OWNER) as db:
        _suspend_references(db)
        if database.dialect == "postgresql":
            db.exec_driver_sql(_DELETE_ALL)
            return
        # The log lets its rows go with a practice that leaves.
        db.exec_driver_sql(
            "INSERT INTO erasure (practice_id, started_at, by_name, export_sha256, removed) "
            "SELECT id, created_at, 'tests', '', '{}' FROM practice"
        )
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite*'"
        found = [name for (name,) in db.exec_driver_sql(names).all()]
        for name in sorted(found, key=lambda name: name == "erasure"):
            if name != "alembic_version":
                db.exec_driver_sql(f'DELETE FROM "{name}"')


T = TypeVar("T")
_filled: dict[tuple[str, str], tuple[Any, dict[Table, list[Any]]]] = {}


def filled(database: Database, name: str, fill: Callable[[], T]) -> T:
    """Let `fill` fill the database, once a worker; after that, put the same rows there.

    Returns what `fill` returned the first time: ids and keys, nothing that holds a connection.
    """
    at = database.dialect, name
    if at not in _filled:
        made = fill()
        with database.read(OWNER) as db:
            rows = {
                table: [dict(row) for row in db.execute(table.select()).mappings()]
                for table in metadata.sorted_tables
            }
        _filled[at] = made, rows
        return made
    wipe(database)
    returned, rows = _filled[at]
    with database.write(OWNER) as db:
        _suspend_references(db)
        for table, held in rows.items():
            if held:
                db.execute(insert(table), held)
    again: T = returned
    return again


def _suspend_references(db: Connection) -> None:
    """Rows may come and go in any order until the transaction ends."""
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("SET LOCAL session_replication_role = replica")
    else:
        db.exec_driver_sql("PRAGMA defer_foreign_keys = ON")


def _server() -> Postgres:
    return Postgres(Path(os.environ[RUN]) / "pg")


@contextmanager
def _once(name: str) -> Iterator[bool]:
    """True for the first worker only; the others wait until it is through."""
    mark = Path(os.environ[RUN]) / name
    with mark.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = not mark.exists()
        yield first
        mark.touch()
