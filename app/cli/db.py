"""`twelveweeks db`: bring the database up to date, see that it is sound, recompute its dates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.db.engine import cipher, sqlite
from app.db.engine.engine import Database
from app.db.engine.scope import DIRECTORY, OWNER
from app.db.keys.keyring import Keyring, MasterKey
from app.db.maintenance import checks, copying, migrate
from app.db.queries.practice import practices as practice_rows
from app.services.scheduling import verification

app = typer.Typer(help="The database: upgrade, check, verify, encrypt.")

# A line of progress on stderr for every so many courses.
_STEP = 10_000


@app.command()
def upgrade(as_json: Json = False) -> None:
    """Bring the database to the newest tables; its data is kept."""
    chosen = context.settings()
    context.upgrade(chosen)
    database = context.opened(chosen)
    try:
        with database.read(OWNER):
            key = database.encrypted_with
    finally:
        database.dispose()
    answer = {"revision": migrate.head(), "key": key}

    def show() -> None:
        printing.say(f"the database is at {migrate.head()}")
        if key and database.keyring:
            printing.say(f"it is encrypted with key {key} of {database.keyring.place}")
            printing.say("keep a copy of the key elsewhere: without it nothing can be read")

    printing.emit(answer, as_json, show)


@app.command()
def encrypt(as_json: Json = False) -> None:
    """Encrypt a plain SQLite file, with the newest master key; its server must be stopped first.

    The file is replaced as a whole once the copy is verified. Disks and backups may hold the
    plain one still.
    """
    file, ring, key = _under()
    if key is not None:
        raise Unusable(f"it is encrypted already, with key {key}: see twelveweeks db rekey")
    _recipher(file, ring, lambda: ring.first(made_on=context.today()), as_json)


@app.command()
def rekey(as_json: Json = False) -> None:
    """Encrypt the SQLite file under a new master key; its server must be stopped first.

    Where `keyring rotate` has made a newer key already, that one is taken. The old key stays in
    the ring: old backups need it.
    """
    file, ring, key = _under()
    if key is None:
        raise Unusable("the file is not encrypted: run twelveweeks db encrypt")

    def newer() -> MasterKey:
        return ring.add(made_on=context.today()) if ring.newest.id == key else ring.newest

    _recipher(file, ring, newer, as_json)


def _under() -> tuple[Path, Keyring, str | None]:
    """Return the file, its ring, and the id of the key it is under."""
    with context.database() as database, database.read(OWNER):
        file, ring = context.file_of(database), database.keyring
        if file is None or ring is None:
            raise Unusable("this is for SQLite; PostgreSQL's disk is encrypted by its platform")
        return file, ring, database.encrypted_with


def _recipher(file: Path, ring: Keyring, choose: Callable[[], MasterKey], as_json: bool) -> None:
    began = perf_counter()
    cipher.demand(sqlite.driver())
    key, held = copying.recipher(file, ring, choose)
    rows = sum(held.values())
    with context.database() as database:
        secrets = context.reencrypt(database, ring)
    seconds = round(perf_counter() - began, 2)
    answer = {"key": key.id, "rows": rows, "secrets": secrets, "seconds": seconds}
    told = f"{file.name} is under key {key.id}: {rows} rows, verified, {seconds} s"
    printing.emit(answer, as_json, lambda: printing.say(told))


@app.command()
def check(as_json: Json = False) -> None:
    """Connect, compare the tables' version, and look for broken data; status 1 if there is any."""
    database = context.opened(context.settings())
    try:
        current = context.revision(database)
        file = context.file_of(database)
        faults: list[str] = []
        if current != migrate.head():
            at = f"is at {current}" if current else "has no tables yet"
            faults.append(
                f"the database {at} and this program needs {migrate.head()}: "
                "run twelveweeks db upgrade"
            )
        there = file is None or file.exists()
        faults += checks.faults(database) if there else []
        answer: dict[str, Any] = {
            "database": database.dialect,
            "version": database.version() if there else None,
            "revision": current,
            "head": migrate.head(),
            "faults": faults,
            "warnings": _warnings(database) if there else [],
            "key": database.encrypted_with,
            "ok": not faults,
        }
    finally:
        database.dispose()
    printing.emit(answer, as_json, lambda: _show(answer))
    if faults:
        raise typer.Exit(1)


def _warnings(database: Database) -> list[str]:
    plain = database.dialect == "sqlite" and database.encrypted_with is None
    return checks.warnings(database) + ([context.PLAIN] if plain else [])


def _show(answer: dict[str, Any]) -> None:
    tables = f"tables at {answer['revision']}" if answer["revision"] else "no tables yet"
    printing.say(f"{answer['version'] or answer['database']}, {tables}")
    if answer["key"]:
        printing.say(f"encrypted with key {answer['key']}")
    for kind in ("fault", "warning"):
        for told in answer[f"{kind}s"]:
            printing.say(f"{kind}: {told}")
    if answer["ok"]:
        printing.say("sound")


@app.command()
def verify(as_json: Json = False) -> None:
    """Recompute every course's dates; name the differing and the waiting, with status 1."""
    differing: list[dict[str, Any]] = []
    waiting: list[dict[str, str]] = []
    seen = 0
    with context.database() as database:
        with database.read(DIRECTORY) as db:
            known = practice_rows.every(db)
        for practice in known:
            for course in verification.check(database, practice_id=practice["id"]):
                seen += 1
                if seen % _STEP == 0:
                    printing.tell(f"{seen} courses compared")
                named = {"practice_id": practice["id"], "course_id": course.course_id}
                if course.waiting:
                    waiting.append(named)
                for column, (stored, recomputed) in course.differences.items():
                    values = {"column": column, "stored": stored, "recomputed": recomputed}
                    differing.append(named | values)
    answer = {
        "courses": seen,
        "differences": differing,
        "waiting": waiting,
        "ok": not (differing or waiting),
    }
    printing.emit(answer, as_json, lambda: _tell(seen, differing, waiting))
    if not answer["ok"]:
        raise typer.Exit(1)


def _tell(seen: int, differing: list[dict[str, Any]], waiting: list[dict[str, str]]) -> None:
    for d in differing:
        printing.say(
            f"course {d['course_id']}: {d['column']} is stored as {d['stored']}, "
            f"recomputed it is {d['recomputed']}"
        )
    for w in waiting:
        printing.say(f"course {w['course_id']}: waits to be recomputed by a running server")
    printing.say(f"{seen} courses, {len(differing)} differences, {len(waiting)} waiting")
