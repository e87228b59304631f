"""Encrypted columns: found by their mark, encrypted again after a rotation of keys."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, select, true

from app.db.base import ENCRYPTED, metadata
from app.db.engine.engine import Connection, Database
from app.db.engine.scope import NONE
from app.db.keys.keyring import Keyring, encrypted_with

# Rows read and changed in one transaction: others wait for their turn to write no longer.
BATCH_SIZE = 100


def marked(tables: MetaData = metadata) -> list[Column[bytes]]:
    """Return every column with the mark `ENCRYPTED`; their tables have `id`, and `practice_id`
    unless what they hold is of no practice."""
    return [
        column
        for table in tables.sorted_tables
        for column in table.columns
        if ENCRYPTED.items() <= column.info.items()
    ]


def reencrypt(
    database: Database, keyring: Keyring, *, practice_id: str | None, tables: MetaData = metadata
) -> int:
    """Encrypt again what is not under the newest key; return how many values that were.

    `practice_id` None means the values that belong to no practice. Runs beside readers and
    writers, in batches. A value that was changed meanwhile is left: it is under the newest key
    already. Raises `DecryptionFailed` at one that cannot be decrypted.
    """
    done = 0
    of_practice = practice_id is not None
    for column in marked(tables):
        if ("practice_id" in column.table.c) is not of_practice:
            continue
        after: str | None = ""
        while after is not None:
            with database.write(practice_id or NONE) as db:
                after, changed = _piece(db, keyring, column, practice_id, after)
            done += changed
    return done


def _piece(
    db: Connection, keyring: Keyring, column: Column[bytes], practice_id: str | None, after: str
) -> tuple[str | None, int]:
    table: Table = column.table
    id = table.c.id
    own = true() if practice_id is None else table.c.practice_id == practice_id
    asked = select(id, column).where(own).order_by(id).limit(BATCH_SIZE)
    rows = db.execute(asked.where(id > after) if after else asked).all()
    newest, changed = keyring.newest.id, 0
    for row, encrypted in rows:
        if encrypted is None or encrypted_with(encrypted) == newest:
            continue
        place = {
            "table": table.name,
            "column": column.name,
            "practice_id": practice_id or "",
            "row_id": row,
        }
        again = keyring.encrypt(keyring.decrypt(encrypted, **place), **place)
        change = table.update().where(own, id == row, column == encrypted)
        changed += db.execute(change.values({column.name: again})).rowcount
    return (rows[-1][0] if len(rows) == BATCH_SIZE else None), changed
