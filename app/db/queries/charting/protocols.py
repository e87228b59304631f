"""Protocol versions: those that ship with the program, and a practice's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, func, select

from app.data import builtin_protocols
from app.db.models import ProtocolVersion
from app.db.queries.table_rows import every, first, table_of
from app.db.rows.charting import ProtocolVersionRow
from app.domain.charting.protocol import Protocol

_table = table_of(ProtocolVersion)

# By code and number. Every practice has them, and no table holds them: they are files.
BUILT_IN: Final[Mapping[tuple[str, int], Protocol]] = MappingProxyType(
    {(p.code, p.version): p for p in builtin_protocols()}
)


def version(
    db: Connection, *, practice_id: str, code: str, number: int
) -> ProtocolVersionRow | None:
    """Return one version, drafts included."""
    found = db.execute(
        select(_table).where(
            _table.c.practice_id == practice_id,
            _table.c.code == code,
            _table.c.number == number,
        )
    )
    return first(found, ProtocolVersionRow)


def latest(db: Connection, *, practice_id: str, code: str) -> int | None:
    """Return the highest version number of that code, drafts included."""
    number: int | None = db.scalar(
        select(func.max(_table.c.number)).where(
            _table.c.practice_id == practice_id, _table.c.code == code
        )
    )
    return number


def latest_published(db: Connection, *, practice_id: str, code: str) -> int | None:
    """Return the highest published version number of that code."""
    number: int | None = db.scalar(
        select(func.max(_table.c.number)).where(
            _table.c.practice_id == practice_id,
            _table.c.code == code,
            _table.c.published_at.is_not(None),
        )
    )
    return number


def of_practice(db: Connection, *, practice_id: str) -> list[ProtocolVersionRow]:
    """Return all of the practice's own versions, by code and number."""
    rows = db.execute(
        select(_table)
        .where(_table.c.practice_id == practice_id)
        .order_by(_table.c.code, _table.c.number)
    )
    return every(rows, ProtocolVersionRow)
