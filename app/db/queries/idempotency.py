"""Claims on idempotency keys and the answers kept with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.db.models import Idempotency
from app.db.queries.table_rows import PRACTICE_ID, first, table_of
from app.db.rows.requests import IdempotencyRow

_table = table_of(Idempotency)


def _upsert(insert: Any) -> Any:
    fresh = {c: insert.excluded[c] for c in ("fingerprint", "created_at")}
    return insert.on_conflict_do_update(
        index_elements=["practice_id", "key"],
        set_={**fresh, "status": None, "location": None, "etag": None, "body": None},
        where=_table.c.created_at < bindparam("forgotten_before", type_=_table.c.created_at.type),
    )


_CLAIM = {
    "postgresql": _upsert(postgresql.insert(_table)),
    "sqlite": _upsert(sqlite.insert(_table)),
}
_GET = select(_table).where(_table.c.practice_id == PRACTICE_ID, _table.c.key == bindparam("key"))
_KEEP = update(_table).where(
    _table.c.practice_id == bindparam("of_practice"), _table.c.key == bindparam("of_key")
)


def claim(
    db: Connection,
    *,
    practice_id: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    forgotten_before: datetime,
) -> bool:
    """Take the key unless a younger claim holds it; waits for one not committed yet."""
    values = {
        "practice_id": practice_id,
        "key": key,
        "fingerprint": fingerprint,
        "created_at": now,
        "forgotten_before": forgotten_before,
    }
    # Without the option the count of an INSERT is not kept on PostgreSQL.
    counted = {"preserve_rowcount": True}
    return db.execute(_CLAIM[db.dialect.name], values, execution_options=counted).rowcount == 1


def get(db: Connection, *, practice_id: str, key: str) -> IdempotencyRow | None:
    """Return the claim with its answer."""
    return first(db.execute(_GET, {"practice_id": practice_id, "key": key}), IdempotencyRow)


def keep(db: Connection, *, practice_id: str, key: str, **answer: Any) -> None:
    """Put the answer to the claim."""
    db.execute(_KEEP, {**answer, "of_practice": practice_id, "of_key": key})


def forget(db: Connection, *, practice_id: str, before: datetime) -> int:
    """Delete the claims made before an instant; return how many."""
    old = (_table.c.practice_id == practice_id, _table.c.created_at < before)
    return db.execute(delete(_table).where(*old)).rowcount


def any_before(db: Connection, *, practice_id: str, before: datetime) -> bool:
    """Return whether there is a claim made before an instant."""
    old = (_table.c.practice_id == practice_id, _table.c.created_at < before)
    return db.scalar(select(_table.c.key).where(*old).limit(1)) is not None
