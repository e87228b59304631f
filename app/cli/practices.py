"""`twelveweeks practice`: found a practice, list them."""

from __future__ import annotations

from typing import Annotated

import typer

from app import clock
from app.cli import context
from app.cli.context import Json, Unusable
from app.db.queries import practices as rows
from app.db.scope import DIRECTORY
from app.domain.dates import zone
from app.domain.ids import new_id
from app.services import practices

app = typer.Typer(help="The practices whose patients are kept here.")


def named(text: str, what: str = "name") -> str:
    """Return the text trimmed; `Unusable` when it is empty, too long or not one printable line."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= 200 or not trimmed.isprintable():
        raise Unusable(f"the {what} must be 1 to 200 printable characters")
    return trimmed


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the practice is called.")],
    time_zone: Annotated[str, typer.Option(help="Its IANA time zone, such as America/New_York.")],
    as_json: Json = False,
) -> None:
    """Make a practice and print its id."""
    wanted = named(name)
    try:
        zone(time_zone)
    except (KeyError, ValueError):
        raise Unusable("no such time zone; an example is America/New_York") from None
    now = clock.now()
    id = new_id(now)
    with context.database() as database, database.write(id) as db:
        made = practices.found(
            db, id=id, name=wanted, time_zone=time_zone, by_name=context.NAME, now=now
        )
    answer = {field: made[field] for field in practices.SETTINGS}
    context.emit(answer, as_json, lambda: context.say(made["id"]))


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the practices with their ids."""
    with context.database() as database, database.read(DIRECTORY) as db:
        known = rows.every(db)
    answer = {"items": [{field: p[field] for field in practices.SETTINGS} for p in known]}
    shown = [(p["id"], p["time_zone"], p["name"]) for p in known]
    context.emit(answer, as_json, lambda: context.table(("id", "time zone", "name"), shown))
