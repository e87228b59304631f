"""Create and change a practice's records, each with its audit row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.db.base import Base
from app.db.engine.engine import Connection
from app.db.engine.integrity import unique_violation_as_contended
from app.db.queries import table_rows
from app.db.queries.table_rows import Record
from app.domain.access.access import Actor
from app.domain.errors import Contended, NotFound
from app.domain.ids import new_id
from app.services import identifiers
from app.services.audit import audit
from app.services.identifiers import Named


def load(
    db: Connection, model: type[Base], *, practice_id: str, id: str, locked: bool = False
) -> Record:
    """Return the record; `NotFound` when the practice has none of that id."""
    record = table_rows.get(db, model, practice_id=practice_id, id=id, locked=locked)
    if record is None:
        raise NotFound()
    return record


def create(
    db: Connection,
    model: type[Base],
    values: Record,
    *,
    kind: str,
    by: Actor,
    now: datetime,
    action: str = "create",
    patient_id: str | None = None,
    identified: Sequence[Named] = (),
) -> Record:
    """Insert a record of the actor's practice and return it as it stands."""
    record = table_rows.blank(model) | values
    record |= {
        "practice_id": by.practice_id,
        "id": values.get("id") or new_id(now),
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    with unique_violation_as_contended():
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
    model: type[Base],
    record: Record,
    values: Record,
    *,
    kind: str,
    by: Actor,
    now: datetime,
    action: str = "change",
    patient_id: str | None = None,
    identified: Sequence[Named] | None = None,
) -> Record:
    """Save what differs and return the record as it stands; nothing different saves nothing.

    Identifiers belong to the record: other ones are a new version of it. None leaves them.
    """
    changes = audit.changed(record, values)
    if identified is not None:
        changes |= identifiers.put(db, kind=kind, id=record["id"], identifiers=identified, by=by)
    if not changes:
        return record
    saved = {name: values[name] for name in values if record.get(name) != values[name]}
    saved["updated_at"] = now
    if not table_rows.change(
        db,
        model,
        practice_id=by.practice_id,
        id=record["id"],
        version=record["version"],
        values=saved,
    ):
        raise Contended()
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
    return record | saved | {"version": record["version"] + 1}


def touch(
    db: Connection,
    model: type[Base],
    record: Record,
    *,
    kind: str,
    action: str,
    changes: Mapping[str, Any],
    by: Actor,
    now: datetime,
) -> Record:
    """Note an act upon a record that changes none of its fields: a new version of it.

    `changes` says what it changed elsewhere, for the audit row.
    """
    saved = {"updated_at": now}
    if not table_rows.change(
        db,
        model,
        practice_id=by.practice_id,
        id=record["id"],
        version=record["version"],
        values=saved,
    ):
        raise Contended()
    audit.record(
        db, by=by, now=now, action=f"{kind}.{action}", kind=kind, id=record["id"], changes=changes
    )
    return record | saved | {"version": record["version"] + 1}
