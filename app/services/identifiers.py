"""Other systems' identifiers on our records."""

from __future__ import annotations

from collections.abc import Sequence

from app.db.engine import Connection
from app.db.integrity import losing_races
from app.db.queries import identifiers as rows
from app.domain.access import Actor
from app.domain.errors import Duplicate

Named = tuple[str, str]


def put(db: Connection, *, kind: str, id: str, identifiers: Sequence[Named], by: Actor) -> None:
    """Make these the record's identifiers; one that another record carries is a `Duplicate`."""
    for system, value in identifiers:
        holder = rows.holder(db, practice_id=by.practice_id, kind=kind, system=system, value=value)
        if holder and holder != id:
            raise Duplicate("Another record carries this identifier.", existing_id=holder)
    with losing_races():
        rows.replace(
            db, practice_id=by.practice_id, kind=kind, resource_id=id, identifiers=identifiers
        )
