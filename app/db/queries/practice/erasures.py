"""Erasures: a practice held alone, and the proof that stays."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from app.db.models import Erasure, Practice
from app.db.queries.table_rows import first, table_of
from app.db.rows.practice import ErasureRow, PracticeRow

_table, _practice = table_of(Erasure), table_of(Practice)


def alone(db: Connection, *, practice_id: str) -> PracticeRow | None:
    """Return the practice, held so that nothing can be added to it any more."""
    found = db.execute(select(_practice).where(_practice.c.id == practice_id).with_for_update())
    return first(found, PracticeRow)


def get(db: Connection, *, practice_id: str) -> ErasureRow | None:
    """Return the proof of a practice's erasure."""
    return first(db.execute(select(_table).where(_table.c.practice_id == practice_id)), ErasureRow)


def beside(db: Connection, *, practice_id: str, export_sha256: str) -> ErasureRow | None:
    """Return the proof of the sandbox that went with this practice."""
    found = db.execute(
        select(_table).where(
            _table.c.export_sha256 == export_sha256, _table.c.practice_id != practice_id
        )
    )
    return first(found, ErasureRow)


def begin(
    db: Connection, *, practice_id: str, by_name: str, export_sha256: str, now: datetime
) -> None:
    """Open an erasure: while it is open, the log of the practice lets its rows go."""
    row: ErasureRow = {
        "practice_id": practice_id,
        "started_at": now,
        "finished_at": None,
        "by_name": by_name,
        "export_sha256": export_sha256,
        "removed": {},
        "last_seal": None,
    }
    db.execute(insert(_table), row)


def finish(
    db: Connection,
    *,
    practice_id: str,
    removed: dict[str, int],
    last_seal: str | None,
    now: datetime,
) -> None:
    """Close it with what there is to prove."""
    proof = {"finished_at": now, "removed": removed, "last_seal": last_seal}
    db.execute(update(_table).where(_table.c.practice_id == practice_id).values(proof))
