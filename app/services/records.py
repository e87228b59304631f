"""Create and change a practice's records, each with its audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from app.db.base import Base, OfPractice
from app.db.engine.engine import Connection
from app.db.queries import table_rows
from app.db.rows.base import Changes, Fields, OwnRow, Row, Values
from app.domain.access.access import Actor
from app.domain.errors import Contended, NotFound
from app.domain.ids import new_id
from app.services import identifiers
from app.services.audit import audit
from app.services.identifiers import Named


def load(
    db: Connection, model: type[Base[Row]], *, practice_id: str, id: str, locked: bool = False
) -> Row:
    """Return the record; `NotFound` when the practice has none of that id."""
    record = table_rows.get(db, model, practice_id=practice_id, id=id, locked=locked)
    if record is None:
        raise NotFound()
    return record


def create(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    values: Values,
    *,
    kind: str,
    by: Actor,
    now: datetime,
    action: str = "create",
    id: str | None = None,
    patient_id: str | None = None,
    identified: Sequence[Named] = (),
) -> OwnRow:
    """Insert a record of the actor's practice and return it as it stands.

    `id` is for whoever had to know it before; without one it is made here.
    """
    record = table_rows.new(
        model, values, practice_id=by.practice_id, id=id or new_id(now), now=now
    )
    table_rows.add(db, model, record)
    changes = audit.made(values)
    if identified:
        changes |= identifiers.put(
            db, kind=kind, id=record["id"], identifiers=identified, by=by, new=True
        )
    audit.record(
        db,
        by=by,
        now=now,
        action=f"{kind}.{action}",
        kind=kind,
        id=record["id"],
        patient_id=patient_id,
        changes=changes,
    )
    return record


def change(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    record: OwnRow,
    values: Values,
    *,
    kind: str,
    by: Actor,
    now: datetime,
    action: str = "change",
    patient_id: str | None = None,
    identified: Sequence[Named] | None = None,
) -> OwnRow:
    """Save what differs and return the record as it stands; nothing different saves nothing.

    Identifiers belong to the record: other ones are a new version of it. None leaves them.
    """
    changes = audit.changed(record, values)
    if identified is not None:
        changes |= identifiers.put(db, kind=kind, id=record["id"], identifiers=identified, by=by)
    if not changes:
        return record
    before: Fields = record
    saved = cast(
        "Values", {name: value for name, value in values.items() if before.get(name) != value}
    )
    changed = _saved(db, model, record, saved, by=by, now=now)
    audit.record(
        db,
        by=by,
        now=now,
        action=f"{kind}.{action}",
        kind=kind,
        id=record["id"],
        patient_id=patient_id,
        changes=changes,
    )
    return changed


def touch(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    record: OwnRow,
    *,
    kind: str,
    action: str,
    changes: Changes,
    by: Actor,
    now: datetime,
) -> OwnRow:
    """Note an act upon a record that changes none of its fields: a new version of it.

    `changes` says what it changed elsewhere, for the audit row.
    """
    changed = _saved(db, model, record, cast("Values", {}), by=by, now=now)
    audit.record(
        db, by=by, now=now, action=f"{kind}.{action}", kind=kind, id=record["id"], changes=changes
    )
    return changed


def _saved(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    record: OwnRow,
    values: Values,
    *,
    by: Actor,
    now: datetime,
) -> OwnRow:
    """Save the values as the record's next version, which is returned."""
    version = record["version"]
    if not table_rows.change(
        db,
        model,
        practice_id=by.practice_id,
        id=record["id"],
        version=version,
        values=values,
        now=now,
    ):
        raise Contended()
    return cast("OwnRow", {**record, **values, "updated_at": now, "version": version + 1})
