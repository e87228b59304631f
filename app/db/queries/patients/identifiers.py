"""Identifiers by which other systems know our records."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from app.db.models import Identifier
from app.db.queries.table_rows import table_of

_table = table_of(Identifier)


def holder(db: Connection, *, practice_id: str, kind: str, system: str, value: str) -> str | None:
    """Return the id of the record that carries the identifier."""
    return db.scalar(
        select(_table.c.resource_id).where(
            _table.c.practice_id == practice_id,
            _table.c.kind == kind,
            _table.c.system == system,
            _table.c.value == value,
        )
    )


def of(
    db: Connection, *, practice_id: str, kind: str, ids: Sequence[str]
) -> dict[str, list[dict[str, str]]]:
    """Return `{id: [{system, value}, ...]}` of those records that carry any."""
    if not ids:
        return {}
    by_record: dict[str, list[dict[str, str]]] = {}
    rows = db.execute(
        select(_table.c.resource_id, _table.c.system, _table.c.value).where(
            _table.c.practice_id == practice_id,
            _table.c.kind == kind,
            _table.c.resource_id.in_(ids),
        )
    )
    # Sorted here: databases compare texts by rules of their own.
    for resource_id, system, value in sorted(map(tuple, rows)):
        by_record.setdefault(resource_id, []).append({"system": system, "value": value})
    return by_record


def clear(db: Connection, *, practice_id: str, kind: str, resource_id: str) -> None:
    """Take all identifiers off a record."""
    db.execute(
        delete(_table).where(
            _table.c.practice_id == practice_id,
            _table.c.kind == kind,
            _table.c.resource_id == resource_id,
        )
    )


def add(
    db: Connection,
    *,
    practice_id: str,
    kind: str,
    resource_id: str,
    identifiers: Sequence[dict[str, str]],
) -> None:
    """Give a record these identifiers."""
    if identifiers:
        scope = {"practice_id": practice_id, "kind": kind, "resource_id": resource_id}
        db.execute(insert(_table), [scope | named for named in identifiers])
