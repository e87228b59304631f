"""Erasures: a practice held alone, and the proof that stays."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from app.db.models import Erasure, Practice
from app.db.queries.table_rows import Record, table_of

_table, _practice = table_of(Erasure), table_of(Practice)


def alone(db: Connection, *, practice_id: str) -> Record | None:
    """Return the practice, held so that nothing can be added to it any more."""
    row = db.execute(select(_practice).where(_practice.c.id == practice_id).with_for_update())
    found = row.mappings().first()
    return dict(found) if found else None


def get(db: Connection, *, practice_id: str) -> Record | None:
    """Return the proof of a practice's erasure."""
    row = db.execute(select(_table).where(_table.c.practice_id == practice_id)).mappings().first()
    return dict(row) if row else None


def beside(db: Connection, *, practice_id: str, export_sha256: str) -> Record | None:
    """Return the proof of the sandbox that went with this practice."""
    row = db.execute(
        select(_table).where(
            _table.c.export_sha256 == export_sha256, _table.c.practice_id != practice_id
        )
    )
    found = row.mappings().first()
    return dict(found) if found else None


def begin(db: Connection, *, practice_id: str, values: Record) -> None:
    """Open an erasure: while it is open, the log of the practice lets its rows go."""
    opened: Record = {"finished_at": None, "removed": {}, "last_seal": None}
    db.execute(insert(_table), opened | values | {"practice_id": practice_id})


def finish(db: Connection, *, practice_id: str, values: Record) -> None:
    """Close it with what there is to prove."""
    db.execute(update(_table).where(_table.c.practice_id == practice_id).values(values))
