"""API keys by their hash, and a practice's list of them."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from app.db.models import ApiKey, Practice
from app.db.queries.records import Record, table_of

_table, _practice = table_of(ApiKey), table_of(Practice)

_LIVE = (
    select(
        _table.c.id,
        _table.c.practice_id,
        _table.c.name,
        _table.c.prefix,
        _practice.c.time_zone,
        _practice.c.name.label("practice_name"),
    )
    .join(_practice, _practice.c.id == _table.c.practice_id)
    .where(_table.c.key_hash == bindparam("key_hash"), _table.c.revoked_at.is_(None))
)


def live(db: Connection, *, key_hash: bytes) -> Record | None:
    """Return the key with this hash and its practice: where a practice is first known."""
    row = db.execute(_LIVE, {"key_hash": key_hash}).mappings().first()
    return dict(row) if row else None


def of_practice(db: Connection, *, practice_id: str) -> list[Record]:
    """Return the practice's keys, revoked ones too, without their hashes."""
    rows = db.execute(
        select(
            _table.c.id, _table.c.name, _table.c.prefix, _table.c.created_at, _table.c.revoked_at
        )
        .where(_table.c.practice_id == practice_id)
        .order_by(_table.c.id)
    )
    return [dict(row) for row in rows.mappings()]
