"""Practices and what stands for a whole practice: settings, closures."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Connection, bindparam, select, update

from app.db.aggregate import rows_of
from app.db.engine.prepared import Prepared
from app.db.models import Closure, Practice
from app.db.queries.scheduling.facts import read_closure
from app.db.queries.table_rows import PRACTICE_ID, first, table_of
from app.db.queries.table_rows import every as every_row
from app.db.rows.practice import PracticeRow, PracticeValues
from app.domain.scheduling.worklist import Closure as ClosureFact

_table, _closure = table_of(Practice), table_of(Closure)

_GET = select(_table).where(_table.c.id == PRACTICE_ID)
_CHANGE = update(_table).where(
    _table.c.id == bindparam("of_id"), _table.c.version == bindparam("of_version")
)
_SETTLED = update(_table).where(_table.c.id == bindparam("of_id"))
_COLUMNS = tuple(column.name for column in _table.c)
_WITH_CLOSURES = Prepared(
    select(
        _table,
        rows_of(
            _closure,
            _closure.c.starts_on,
            _closure.c.ends_on,
            _closure.c.location_id,
            _closure.c.practitioner_id,
            where=_closure.c.practice_id == PRACTICE_ID,
        ).label("closures"),
    ).where(_table.c.id == PRACTICE_ID)
)


def get(db: Connection, *, practice_id: str) -> PracticeRow | None:
    """Return the practice."""
    return first(db.execute(_GET, {"practice_id": practice_id}), PracticeRow)


def with_closures(db: Connection, *, practice_id: str) -> tuple[PracticeRow, list[ClosureFact]]:
    """Return the practice and its closed days, in one statement."""
    [(*values, closures)] = _WITH_CLOSURES.rows(db, {"practice_id": practice_id})
    practice = cast("PracticeRow", dict(zip(_COLUMNS, values, strict=True)))
    return practice, [read_closure(c) for c in closures or ()]


def change(
    db: Connection, *, practice_id: str, version: int, values: PracticeValues, now: datetime
) -> bool:
    """Update the practice if it still has `version`; return whether it had."""
    scope = {"of_id": practice_id, "of_version": version}
    changed = {**values, "updated_at": now, "version": version + 1, **scope}
    return db.execute(_CHANGE, changed).rowcount == 1


def every(db: Connection) -> list[PracticeRow]:
    """Return all practices: for commands on the whole database, never for a request."""
    return every_row(db.execute(select(_table).order_by(_table.c.id)), PracticeRow)


def sandbox(db: Connection, *, practice_id: str) -> PracticeRow | None:
    """Return the sandbox of the practice, which is a practice of its own (scope: DIRECTORY)."""
    return first(db.execute(select(_table).where(_table.c.sandbox_of == practice_id)), PracticeRow)


def waiting(db: Connection) -> list[str]:
    """Return the practices in which courses may wait for their dates to be recomputed."""
    unsettled = _table.c.settled_revision < _table.c.dates_revision
    return list(db.scalars(select(_table.c.id).where(unsettled)))


def settled(db: Connection, *, practice_id: str, revision: int) -> None:
    """Note that no course waits for a revision up to this one."""
    db.execute(_SETTLED, {"of_id": practice_id, "settled_revision": revision})
