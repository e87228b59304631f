"""`twelveweeks staff`: the people of a practice, and their roles."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.practices import named
from app.db.engine.engine import Connection
from app.db.queries.access import staff as rows
from app.db.rows.access import StaffRow, StaffValues
from app.db.rows.base import picked
from app.domain.access.access import ROLES
from app.services.access import staff

app = typer.Typer(help="The people of a practice, and their roles.")

Who = Annotated[str, typer.Argument(metavar="ID|NAME", help="As `staff list` shows them.")]
Roles = Annotated[
    list[str],
    typer.Option("--role", metavar="WORDS", help=f"One or more, by commas: {', '.join(ROLES)}."),
]


@app.command()
def add(
    name: Annotated[str, typer.Option(help="What the person is called.")],
    role: Roles,
    practice: PracticeId = None,
    as_json: Json = False,
) -> None:
    """Add a member of staff and print their id; a key for them: `keys create --staff`."""
    values = StaffValues(name=named(name), roles=split(role))
    with context.writing(practice) as (db, by):
        made = staff.add(db, values=values, by=by, now=clock.now())
    printing.emit(_shown(made), as_json, lambda: printing.say(made["id"]))


@app.command("list")
def list_(practice: PracticeId = None, as_json: Json = False) -> None:
    """List the practice's people, those who have left too."""
    with context.database() as database:
        owner = context.practice_of(database, practice)
        with database.read(owner["id"]) as db:
            known = rows.of_practice(db, practice_id=owner["id"])
    answer = {"items": [_shown(member) for member in known]}
    shown = [
        (m["id"], "yes" if m["active"] else "no", ",".join(m["roles"]), m["name"]) for m in known
    ]
    printing.emit(answer, as_json, lambda: printing.table(("id", "active", "roles", "name"), shown))


@app.command()
def change(who: Who, role: Roles, practice: PracticeId = None, as_json: Json = False) -> None:
    """Give a member of staff these roles and no others; in force within 60 seconds."""
    values = StaffValues(roles=split(role))
    with context.writing(practice) as (db, by):
        member = find(db, by.practice_id, who)
        changed = staff.change(db, member=member, values=values, by=by, now=clock.now())
    told = f"{changed['name']}: {', '.join(changed['roles'])}"
    printing.emit(_shown(changed), as_json, lambda: printing.say(told))


@app.command()
def deactivate(who: Who, practice: PracticeId = None, as_json: Json = False) -> None:
    """End a member's access; servers refuse their keys within 60 seconds."""
    with context.writing(practice) as (db, by):
        member = find(db, by.practice_id, who)
        changed = staff.deactivate(db, member=member, by=by, now=clock.now())
    told = f"{changed['name']} has no access any more"
    printing.emit(_shown(changed), as_json, lambda: printing.say(told))


@app.command()
def reactivate(who: Who, practice: PracticeId = None, as_json: Json = False) -> None:
    """Give a member their access back, with the roles and keys they had."""
    with context.writing(practice) as (db, by):
        member = find(db, by.practice_id, who)
        changed = staff.reactivate(db, member=member, by=by, now=clock.now())
    told = f"{changed['name']} has access again"
    printing.emit(_shown(changed), as_json, lambda: printing.say(told))


def find(db: Connection, practice_id: str, who: str) -> StaffRow:
    """Return the member of that id or name; `Unusable` when there is none, or more than one."""
    wanted = who.strip().casefold()
    known = [
        member
        for member in rows.of_practice(db, practice_id=practice_id)
        if wanted in (member["id"], member["name"].casefold())
    ]
    if not known:
        raise Unusable("the practice has nobody with that id or name (twelveweeks staff list)")
    if len(known) > 1:
        raise Unusable("several people have that name: use the id (twelveweeks staff list)")
    return known[0]


def split(words: list[str]) -> list[str]:
    """Return the words of options that hold one or more of them, by commas."""
    return [word.strip() for given in words for word in given.split(",")]


def _shown(member: StaffRow) -> dict[str, Any]:
    shown = ("id", "name", "roles", "email", "practitioner_id", "active", "created_at")
    return picked(member, shown)
