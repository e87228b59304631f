"""`twelveweeks signing-keys`: the keys this service signs its own tokens with."""

from __future__ import annotations

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json
from app.db.engine.scope import NONE
from app.db.keys.keyring import Keyring
from app.db.queries.access import tokens as rows
from app.db.rows.base import picked
from app.services.access import signing_keys

app = typer.Typer(help="Signing keys: make the next one, list those that are accepted.")


@app.command()
def rotate(as_json: Json = False) -> None:
    """Make the next signing key, also the first; servers sign with it within 60 seconds.

    Tokens signed with the previous key stay valid until they expire.
    """
    chosen, now = context.settings(), clock.now()
    ring = Keyring.chosen(chosen.key_file, chosen.master_key)
    with context.database(chosen) as database:
        # The private key is stored encrypted, so there has to be a master key.
        if ring.file is not None:
            ring.first(made_on=context.today())
        with database.write(NONE) as db:
            id = signing_keys.rotate(db, keyring=ring, now=now)
    printing.emit({"id": id}, as_json, lambda: printing.say(id))


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the signing keys that are accepted, newest first; their secrets are never shown."""
    with context.database() as database, database.read(NONE) as db:
        known = rows.signing_keys(db, now=clock.now())
    fields = ("id", "created_at", "retires_at")
    answer = {"items": [picked(key, fields) for key in known]}
    shown = [list(picked(key, fields).values()) for key in known]
    heads = ("id", "created (UTC)", "accepted until (UTC)")
    printing.emit(answer, as_json, lambda: printing.table(heads, shown))
