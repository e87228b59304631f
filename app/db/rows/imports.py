"""Rows of imports and of what each line held."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from app.db.rows.base import RowOfPractice


class RemarkJson(TypedDict):
    """A remark about a row of the file, as it is kept."""

    line: int
    column: str | None
    code: str
    message: str


class ImportBatchValues(TypedDict, total=False):
    file_name: str
    file_hash: str
    accepted: int
    skipped: int
    rejected: list[RemarkJson]
    warnings: list[RemarkJson]
    created: dict[str, list[str]]
    by_name: str
    reverted_at: datetime | None


class ImportBatchRow(RowOfPractice):
    file_name: str
    file_hash: str
    accepted: int
    skipped: int
    rejected: list[RemarkJson]
    warnings: list[RemarkJson]
    created: dict[str, list[str]]
    by_name: str
    reverted_at: datetime | None


class ImportedLineRow(TypedDict):
    practice_id: str
    import_id: str
    line: int
    session_id: str
    kept: dict[str, str]
