"""Closures: days that end after they begin, of a place and a person that exist."""

from __future__ import annotations

from typing import Any

from app.db.base import Base
from app.db.engine.engine import Connection
from app.db.models import Location, Practitioner
from app.db.queries import table_rows
from app.db.rows.scheduling import ClosureValues
from app.domain.errors import Invalid

_NAMED: dict[str, type[Base[Any]]] = {"location_id": Location, "practitioner_id": Practitioner}


def check(db: Connection, *, values: ClosureValues, practice_id: str) -> None:
    """Refuse closed days that end before they begin, or name a place or person not there."""
    if values["ends_on"] < values["starts_on"]:
        raise Invalid(("/until", "lies before the closure begins"))
    for name, model in _NAMED.items():
        id = values.get(name)
        if (
            isinstance(id, str)
            and table_rows.get(db, model, practice_id=practice_id, id=id) is None
        ):
            raise Invalid((f"/{name}", "no such record in this practice"))
