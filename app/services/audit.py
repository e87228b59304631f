"""The audit row of every change, written in the change's own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from app.db.engine import Connection
from app.db.models import AuditEvent
from app.db.queries import records
from app.domain.access import Actor
from app.domain.ids import new_id

# Fields that say nothing of their own: the event has its own time, versions only count, and
# sort and search keys are made from fields that are told.
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
    changes: Mapping[str, Any],
) -> None:
    """Write who did what to which record, with `{field: [before, after]}`."""
    records.add(
        db,
        AuditEvent,
        event(
            by=by, now=now, action=action, kind=kind, id=id, patient_id=patient_id, changes=changes
        ),
    )


def event(
    *,
    by: Actor,
    now: datetime,
    action: str,
    kind: str,
    id: str,
    patient_id: str | None,
    changes: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the audit row, for writers that save many at once."""
    return {
        "practice_id": by.practice_id,
        "id": new_id(now),
        "at": now,
        "by_type": by.type,
        "by_id": by.id,
        "by_name": by.name,
        "action": action,
        "resource_type": kind,
        "resource_id": id,
        "patient_id": patient_id,
        "request_id": by.request_id,
        "changes": changes,
    }


def made(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the changes of a new record: from nothing to what it holds, hashes and keys apart."""
    return {
        name: [None, _plain(value)]
        for name, value in values.items()
        if value is not None and name not in _SILENT and not isinstance(value, bytes)
    }


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, list[Any]]:
    """Return the fields whose value differs, with both values."""
    return {
        name: [_plain(before.get(name)), _plain(after[name])]
        for name in (names or after)
        if name not in _SILENT and before.get(name) != after[name]
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
