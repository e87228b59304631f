"""Claims on idempotency keys and the answers kept with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from app.db.models import Idempotency
from app.db.queries.records import Record, table_of

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
# It changes nothing, and yet makes the transaction one that writes: see `replay`.
_TOUCH = (
    update(_table)
    .where(_table.c.practice_id == bindparam("of_practice"), _table.c.key == bindparam("of_key"))
    .values(created_at=_table.c.created_at)
    .returning(*_table.c)
)
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


def replay(db: Connection, *, practice_id: str, key: str) -> Record | None:
    """Return the claim with its answer, which may be told once the transaction is committed.

    What others committed can be read before the replica has it. The commit of a transaction that
    wrote something waits for the replica to have that, and all that went before. The row lock of a
    claim that failed has the same effect today, which is promised nowhere.
    """
    row = db.execute(_TOUCH, {"of_practice": practice_id, "of_key": key}).mappings().first()
    return dict(row) if row else None


def keep(db: Connection, *, practice_id: str, key: str, **answer: Any) -> None:
    """Put the answer to the claim."""
    db.execute(_KEEP, {**answer, "of_practice": practice_id, "of_key": key})


def forget(db: Connection, *, before: datetime) -> int:
    """Delete claims of all practices made before an instant; return how many."""
    return db.execute(delete(_table).where(_table.c.created_at < before)).rowcount
