"""Other systems' identifiers on our records."""

from __future__ import annotations

from collections.abc import Sequence

from app.db.engine.engine import Connection
from app.db.engine.integrity import unique_violation_as_contended
from app.db.queries.patients import identifiers as rows
from app.db.rows.base import Changes
from app.domain.access.access import Actor
from app.domain.errors import Duplicate

Named = tuple[str, str]


def put(
    db: Connection,
    *,
    kind: str,
    id: str,
    identifiers: Sequence[Named],
    by: Actor,
    new: bool = False,
) -> Changes:
    """Make these the record's identifiers and return the change for its audit row, if any.

    One that another record carries is a `Duplicate`. A `new` record has none yet.
    """
    scope = {"practice_id": by.practice_id, "kind": kind}
    before = [] if new else rows.of(db, **scope, ids=[id]).get(id, [])
    after = as_shown(identifiers)
    if before == after:
        return {}
    for named in after:
        holder = None if named in before else rows.holder(db, **scope, **named)
        if holder and holder != id:
            raise Duplicate(
                "Another record has this identifier; existing_id names it.", existing_id=holder
            )
    with unique_violation_as_contended():
        if before:
            rows.clear(db, **scope, resource_id=id)
        rows.add(db, **scope, resource_id=id, identifiers=after)
    return {"identifiers": [before or None, after or None]}


def as_shown(identifiers: Sequence[Named]) -> list[dict[str, str]]:
    """Return them in the order and form in which they are read and shown."""
    return [{"system": system, "value": value} for system, value in sorted(identifiers)]


def find(db: Connection, *, kind: str, identifiers: Sequence[Named], by: Actor) -> str | None:
    """Return the id of the record that carries one of them."""
    for system, value in identifiers:
        holder = rows.holder(db, practice_id=by.practice_id, kind=kind, system=system, value=value)
        if holder:
            return holder
    return None


def joined(
    db: Connection, *, kind: str, id: str, identifiers: Sequence[Named], by: Actor
) -> list[Named]:
    """Return the record's identifiers together with these."""
    held = rows.of(db, practice_id=by.practice_id, kind=kind, ids=[id]).get(id, [])
    kept = [(named["system"], named["value"]) for named in held]
    return list(dict.fromkeys([*kept, *identifiers]))
