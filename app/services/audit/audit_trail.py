"""The audit log as it is read: by filters, and as one patient's disclosures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from app.db.engine.engine import Connection
from app.db.queries.audit import audit as rows
from app.db.rows.audit import AuditEventRow
from app.db.rows.base import Changes
from app.domain.audit.events import Disclosed, Outcome
from app.domain.dates import day_begins
from app.services.audit import audit

# Kinds whose changes say nothing of a patient; whoever may read the log may read these.
_ADMINISTRATIVE = frozenset(
    {"practice", "location", "practitioner", "closure", "protocol"}
    | {"staff", "api_key", "client", "issuer", "issuer_subject", "sandbox"}
)
# Events of a patient's report read in one statement.
_BATCH_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class By:
    """Who acted: a member of staff, or the system a credential is named for."""

    type: str
    id: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """What was acted upon."""

    type: str
    id: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is shown; `changes` is None for who may not see them."""

    id: str
    at: datetime
    by: By
    credential_id: str | None
    address: str | None
    action: str
    outcome: str
    reason: str | None
    resource: Resource
    patient_ids: list[str]
    request_id: str | None
    changes: Changes | None


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Who was shown or changed something of one patient.

    `patients` counts those of the same list: 1 when it was about this patient alone.
    """

    id: str
    at: datetime
    by: By
    credential_id: str | None
    address: str | None
    action: str
    reason: str | None
    resource: Resource
    what: Disclosed
    request_id: str | None
    patients: int


def instants(
    since: date | None, until: date | None, zone: str
) -> tuple[datetime | None, datetime | None]:
    """Return where a range of days, both of them in it, begins and ends in a time zone."""
    return (
        day_begins(since, zone) if since else None,
        day_begins(until + timedelta(1), zone) if until else None,
    )


def shown(event: AuditEventRow, *, patients: bool) -> Entry:
    """Return an event as it is shown.

    What changed in a patient's record is shown only when `patients` says that the reader may
    read those: an auditor sees that something was changed, by whom and when.
    """
    open_to_all = patients or event["resource_type"] in _ADMINISTRATIVE
    return Entry(
        id=event["id"],
        at=event["at"],
        by=_by(event),
        credential_id=event["credential_id"],
        address=event["address"],
        action=event["action"],
        outcome=event["outcome"],
        reason=event["reason"],
        resource=_resource(event),
        patient_ids=patients_of(event),
        request_id=event["request_id"],
        changes=event["changes"] if open_to_all else None,
    )


def shows_patients(event: AuditEventRow) -> bool:
    """Return whether its changes, when they are shown, show something of a patient."""
    return bool(event["changes"]) and event["resource_type"] not in _ADMINISTRATIVE


def patients_of(event: AuditEventRow) -> list[str]:
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
) -> list[Disclosure]:
    """Return who was shown or changed something of the patient, the newest first."""
    found = _disclosing(
        db,
        practice_id=practice_id,
        patient_id=patient_id,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
    return [_disclosed(event) for event in found]


def _disclosing(
    db: Connection,
    *,
    practice_id: str,
    patient_id: str,
    since: datetime | None,
    until: datetime | None,
    before: str | None,
    limit: int,
) -> list[AuditEventRow]:
    return rows.page(
        db,
        practice_id=practice_id,
        since=since,
        until=until,
        outcomes=tuple(Outcome),
        patient_id=patient_id,
        before=before,
        limit=limit,
    )


def _disclosed(event: AuditEventRow) -> Disclosure:
    return Disclosure(
        id=event["id"],
        at=event["at"],
        by=_by(event),
        credential_id=event["credential_id"],
        address=event["address"],
        action=event["action"],
        reason=event["reason"],
        resource=_resource(event),
        what=Disclosed.CHANGED if event["outcome"] == Outcome.DONE else Disclosed.SHOWN,
        request_id=event["request_id"],
        patients=len(patients_of(event)),
    )


def _by(event: AuditEventRow) -> By:
    return By(event["by_type"], event["by_id"], event["by_name"])


def _resource(event: AuditEventRow) -> Resource:
    return Resource(event["resource_type"], event["resource_id"])


def every_disclosure(
    db: Connection,
    *,
    practice_id: str,
    patient_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Disclosure]:
    """Return all of them, the newest first, read as they are asked for."""
    found = _every(
        lambda before: _disclosing(
            db,
            practice_id=practice_id,
            patient_id=patient_id,
            since=since,
            until=until,
            before=before,
            limit=_BATCH_SIZE,
        )
    )
    return map(_disclosed, found)


def of_patient(db: Connection, *, practice_id: str, patient_id: str) -> Iterator[Entry]:
    """Return every event about the patient with what it changed, the newest first.

    They are read in batches, so a caller that needs only the newest may stop early.
    """
    events = _every(
        lambda before: rows.page(
            db, practice_id=practice_id, patient_id=patient_id, before=before, limit=_BATCH_SIZE
        )
    )
    # Other patients whom the same list showed are left out.
    return (replace(shown(event, patients=True), patient_ids=[patient_id]) for event in events)


def _every(page: Callable[[str | None], list[AuditEventRow]]) -> Iterator[AuditEventRow]:
    """Yield what the pages hold, each read when the one before was taken."""
    before: str | None = None
    while True:
        events = page(before)
        yield from events
        if len(events) < _BATCH_SIZE:
            return
        before = events[-1]["id"]
