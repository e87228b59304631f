"""The people of a practice: the list of them, and who of them administers it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from app.db.models import Staff
from app.db.queries.table_rows import every, table_of
from app.db.rows.access import StaffRow

_table = table_of(Staff)


def of_practice(db: Connection, *, practice_id: str) -> list[StaffRow]:
    """Return everyone, inactive ones too."""
    rows = db.execute(
        select(_table).where(_table.c.practice_id == practice_id).order_by(_table.c.id)
    )
    return every(rows, StaffRow)


def active_locked(db: Connection, *, practice_id: str) -> list[StaffRow]:
    """Return those who are active, locked against changes until this transaction ends."""
    rows = db.execute(
        select(_table)
        .where(_table.c.practice_id == practice_id, _table.c.active.is_(True))
        .order_by(_table.c.id)  # all take them in one order, so that none waits in a circle
        .with_for_update(key_share=True)
    )
    return every(rows, StaffRow)
