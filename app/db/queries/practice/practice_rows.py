"""All rows of one practice, table by table.

The tables come from the metadata, so that a new one cannot be forgotten in an export or an
erasure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_, update

from app.db.base import metadata
from app.db.models import Erasure, Practice
from app.db.queries.table_rows import table_of

# Rows read in one statement.
BATCH_SIZE = 1_000
# What is left when everything else is gone.
_PROOF = table_of(Erasure)


@cache
def tables() -> tuple[Table, ...]:
    """Return the tables that hold a practice's rows, those referred to before the others."""
    return tuple(
        table
        for table in metadata.sorted_tables
        if table is not _PROOF and (table is table_of(Practice) or "practice_id" in table.c)
    )


def secrets(table: Table) -> list[str]:
    """Return the columns of a table that never leave the database."""
    return [c.name for c in table.c if c.info.get("secret") or c.info.get("encrypted")]


def counts(db: Connection, *, practice_id: str) -> dict[str, int]:
    """Return how many rows the practice has in each table."""
    return {
        table.name: db.scalar(
            select(func.count()).select_from(table).where(_own(table) == practice_id)
        )
        or 0
        for table in tables()
    }


def rows(db: Connection, table: Table, *, practice_id: str) -> Iterator[dict[str, Any]]:
    """Yield the practice's rows of a table in order of their key, secrets left out."""
    hidden = secrets(table)
    key = [c for c in table.primary_key.columns if c.name != "practice_id"]
    statement = select(table).where(_own(table) == practice_id).order_by(*key).limit(BATCH_SIZE)
    after: tuple[Any, ...] | None = None
    while True:
        wanted = statement
        if after is not None:
            wanted = statement.where(tuple_(*key) > tuple_(*after, types=[c.type for c in key]))
        batch = [dict(row) for row in db.execute(wanted).mappings()]
        for row in batch:
            yield {name: value for name, value in row.items() if name not in hidden}
        if len(batch) < BATCH_SIZE:
            return
        after = tuple(batch[-1][c.name] for c in key)


def remove(db: Connection, *, practice_id: str, names: Collection[str]) -> dict[str, int]:
    """Delete the practice's rows of these tables; how many there were in each.

    What stays forgets what it referred to.
    """
    going = [table for table in tables() if table.name in names]
    for table in tables():
        if table not in going:
            for reference in table.foreign_key_constraints:
                if reference.referred_table in going:
                    _let_go(db, table, reference.columns, practice_id=practice_id)
    removed: dict[str, int] = {}
    for table in reversed(going):
        removed[table.name] = db.execute(delete(table).where(_own(table) == practice_id)).rowcount
    return removed


def _let_go(db: Connection, table: Table, columns: Any, *, practice_id: str) -> None:
    named = [c for c in columns if c.name != "practice_id"]
    statement = update(table).where(_own(table) == practice_id, *(c.is_not(None) for c in named))
    db.execute(statement.values({c.name: None for c in named}))


def _own(table: Table) -> Column[Any]:
    """Return the column that says whose row it is."""
    return table.c.id if table is table_of(Practice) else table.c.practice_id
