"""The audit rows: of a change in its own transaction, of a read or refusal on their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.models import AuditEvent
from app.db.queries import table_rows
from app.db.queries.audit import audit as rows
from app.db.rows.audit import AuditEventRow
from app.db.rows.base import Changes, Fields, JsonValue
from app.domain.access.access import Actor
from app.domain.audit.events import Outcome
from app.domain.ids import new_id, pack, unpack

# Fields left out of `changes`: the event has its own time, versions only count, and sort and
# search keys are made from fields that are in it.
_SILENT = frozenset(
    {"practice_id", "id", "version", "created_at", "updated_at", "sort_at"}
    | {"mrn_key", "family_key", "search_key"}
)


def record(
    db: Connection,
    *,
    by: Actor,
    now: datetime,
    action: str,
    kind: str,
    id: str,
    patient_id: str | None = None,
    changes: Changes,
) -> None:
    """Write who did what to which record, with `{field: [before, after]}`."""
    one = event(
        by=by, now=now, action=action, kind=kind, id=id, patient_id=patient_id, changes=changes
    )
    db.info["audited"] = True
    table_rows.add(db, AuditEvent, one)


def append(db: Connection, events: Sequence[AuditEventRow]) -> None:
    """Add rows to the log and mark the transaction as audited."""
    db.info["audited"] = True
    if len(events) == 1:
        table_rows.add(db, AuditEvent, events[0])
    else:
        table_rows.add_all(db, AuditEvent, events)


def patients_of(db: Connection, *, practice_id: str, id: str | None) -> list[str]:
    """Return the patient that a record is about, as its own log tells; none for other records."""
    if id is None:
        return []
    patient_id = rows.patient_of(db, practice_id=practice_id, resource_id=id)
    return [patient_id] if patient_id else []


def event(
    *,
    by: Actor,
    now: datetime,
    action: str,
    kind: str,
    id: str | None,
    patient_id: str | None = None,
    changes: Changes | None = None,
    outcome: str = Outcome.DONE,
    reason: str | None = None,
    patients: bytes | None = None,
) -> AuditEventRow:
    """Return an audit row, to be saved with `append` or by the edge's audit log."""
    return {
        "practice_id": by.practice_id,
        "id": new_id(now),
        "at": now,
        "by_type": by.type,
        "by_id": by.id,
        "by_name": by.name,
        "credential_id": by.credential_id,
        "address": by.address,
        "action": action,
        "outcome": outcome,
        "reason": reason,
        "resource_type": kind,
        "resource_id": id,
        "patient_id": patient_id,
        "patients": patients,
        "request_id": by.request_id,
        "changes": {} if changes is None else changes,
    }


def packed(patient_ids: Iterable[str]) -> bytes:
    """Return the ids of a list's patients, each once, as they are stored: 16 bytes each."""
    return pack(dict.fromkeys(patient_ids))


def unpacked(patients: bytes | None) -> list[str]:
    """Return the ids that were packed."""
    return unpack(patients or b"")


def made(values: Fields) -> Changes:
    """Return the changes of a new record: from nothing to what it holds, hashes and keys apart."""
    return {
        name: [None, value.isoformat() if isinstance(value, datetime | date) else value]
        for name, value in values.items()
        if value is not None and name not in _SILENT and not isinstance(value, bytes)
    }


def changed(before: Fields, after: Fields, names: Iterable[str] | None = None) -> Changes:
    """Return the fields whose value differs, with both values."""
    return {
        name: [_plain(before.get(name)), _plain(after[name])]
        for name in (names or after)
        if name not in _SILENT and before.get(name) != after[name]
    }


def _plain(value: object) -> JsonValue:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
