"""What all of a practice's records share: get one, list a page, insert, change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnDefault,
    Connection,
    Insert,
    Select,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from app.db.base import Base
from app.db.engine.prepared import Prepared

Record = dict[str, Any]

# The practice of the unit of work. Every table of a statement is compared with this very value and
# not with another table's column: a distributed database then knows at once where to look.
PRACTICE_ID: BindParameter[Any] = bindparam("practice_id")


def table_of(model: type[Base]) -> Table:
    """Return the model's table, typed as one."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - a typing fact, never false
    return table


@lru_cache(maxsize=64)
def _blank(model: type[Base]) -> Record:
    record: Record = {}
    for column in table_of(model).c:
        default = column.default
        record[column.name] = default.arg if isinstance(default, ColumnDefault) else None
    return record


def blank(model: type[Base]) -> Record:
    """Return a record of the model with every column at its default."""
    return dict(_blank(model))


@lru_cache(maxsize=64)
def _get(model: type[Base], locked: bool) -> Select[Any]:
    table = table_of(model)
    statement = select(table).where(
        table.c.practice_id == PRACTICE_ID, table.c.id == bindparam("id")
    )
    return statement.with_for_update() if locked else statement


def get(
    db: Connection, model: type[Base], *, practice_id: str, id: str, locked: bool = False
) -> Record | None:
    """Return the record, or None when the practice has none of that id.

    `locked` keeps others from changing it until this transaction ends (PostgreSQL; on SQLite
    a writing transaction is alone anyway).
    """
    row = db.execute(_get(model, locked), {"practice_id": practice_id, "id": id}).mappings().first()
    return dict(row) if row else None


@lru_cache(maxsize=64)
def _insert(model: type[Base]) -> Insert:
    return insert(table_of(model))


@lru_cache(maxsize=64)
def _insert_one(model: type[Base]) -> Prepared:
    return Prepared(_insert(model))


def add(db: Connection, model: type[Base], values: Mapping[str, Any]) -> None:
    """Insert one record, every column of which is named."""
    _insert_one(model).run(db, values)


def add_all(db: Connection, model: type[Base], values: Sequence[Mapping[str, Any]]) -> None:
    """Insert many records, all with the same columns."""
    if values:
        db.execute(_insert(model), list(values))


@lru_cache(maxsize=512)
def _change(model: type[Base], names: tuple[str, ...]) -> Prepared:
    table = table_of(model)
    return Prepared(
        update(table)
        .values({name: bindparam(name) for name in (*names, "version")})
        .where(
            table.c.practice_id == bindparam("of_practice"),
            table.c.id == bindparam("of_id"),
            table.c.version == bindparam("of_version"),
        )
    )


def change(
    db: Connection, model: type[Base], *, practice_id: str, id: str, version: int, values: Record
) -> bool:
    """Update one record if it still has `version`; return whether it had."""
    scope = {"of_practice": practice_id, "of_id": id, "of_version": version}
    changed = {**values, "version": version + 1, **scope}
    return _change(model, tuple(values)).run(db, changed) == 1


def page(
    db: Connection,
    model: type[Base],
    *,
    practice_id: str,
    where: Sequence[Any] = (),
    after: str | None = None,
    limit: int,
) -> list[Record]:
    """Return up to `limit` records in order of id, beginning after the id `after`."""
    table = table_of(model)
    statement = select(table).where(table.c.practice_id == practice_id, *where)
    if after:
        statement = statement.where(table.c.id > after)
    rows = db.execute(statement.order_by(table.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]
