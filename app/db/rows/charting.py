"""Rows of a practice's own protocol versions."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from app.db.rows.base import JsonObject, RowOfPractice


class ProtocolVersionValues(TypedDict, total=False):
    code: str
    number: int
    definition: JsonObject
    published_at: datetime | None


class ProtocolVersionRow(RowOfPractice):
    code: str
    number: int
    definition: JsonObject
    published_at: datetime | None
