"""`twelveweeks backup` and `twelveweeks restore`: the whole database as one encrypted file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from app import __version__, clock
from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.cli.files import Replace, refuse_existing
from app.db.engine import cipher, sqlite
from app.db.engine.engine import Database
from app.db.engine.scope import DIRECTORY
from app.db.keys.keyring import Keyring
from app.db.maintenance import backup as files
from app.db.maintenance import migrate
from app.db.maintenance.backup import Contents
from app.db.maintenance.copying import Check
from app.db.queries.practice import practices as practice_rows
from app.services.audit import seals
from app.settings import Settings

# Rows that no seal is over yet are no fault of a copy: a server that runs will seal them.
_BROKEN = frozenset({"edited", "deleted", "missing", "altered"})


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes.")],
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write the database, as it is at this moment, into one encrypted and verified file.

    Servers may go on. It can be read with the master key it names and nothing else.
    """
    began = perf_counter()
    refuse_existing(file, replace)
    with context.database() as database:
        place, ring = _embedded(database)
        now = clock.now()
        made, faults = files.save(
            place,
            file,
            ring,
            made_at=now.isoformat(timespec="seconds"),
            program=__version__,
            more=[_seals(now)],
        )
    _emit(file, made, faults, began, as_json, f"backup of {made.made_at} in {file}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that backup wrote.")],
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Put a backup where TWELVEWEEKS_DATABASE_URL says: all of it, verified, or nothing.

    A database that is there is kept, unless --replace is given; its server must be stopped first.
    """
    began = perf_counter()
    chosen = context.settings()
    database = context.opened(chosen)
    place, ring = _embedded(database)
    refuse_existing(place, replace)
    _refuse_newer(files.contents(file, ring))
    if chosen.encryption:
        cipher.demand(sqlite.driver())
    more = [_seals(clock.now())]
    made, faults = files.restore(file, place, ring, encrypt=chosen.encryption, more=more)
    _tell_older(made, chosen)
    under = f"under key {ring.newest.id}" if chosen.encryption else "not encrypted"
    told = f"restored the backup of {made.made_at} to {place}, {under}"
    _emit(file, made, faults, began, as_json, told)


def _seals(now: datetime) -> Check:
    """Return the check that compares the audit log of every practice with its seals."""

    def check(database: Database) -> list[str]:
        if context.revision(database) != migrate.head():
            return []  # tables of an older program, which this one cannot read
        with database.read(DIRECTORY) as db:
            known = [practice["id"] for practice in practice_rows.every(db)]
        return [
            f"audit log of practice {id}: {what} {which}"
            for id in known
            for what, which in seals.verify(database, practice_id=id, now=now).faults
            if what in _BROKEN
        ]

    return check


def _embedded(database: Database) -> tuple[Path, Keyring]:
    place = context.file_of(database)
    if place is None:
        raise Unusable("this is for SQLite; for PostgreSQL follow docs/operations/backup.md")
    assert database.keyring is not None  # noqa: S101 - commands always open with one
    if not database.keyring.keys:
        raise Unusable(
            f"backups are encrypted, and there is no master key in {database.keyring.place}: "
            "run twelveweeks keyring create, or add the key that the backup was made with"
        )
    return place, database.keyring


def _refuse_newer(held: Contents) -> None:
    if held.revision is not None and held.revision > migrate.head():
        raise Unusable(
            f"the backup is at {held.revision}: a newer Twelveweeks made it; restore with that one"
        )


def _tell_older(held: Contents, chosen: Settings) -> None:
    if held.revision != migrate.head():
        printing.tell("its tables are those of an older version: run twelveweeks db upgrade")
    if not chosen.encryption:
        context.warn_plain(chosen)


def _emit(
    file: Path, held: Contents, faults: list[str], began: float, as_json: bool, told: str
) -> None:
    """Print the answer; status 1 when the checks found something in what was copied."""
    seconds, size = round(perf_counter() - began, 2), file.stat().st_size
    total = sum(held.rows.values())
    answer: dict[str, Any] = {
        "file": str(file),
        "bytes": size,
        "seconds": seconds,
        "total": total,
        "faults": faults,
    }

    def show() -> None:
        printing.say(told)
        printing.say(f"{total} rows, {size} bytes, {seconds} s, backup under key {held.key}")
        printing.table(("table", "rows"), list(held.rows.items()))
        for fault in faults:
            printing.say(f"fault: {fault}")

    printing.emit(asdict(held) | answer, as_json, show)
    if faults:
        raise typer.Exit(1)
