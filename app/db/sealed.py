"""Columns whose values are sealed: found by their mark, sealed again after a rotation."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, select
from sqlalchemy.sql.elements import ColumnElement

from app.db.base import SEALED, metadata
from app.db.engine import Connection, Database
from app.db.keyring import Keyring, sealed_with

# Rows read and changed in one transaction: others wait for their turn to write no longer.
PIECE = 100


def marked(tables: MetaData = metadata) -> list[Column[bytes]]:
    """Return every column with the mark `SEALED`; their tables have `practice_id` and `id`."""
    return [
        column
        for table in tables.sorted_tables
        for column in table.columns
        if SEALED.items() <= column.info.items()
    ]


def reseal(database: Database, keyring: Keyring, *, tables: MetaData = metadata) -> int:
    """Seal every value again that is not under the newest key; how many there were.

    Runs beside readers and writers, piece by piece. A value that somebody changed meanwhile is
    left: it is under the newest key already. Raises `SealBroken` at one that cannot be opened.
    """
    done = 0
    for column in marked(tables):
        after: tuple[str, str] | None = None
        while True:
            with database.write() as db:
                last, changed = _piece(db, keyring, column, after)
            done += changed
            if last is None:
                break
            after = last
    return done


def _piece(
    db: Connection, keyring: Keyring, column: Column[bytes], after: tuple[str, str] | None
) -> tuple[tuple[str, str] | None, int]:
    table: Table = column.table
    practice_id, id = table.c.practice_id, table.c.id
    asked = select(practice_id, id, column).order_by(practice_id, id).limit(PIECE)
    if after is not None:
        asked = asked.where(_after(practice_id, id, after))
    rows = db.execute(asked).all()
    newest, changed = keyring.newest.id, 0
    for practice, row, sealed in rows:
        if sealed is None or sealed_with(sealed) == newest:
            continue
        place = {
            "table": table.name,
            "column": column.name,
            "practice_id": practice,
            "row_id": row,
        }
        again = keyring.seal(keyring.open(sealed, **place), **place)
        change = table.update().where(practice_id == practice, id == row, column == sealed)
        found = db.execute(change.values({column.name: again}))
        changed += found.rowcount
    return ((rows[-1][0], rows[-1][1]) if len(rows) == PIECE else None), changed


def _after(
    practice_id: Column[str], id: Column[str], after: tuple[str, str]
) -> ColumnElement[bool]:
    return (practice_id > after[0]) | ((practice_id == after[0]) & (id > after[1]))
