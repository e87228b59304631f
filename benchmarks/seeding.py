"""Bulk load: COPY into PostgreSQL without indexes and foreign keys, batches into SQLite."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg

from app import clock
from app.db.engine import sqlite
from app.db.engine.engine import open_database
from app.db.maintenance import migrate
from app.domain.dates import local_day
from app.services.scheduling import verification
from benchmarks.history import COLUMNS, SESSIONS, Histories
from benchmarks.postgres import Server
from benchmarks.practice import ZONE, Practice, found

_BATCH_SIZE = 10_000
_KEPT_COURSES = 50_000
_SAMPLE = 2_000


def tell(text: str) -> None:
    """Print progress, which is not the result, to stderr."""
    print(text, file=sys.stderr, flush=True)


def fill_postgres(
    server: Server, name: str, patients: int, *, all_by_site: bool = False
) -> Practice:
    """Return a new database with so many patients; `all_by_site` loads it as it would grow."""
    server.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    server.admin(f'CREATE DATABASE "{name}"')
    practice = _found(server.url(name))
    with psycopg.connect(practice.url, autocommit=True) as db:
        db.execute("SET timezone = 'UTC'")
        if all_by_site:
            _copy(db, practice, patients, name, all_by_site=True)
        else:
            with _bare(db, name):
                _copy(db, practice, patients, name)
        db.execute("VACUUM (ANALYZE)")
        rows = db.execute(
            "SELECT id::text FROM course WHERE anchor_on IS NOT NULL AND state = 'active' "
            "ORDER BY md5(id::text) LIMIT %s",
            (_KEPT_COURSES,),
        ).fetchall()
    practice.courses.extend(row[0] for row in rows)
    _check(practice)
    return practice


def fill_sqlite(file: Path, patients: int, *, all_by_site: bool = False) -> Practice:
    """Return a new database file with so many patients."""
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    practice = _found(f"sqlite:///{file}")
    raw = sqlite.driver().connect(str(file), isolation_level=None)
    raw.execute("PRAGMA foreign_keys = OFF")
    with _progress(file.name, patients) as told:
        for piece in Histories(practice, all_by_site=all_by_site).pieces(patients, _BATCH_SIZE):
            raw.execute("BEGIN")
            for table, columns in COLUMNS.items():
                marks = ", ".join("?" * len(columns))
                insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
                raw.executemany(insert, getattr(piece, table))
            raw.execute("COMMIT")
            told(len(piece.patient))
    raw.execute("ANALYZE")
    rows = raw.execute("SELECT id FROM course WHERE anchor_on IS NOT NULL AND state = 'active' "
                       "ORDER BY substr(id, 25) LIMIT ?", (_KEPT_COURSES,)).fetchall()  # fmt: skip
    raw.close()
    practice.courses.extend(row[0] for row in rows)
    _check(practice)
    return practice


def _found(url: str) -> Practice:
    migrate.upgrade(url)
    now = clock.now()
    return found(url, now, local_day(now, ZONE))


def _copy(
    db: psycopg.Connection[Any],
    practice: Practice,
    patients: int,
    name: str,
    *,
    all_by_site: bool = False,
) -> None:
    with _progress(name, patients) as told:
        for piece in Histories(practice, all_by_site=all_by_site).pieces(patients, _BATCH_SIZE):
            for table, columns in COLUMNS.items():
                lines = [
                    "\t".join([r"\N" if cell is None else cell for cell in row]) + "\n"
                    for row in getattr(piece, table)
                ]
                statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
                with db.cursor().copy(statement.encode()) as copy:
                    for first in range(0, len(lines), 500):
                        copy.write("".join(lines[first : first + 500]))
            told(len(piece.patient))


@contextmanager
def _bare(db: psycopg.Connection[Any], name: str) -> Iterator[None]:
    """Take keys and indexes off the loaded tables, put them back afterwards."""
    tables = list(COLUMNS)
    constraints = db.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text "
        "FROM pg_constraint WHERE contype IN ('f', 'p', 'u') AND (conrelid::regclass::text = "
        "ANY(%s) OR confrelid::regclass::text = ANY(%s))",
        (tables, tables),
    ).fetchall()
    indexes = db.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname <> "
        "ALL(%s)",
        (tables, [c[1] for c in constraints]),
    ).fetchall()
    # Foreign keys go first and come last: they rest on the others.
    constraints.sort(key=lambda c: c[3] != "f")
    for table, constraint, _, _ in constraints:
        _run(db, f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    for index, _ in indexes:
        _run(db, f"DROP INDEX {index}")
    yield
    began = perf_counter()
    for table, constraint, definition, kind in reversed(constraints):
        if kind != "f":
            _run(db, f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
    for _, definition in indexes:
        _run(db, definition)
    for table, constraint, definition, kind in constraints:
        if kind == "f":
            _run(db, f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
    tell(f"  {name}: keys and indexes in {perf_counter() - began:.0f} s")


def _run(db: psycopg.Connection[Any], statement: str) -> None:
    db.execute(statement.encode())


@contextmanager
def _progress(name: str, patients: int) -> Iterator[Any]:
    began = shown = perf_counter()
    done = 0

    def told(more: int) -> None:
        nonlocal done, shown
        done += more
        if done == patients or perf_counter() - shown > 5:
            shown = perf_counter()
            rate = done * SESSIONS / (shown - began)
            tell(f"  {name}: {done:,} of {patients:,} patients, {rate:,.0f} sessions a second")

    yield told


def _check(practice: Practice) -> None:
    """Compare the stored dates of a sample with what follows from the histories."""
    database = open_database(practice.url)
    for number, course in enumerate(verification.check(database, practice_id=practice.practice_id)):
        if course.differences:
            raise RuntimeError(f"seeded dates are wrong: {course.differences}")
        if number >= _SAMPLE:
            break
    database.dispose()
