"""Places, people and closed days of a practice."""

from __future__ import annotations

from datetime import datetime

from app.db.base import Base
from app.db.engine import Connection
from app.db.models import Closure, Location, Practitioner
from app.db.queries import records as rows
from app.db.queries.records import Record
from app.domain.access import Actor
from app.domain.errors import Invalid
from app.services import records

_NAMED: dict[str, type[Base]] = {"location_id": Location, "practitioner_id": Practitioner}


def close(db: Connection, *, values: Record, by: Actor, now: datetime) -> Record:
    """Record closed days of a place, a person, both, or (neither named) the whole practice."""
    _check_closure(db, values, by)
    return records.create(db, Closure, values, kind="closure", by=by, now=now)


def change_closure(
    db: Connection, *, closure: Record, values: Record, by: Actor, now: datetime
) -> Record:
    """Change closed days."""
    _check_closure(db, closure | values, by)
    return records.change(db, Closure, closure, values, kind="closure", by=by, now=now)


def _check_closure(db: Connection, values: Record, by: Actor) -> None:
    if values["ends_on"] < values["starts_on"]:
        raise Invalid(("/until", "lies before the closure begins"))
    for name, model in _NAMED.items():
        id = values.get(name)
        if id and rows.get(db, model, practice_id=by.practice_id, id=id) is None:
            raise Invalid((f"/{name}", "no such record in this practice"))
