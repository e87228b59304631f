"""`twelveweeks keys`: the API keys of a practice."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.due import day_of
from app.cli.practices import named
from app.cli.staff import find, split
from app.db.engine.engine import Connection
from app.db.queries.access import keys as rows
from app.db.rows.access import ApiKeyRow
from app.db.rows.base import picked
from app.domain.access import access
from app.domain.dates import zone
from app.domain.errors import WrongState
from app.services.access import keys
from app.services.practice import practices

app = typer.Typer(help="API keys: create, list, rotate, revoke.")

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.")]


@app.command()
def create(
    practice: PracticeId = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    staff: Annotated[
        str | None,
        typer.Option(metavar="ID|NAME", help="Whom it acts as; else the system it is named for."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="All it may do, by commas, such as worklist:search."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last day it works, at the practice.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key and print it, this once only: just its hash is kept."""
    wanted, last = named(name), day_of(expires, "expires")
    scopes = split(scope) if scope else None
    for word in scopes or ():
        if word not in access.PERMISSIONS:
            raise Unusable(f"--scope: {word!r} is not a permission; GET /v1/roles lists them")
    with context.writing(practice) as (db, by):
        until = None
        if last is not None:
            where = zone(practices.load(db, practice_id=by.practice_id)["time_zone"])
            until = datetime.combine(last + timedelta(1), time.min, where).astimezone(UTC)
        made, key = keys.create(
            db,
            name=wanted,
            staff_id=None if staff is None else find(db, by.practice_id, staff)["id"],
            scopes=scopes,
            expires_at=until,
            by=by,
            now=clock.now(),
        )
    answer = _shown(made) | {"key": key, "practice_id": by.practice_id}
    printing.emit(answer, as_json, lambda: printing.say(key))


@app.command()
def rotate(
    key_id: KeyId,
    practice: PracticeId = None,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=168, help="How long the old one works beside it.")
    ] = int(keys.OVERLAP / timedelta(hours=1)),
    as_json: Json = False,
) -> None:
    """Give a key a new secret and print it, this once only."""
    with context.writing(practice) as (db, by):
        try:
            changed, key = keys.rotate(
                db,
                key_id=_id(db, by.practice_id, key_id),
                overlap=timedelta(hours=overlap_hours),
                by=by,
                now=clock.now(),
            )
        except WrongState as refused:
            raise Unusable(
                f"the key is {refused.facts['state']}: twelveweeks keys create makes another"
            ) from None
    answer = _shown(changed) | {"key": key, "practice_id": by.practice_id}
    printing.emit(answer, as_json, lambda: printing.say(key))


@app.command()
def revoke(key_id: KeyId, practice: PracticeId = None, as_json: Json = False) -> None:
    """Revoke a key; servers refuse it within 60 seconds."""
    with context.writing(practice) as (db, by):
        made = keys.revoke(db, key_id=_id(db, by.practice_id, key_id), by=by, now=clock.now())
    answer = _shown(made)
    printing.emit(
        answer,
        as_json,
        lambda: printing.say(f"{made['prefix']} is revoked: refused within 60 seconds"),
    )


@app.command("list")
def list_(practice: PracticeId = None, as_json: Json = False) -> None:
    """List the practice's keys, revoked ones too."""
    with context.database() as database:
        owner = context.practice_of(database, practice)
        with database.read(owner["id"]) as db:
            known = rows.of_practice(db, practice_id=owner["id"])
    answer = {"items": [_shown(key) | {"staff_name": key["staff_name"]} for key in known]}
    shown = [
        (
            *(key["id"], key["prefix"], key["name"], key["staff_name"] or "system"),
            _scopes(key),
            *(key["created_at"], key["last_used_at"], key["expires_at"], key["revoked_at"]),
        )
        for key in known
    ]
    heads = ("id", "prefix", "name", "acts as", "scopes")
    times = ("created (UTC)", "last used (UTC)", "expires (UTC)", "revoked (UTC)")
    printing.emit(answer, as_json, lambda: printing.table((*heads, *times), shown))


def _scopes(key: ApiKeyRow) -> str:
    if key["scopes"] is not None:
        return ",".join(key["scopes"])
    return "all" if key["staff_id"] is None else "all of the role"


def _id(db: Connection, practice_id: str, key_id: str) -> str:
    wanted = key_id.strip().lower()
    known = rows.of_practice(db, practice_id=practice_id)
    # By its prefix too: that is what a key's holder can tell without showing the key.
    ids = [key["id"] for key in known if wanted in (key["id"], key["prefix"].lower())]
    if not ids:
        raise Unusable("the practice has no key with that id (twelveweeks keys list)")
    return str(ids[0])


def _shown(key: ApiKeyRow) -> dict[str, Any]:
    shown = ("id", "name", "prefix", "staff_id", "scopes", "created_at")
    return picked(key, (*shown, "last_used_at", "expires_at", "revoked_at"))
