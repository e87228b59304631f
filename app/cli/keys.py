"""`twelveweeks keys`: the API keys of a practice."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app import clock
from app.cli import context
from app.cli.context import Json, PracticeId, Unusable
from app.cli.practices import named
from app.db.queries import keys as rows
from app.db.queries.records import Record
from app.domain.errors import NotFound
from app.services import keys

app = typer.Typer(help="API keys: create, list, revoke.")


@app.command()
def create(
    practice: PracticeId = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    as_json: Json = False,
) -> None:
    """Make an API key and print it: this once only, for just its hash is kept."""
    wanted = named(name)
    with context.writing(practice) as (db, by):
        made, key = keys.create(db, name=wanted, by=by, now=clock.now())
    answer = _shown(made) | {"key": key, "practice_id": by.practice_id}
    context.emit(answer, as_json, lambda: context.say(key))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.")],
    practice: PracticeId = None,
    as_json: Json = False,
) -> None:
    """Revoke a key; servers refuse it within 60 seconds."""
    with context.writing(practice) as (db, by):
        wanted = key_id.strip().lower()
        known = rows.of_practice(db, practice_id=by.practice_id)
        # By its prefix too: that is what a key's holder can tell without showing the key.
        ids = [k["id"] for k in known if wanted in (k["id"], k["prefix"].lower())]
        if not ids:
            raise Unusable("the practice has no key with that id (twelveweeks keys list)")
        try:
            made = keys.revoke(db, key_id=ids[0], by=by, now=clock.now())
        except NotFound:
            raise Unusable("the practice has no key with that id") from None
    answer = _shown(made)
    context.emit(answer, as_json, lambda: context.say(f"{made['prefix']} is revoked"))


@app.command("list")
def list_(practice: PracticeId = None, as_json: Json = False) -> None:
    """List the practice's keys, revoked ones too."""
    with context.database() as database:
        found = context.practice_of(database, practice)
        with database.read(found["id"]) as db:
            known = rows.of_practice(db, practice_id=found["id"])
    answer = {"items": [_shown(key) for key in known]}
    shown = [(k["id"], k["prefix"], k["created_at"], k["revoked_at"], k["name"]) for k in known]
    heads = ("id", "prefix", "created (UTC)", "revoked (UTC)", "name")
    context.emit(answer, as_json, lambda: context.table(heads, shown))


def _shown(key: Record) -> dict[str, Any]:
    return {field: key[field] for field in ("id", "name", "prefix", "created_at", "revoked_at")}
