"""`twelveweeks keyring`: the master keys, by their ids; a key itself is never shown."""

from __future__ import annotations

from typing import Any

import typer

from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.db.keys.keyring import Keyring

app = typer.Typer(help="Master keys: create the first, rotate, show which there are.")


@app.command()
def create(as_json: Json = False) -> None:
    """Make the first master key; commands that make a database do so by themselves."""
    ring = _ring()
    if ring.keys:
        raise Unusable(f"{ring.place} has a key already: use twelveweeks keyring rotate")
    ring.first(made_on=context.today())
    _emit(ring, as_json, f"created; keep a copy of {ring.place} elsewhere")


@app.command()
def rotate(as_json: Json = False) -> None:
    """Make a new master key and encrypt stored secrets again under it; servers may go on.

    The database file stays under the key it has until `twelveweeks db rekey`. Old keys stay: old
    backups need them. Keys from TWELVEWEEKS_MASTER_KEY are rotated by putting a new one in front;
    this then encrypts the secrets again.
    """
    ring = _ring()
    ring.newest  # noqa: B018 - there is one to rotate
    # The database first: a key is not to be made for one that cannot be opened.
    with context.database() as database:
        if ring.file is not None:
            ring.add(made_on=context.today())
        count = context.reencrypt(database, ring)
    _emit(ring, as_json, f"the newest key is {ring.newest.id}; {count} secrets encrypted again")


@app.command()
def show(as_json: Json = False) -> None:
    """List the master keys, newest first: ids and the days they were made."""
    ring = _ring()
    heads = ("id", "made on")

    def table() -> None:
        printing.table(heads, [(key.id, key.made_on) for key in ring.keys])
        printing.tell(f"in {ring.place}")

    printing.emit(_shown(ring), as_json, table)


def _ring() -> Keyring:
    chosen = context.settings()
    return Keyring.chosen(chosen.key_file, chosen.master_key)


def _emit(ring: Keyring, as_json: bool, told: str) -> None:
    printing.emit(_shown(ring), as_json, lambda: printing.say(told))


def _shown(ring: Keyring) -> dict[str, Any]:
    keys = [{"id": key.id, "made_on": key.made_on} for key in ring.keys]
    return {"place": ring.place, "keys": keys}
