"""Rows of practices, their places and people, and of practices that left."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from app.db.rows.base import RowOfPractice, StampedRow


class PracticeValues(TypedDict, total=False):
    name: str
    time_zone: str
    min_interval_days: int
    early_tolerance_days: int
    overdue_after_days: int
    lapsed_after_days: int
    lead_days: int
    renewal_lead_days: int
    continuation_days: int
    early_booking: str
    booking_master: str
    cursor_key: bytes
    dates_revision: int
    settled_revision: int
    sandbox_of: str | None


class PracticeRow(StampedRow):
    id: str
    name: str
    time_zone: str
    min_interval_days: int
    early_tolerance_days: int
    overdue_after_days: int
    lapsed_after_days: int
    lead_days: int
    renewal_lead_days: int
    continuation_days: int
    early_booking: str
    booking_master: str
    cursor_key: bytes
    dates_revision: int
    settled_revision: int
    sandbox_of: str | None


class LocationValues(TypedDict, total=False):
    name: str
    time_zone: str
    active: bool


class LocationRow(RowOfPractice):
    name: str
    time_zone: str
    active: bool


class PractitionerValues(TypedDict, total=False):
    name: str
    npi: str | None
    active: bool


class PractitionerRow(RowOfPractice):
    name: str
    npi: str | None
    active: bool


class ErasureRow(TypedDict):
    practice_id: str
    started_at: datetime
    finished_at: datetime | None
    by_name: str
    export_sha256: str
    removed: dict[str, int]
    last_seal: str | None
