"""Rows of the audit log and of its seals."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from app.db.rows.base import Changes


class AuditEventRow(TypedDict):
    practice_id: str
    id: str
    at: datetime
    by_type: str
    by_id: str | None
    by_name: str
    credential_id: str | None
    address: str | None
    action: str
    outcome: str
    reason: str | None
    resource_type: str
    resource_id: str | None
    patient_id: str | None
    patients: bytes | None
    request_id: str | None
    changes: Changes


class AuditSealRow(TypedDict):
    practice_id: str
    number: int
    sealed_at: datetime
    entries: bytes
    digest: bytes
