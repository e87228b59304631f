"""`twelveweeks clients`: systems that fetch tokens with a key of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.practices import named
from app.cli.staff import split
from app.db.models import Client
from app.db.queries import table_rows as rows
from app.db.rows.access import ClientRow
from app.db.rows.base import picked
from app.domain.errors import NotFound
from app.services import records
from app.services.access import clients

app = typer.Typer(help="Clients: systems that fetch tokens with a key of their own.")

_FIELDS = ("id", "name", "jwks_url", "scopes", "active", "created_at")
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As `clients list` shows it.")]
Scope = Annotated[
    list[str],
    typer.Option(metavar="WORDS", help="All it may ask for, by commas, such as system/Patient.rs."),
]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Which system it is.")],
    scope: Scope,
    practice: PracticeId = None,
    jwks: Annotated[Path | None, typer.Option(help="A file with its public keys (JWKS).")] = None,
    jwks_url: Annotated[str | None, typer.Option(help="Where it publishes them.")] = None,
    as_json: Json = False,
) -> None:
    """Register a client and print its id, which is what it signs as."""
    keys = None if jwks is None else _read(jwks)
    scopes = split(scope)
    for word in scopes:
        if not clients.rights([word]):
            raise Unusable(
                f"--scope: {word!r} gives a system no permission; use one such as "
                "system/Patient.rs, or a permission of GET /v1/roles"
            )
    allowed = context.settings().allowed_hosts
    with context.writing(practice) as (db, by):
        made = clients.register(
            db,
            name=named(name),
            jwks=keys,
            jwks_url=jwks_url,
            scopes=scopes,
            allowed=allowed,
            by=by,
            now=clock.now(),
        )
    printing.emit(_shown(made), as_json, lambda: printing.say(made["id"]))


@app.command()
def revoke(client_id: ClientId, practice: PracticeId = None, as_json: Json = False) -> None:
    """Revoke a client; it and its tokens are refused within 60 seconds."""
    _switch(
        client_id, practice, as_json, active=False, told="is revoked: refused within 60 seconds"
    )


@app.command()
def restore(client_id: ClientId, practice: PracticeId = None, as_json: Json = False) -> None:
    """Let a revoked client sign in again."""
    _switch(client_id, practice, as_json, active=True, told="may sign in again")


@app.command("list")
def list_(practice: PracticeId = None, as_json: Json = False) -> None:
    """List the practice's clients, revoked ones too."""
    with context.database() as database:
        owner = context.practice_of(database, practice)
        with database.read(owner["id"]) as db:
            known = rows.page(db, Client, practice_id=owner["id"], limit=10_000)
    shown = [
        (c["id"], "yes" if c["active"] else "no", " ".join(c["scopes"]), c["name"]) for c in known
    ]
    heads = ("id", "active", "scopes", "name")
    answer = {"items": [_shown(client) for client in known]}
    printing.emit(answer, as_json, lambda: printing.table(heads, shown))


def _switch(
    client_id: str, practice: str | None, as_json: bool, *, active: bool, told: str
) -> None:
    with context.writing(practice) as (db, by):
        id = client_id.strip().lower()
        try:
            client = records.load(db, Client, practice_id=by.practice_id, id=context.id_of(id))
        except NotFound:
            raise Unusable(
                "the practice has no client with that id (twelveweeks clients list)"
            ) from None
        changed = clients.change(
            db,
            client=client,
            values={"active": active},
            allowed=context.settings().allowed_hosts,
            by=by,
            now=clock.now(),
        )
    printing.emit(_shown(changed), as_json, lambda: printing.say(f"{changed['name']} {told}"))


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise Unusable(f"--jwks: {file} cannot be read") from None
    except ValueError:
        raise Unusable(f"--jwks: {file} is not JSON") from None


def _shown(client: ClientRow) -> dict[str, Any]:
    return picked(client, _FIELDS)
