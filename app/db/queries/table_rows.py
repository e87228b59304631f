"""What all of a practice's records share: get one, list a page, insert, change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnDefault,
    Connection,
    CursorResult,
    Insert,
    Select,
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.db.base import Base, OfPractice
from app.db.engine import integrity
from app.db.engine.prepared import Prepared
from app.db.rows.base import Fields, OwnRow, Row, Values

# The practice of the unit of work. Every table of a statement is compared with this very value and
# not with another table's column: a distributed database then knows at once where to look.
PRACTICE_ID: BindParameter[Any] = bindparam("practice_id")


def table_of(model: type[Base[Any]]) -> Table:
    """Return the model's table, typed as one."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - a typing fact, never false
    return table


def first(found: CursorResult[Any], row: type[Row]) -> Row | None:
    """Return the first row found, which is of that type; None when there is none."""
    mapping = found.mappings().first()
    return cast("Row", dict(mapping)) if mapping else None


def every(found: CursorResult[Any], row: type[Row]) -> list[Row]:
    """Return all rows found, which are of that type."""
    return cast("list[Row]", [dict(mapping) for mapping in found.mappings()])


@lru_cache(maxsize=64)
def _blank(model: type[Base[Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column in table_of(model).c:
        default = column.default
        record[column.name] = default.arg if isinstance(default, ColumnDefault) else None
    return record


def complete(model: type[Base[Row]], values: Fields) -> Row:
    """Return a row of the model: these values, and the default in every other column."""
    return cast("Row", {**_blank(model), **values})


def new(
    model: type[OfPractice[OwnRow, Values]],
    values: Values,
    *,
    practice_id: str,
    id: str,
    now: datetime,
) -> OwnRow:
    """Return a new row of the practice, in its first version, with these values."""
    row = {
        **_blank(model),
        **values,
        "practice_id": practice_id,
        "id": id,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    return cast("OwnRow", row)


@lru_cache(maxsize=64)
def _get(model: type[Base[Any]], locked: bool) -> Select[Any]:
    table = table_of(model)
    statement = select(table).where(
        table.c.practice_id == PRACTICE_ID, table.c.id == bindparam("id")
    )
    return statement.with_for_update() if locked else statement


def get(
    db: Connection, model: type[Base[Row]], *, practice_id: str, id: str, locked: bool = False
) -> Row | None:
    """Return the row, or None when the practice has none of that id.

    `locked` keeps others from changing it until this transaction ends (PostgreSQL; on SQLite
    a writing transaction is alone anyway).
    """
    found = db.execute(_get(model, locked), {"practice_id": practice_id, "id": id})
    row = found.mappings().first()
    return cast("Row", dict(row)) if row else None


@lru_cache(maxsize=64)
def _insert(model: type[Base[Any]]) -> Insert:
    return insert(table_of(model))


@lru_cache(maxsize=64)
def _insert_one(model: type[Base[Any]]) -> Prepared:
    return Prepared(_insert(model))


def add(db: Connection, model: type[Base[Row]], row: Row) -> None:
    """Insert one row, every column of which is named.

    `Contended` when another request made the same at the same moment: services look for a
    duplicate before they insert.
    """
    try:
        _insert_one(model).run(db, row)
    except IntegrityError as error:
        raise integrity.translated(error) from None


def add_all(db: Connection, model: type[Base[Row]], rows: Sequence[Row]) -> None:
    """Insert many rows, all with the same columns."""
    if rows:
        db.execute(_insert(model), list(rows))


@lru_cache(maxsize=512)
def _change(model: type[Base[Any]], names: tuple[str, ...]) -> Prepared:
    table = table_of(model)
    return Prepared(
        update(table)
        .values({name: bindparam(name) for name in (*names, "updated_at", "version")})
        .where(
            table.c.practice_id == bindparam("of_practice"),
            table.c.id == bindparam("of_id"),
            table.c.version == bindparam("of_version"),
        )
    )


def change(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    *,
    practice_id: str,
    id: str,
    version: int,
    values: Values,
    now: datetime,
) -> bool:
    """Update one row if it still has `version`; return whether it had."""
    scope = {"of_practice": practice_id, "of_id": id, "of_version": version}
    changed = {**values, "updated_at": now, "version": version + 1, **scope}
    return _change(model, tuple(values)).run(db, changed) == 1


def page(
    db: Connection,
    model: type[Base[Row]],
    *,
    practice_id: str,
    where: Sequence[Any] = (),
    after: str | None = None,
    limit: int,
) -> list[Row]:
    """Return up to `limit` rows in order of id, beginning after the id `after`."""
    table = table_of(model)
    statement = select(table).where(table.c.practice_id == practice_id, *where)
    if after:
        statement = statement.where(table.c.id > after)
    rows = db.execute(statement.order_by(table.c.id).limit(limit)).mappings()
    return cast("list[Row]", [dict(row) for row in rows])
