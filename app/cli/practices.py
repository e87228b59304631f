"""`twelveweeks practice`: create a practice, list them, export one whole, erase one that left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.cli.files import Replace, saving
from app.db.engine.engine import Connection, Database
from app.db.engine.scope import DIRECTORY
from app.db.maintenance import migrate
from app.db.queries.practice import practices as rows
from app.db.rows.access import StaffValues
from app.db.rows.base import picked
from app.domain.access.access import Role
from app.domain.dates import zone
from app.domain.ids import new_id
from app.services.access import keys, staff
from app.services.practice import erasures, practice_export, practices
from app.services.practice.erasures import NotErased
from app.services.practice.practice_export import Unfit

app = typer.Typer(help="The practices whose patients are kept here.")


def named(text: str, what: str = "name") -> str:
    """Return the text trimmed; `Unusable` when it is empty, too long or not one printable line."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= 200 or not trimmed.isprintable():
        raise Unusable(f"the {what} must be 1 to 200 printable characters")
    return trimmed


Id = Annotated[str, typer.Option("--practice", metavar="ID", help="The practice.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the practice is called.")],
    time_zone: Annotated[str, typer.Option(help="Its IANA time zone, such as America/New_York.")],
    administrator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who runs it: a member of staff, with a key as them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a practice and print its id; with --administrator also their key, this once only."""
    wanted = named(name)
    person = named(administrator, "administrator") if administrator is not None else None
    try:
        zone(time_zone)
    except (KeyError, ValueError):
        raise Unusable("--time-zone: must be an IANA time zone such as America/New_York") from None
    now = clock.now()
    id = new_id(now)
    with context.database() as database, database.write(id) as db:
        made = practices.create(
            db, id=id, name=wanted, time_zone=time_zone, by_name=context.NAME, now=now
        )
        first = _administrator(db, id, person) if person else {}
    answer = picked(made, practices.SETTINGS) | first

    def show() -> None:
        printing.say(made["id"])
        if first:
            printing.say(first["key"])

    printing.emit(answer, as_json, show)


def _administrator(db: Connection, practice_id: str, name: str) -> dict[str, Any]:
    """Make the practice's first member of staff; the answer holds their key."""
    by, now = context.actor(practice_id), clock.now()
    values = StaffValues(name=name, roles=[Role.ADMINISTRATOR])
    member = staff.add(db, values=values, by=by, now=now)
    _, key = keys.create(db, name=name, staff_id=member["id"], by=by, now=now)
    return {"administrator": {"id": member["id"], "name": name}, "key": key}


@app.command()
def export(
    practice: Id,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, as JSON Lines.")],
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write every row of a practice, as of one moment, with counts and a SHA-256 at the end.

    Secrets are left out; the first line lists which. Its sandbox is not in it.
    """
    with context.database() as database:
        id = context.practice_of(database, practice)["id"]
        with saving(out, replace=replace) as stream:
            context.shown(database, id, "practice.export", kind="practice", id=id)
            with database.read(id) as db:
                made = practice_export.write(
                    db, stream.write, practice_id=id, revision=migrate.head(), now=clock.now()
                )
    total = sum(made.counts.values())
    answer = {"practice_id": id, "file": str(out), "sha256": made.sha256, "counts": made.counts}
    printing.emit(
        answer, as_json, lambda: printing.tell(f"{total} rows in {out}, SHA-256 {made.sha256}")
    )


@app.command()
def erase(
    practice: Id,
    export: Annotated[Path, typer.Option(metavar="FILE", help="What practice export wrote.")],
    yes_erase: Annotated[
        str, typer.Option(metavar="NAME", help="The practice's name, to confirm.")
    ],
    as_json: Json = False,
) -> None:
    """Delete a practice that left, with its sandbox, log and keys, and print the proof as JSON.

    The export must be whole and of its present state. Nothing brings the practice back. Run
    again, it rewrites the database file and prints the proof again.
    """
    try:
        with export.open("rb") as lines:
            exported = practice_export.read(lines)
        if exported.practice_id != practice.strip().lower():
            raise Unusable("the export is of another practice: export this one first")
        with context.database() as database:
            _check_name(database, exported.practice_id, yes_erase)
            erased = erasures.erase(
                database, exported=exported, by_name=context.NAME, now=clock.now()
            )
    except (Unfit, NotErased) as refused:
        raise Unusable(f"{refused}; nothing was deleted") from None
    printing.emit(erased, True, lambda: None)
    if not erased.clean:
        printing.tell(
            "the file could not be rewritten while others use it: stop the server, run this again"
        )
        raise typer.Exit(1)


def _check_name(database: Database, practice_id: str, name: str) -> None:
    with database.read(DIRECTORY) as db:
        practice = rows.get(db, practice_id=practice_id)
    if practice is not None and practice["name"] != name:
        raise Unusable("--yes-erase must be the name of the practice, as practice list shows it")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the practices with their ids."""
    with context.database() as database, database.read(DIRECTORY) as db:
        known = rows.every(db)
    fields = (*practices.SETTINGS, "sandbox_of")
    answer = {"items": [picked(p, fields) for p in known]}
    shown = [(p["id"], p["time_zone"], p["name"], p["sandbox_of"]) for p in known]
    heads = ("id", "time zone", "name", "sandbox of")
    printing.emit(answer, as_json, lambda: printing.table(heads, shown))
