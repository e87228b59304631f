"""The audit log as it is read: by filters, and as one patient's disclosures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from app.db.engine.engine import Connection
from app.db.queries.audit import audit as rows
from app.db.queries.table_rows import Record
from app.domain.dates import day_begins
from app.services.audit import audit

# Kinds whose changes say nothing of a patient; whoever may read the log may read these.
_ADMINISTRATIVE = frozenset(
    {"practice", "location", "practitioner", "closure", "protocol"}
    | {"staff", "api_key", "client", "issuer", "issuer_subject", "sandbox"}
)
# Events of a patient's report read in one statement.
_BATCH_SIZE = 1_000


def instants(
    since: date | None, until: date | None, zone: str
) -> tuple[datetime | None, datetime | None]:
    """Return where a range of days, both of them in it, begins and ends in a time zone."""
    return (
        day_begins(since, zone) if since else None,
        day_begins(until + timedelta(1), zone) if until else None,
    )


def shown(event: Record, *, patients: bool) -> Record:
    """Return an event as it is shown.

    What changed in a patient's record is shown only when `patients` says that the reader may
    read those: an auditor sees that something was changed, by whom and when.
    """
    open_to_all = patients or event["resource_type"] in _ADMINISTRATIVE
    return {
        "id": event["id"],
        "at": event["at"],
        "by": {"type": event["by_type"], "id": event["by_id"], "name": event["by_name"]},
        "credential_id": event["credential_id"],
        "address": event["address"],
        "action": event["action"],
        "outcome": event["outcome"],
        "reason": event["reason"],
        "resource": {"type": event["resource_type"], "id": event["resource_id"]},
        "patient_ids": patients_of(event),
        "request_id": event["request_id"],
        "changes": event["changes"] if open_to_all else None,
    }


def shows_patients(event: Record) -> bool:
    """Return whether its changes, when they are shown, show something of a patient."""
    return bool(event["changes"]) and event["resource_type"] not in _ADMINISTRATIVE


def patients_of(event: Record) -> list[str]:
    """Return whom the event is about: one patient, or all those of a list."""
    one = event["patient_id"]
    return [one] if one else audit.unpacked(event["patients"])


def disclosures(
    db: Connection,
    *,
    practice_id: str,
    patient_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int,
) -> list[Record]:
    """Return who was shown or changed something of the patient, the newest first.

    `patients` counts those of the same list: 1 when it was about this patient alone.
    """
    events = rows.page(
        db,
        practice_id=practice_id,
        since=since,
        until=until,
        outcomes=(audit.DONE, audit.SHOWN),
        patient_id=patient_id,
        before=before,
        limit=limit,
    )
    return [_disclosed(event) for event in events]


def _disclosed(event: Record) -> dict[str, Any]:
    fields = shown(event, patients=False)
    names = ("id", "at", "by", "credential_id", "address", "action", "reason", "resource")
    return {
        **{name: fields[name] for name in names},
        "what": "changed" if event["outcome"] == audit.DONE else "shown",
        "request_id": event["request_id"],
        "patients": len(fields["patient_ids"]),
    }


def every_disclosure(
    db: Connection,
    *,
    practice_id: str,
    patient_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Record]:
    """Return all of them, the newest first, read as they are asked for."""
    return _every(
        lambda before: disclosures(
            db,
            practice_id=practice_id,
            patient_id=patient_id,
            since=since,
            until=until,
            before=before,
            limit=_BATCH_SIZE,
        )
    )


def of_patient(db: Connection, *, practice_id: str, patient_id: str) -> Iterator[Record]:
    """Return every event about the patient with what it changed, the newest first.

    They are read in batches, so a caller that needs only the newest may stop early.
    """
    events = _every(
        lambda before: rows.page(
            db, practice_id=practice_id, patient_id=patient_id, before=before, limit=_BATCH_SIZE
        )
    )
    # Other patients whom the same list showed are left out.
    return (shown(event, patients=True) | {"patient_ids": [patient_id]} for event in events)


def _every(page: Callable[[str | None], list[Record]]) -> Iterator[Record]:
    """Yield what the pages hold, each read when the one before was taken."""
    before: str | None = None
    while True:
        events = page(before)
        yield from events
        if len(events) < _BATCH_SIZE:
            return
        before = events[-1]["id"]
