"""Rows of answers that a retried request gets again."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class IdempotencyRow(TypedDict):
    practice_id: str
    key: str
    fingerprint: bytes
    status: int | None
    location: str | None
    etag: str | None
    body: bytes | None
    created_at: datetime
