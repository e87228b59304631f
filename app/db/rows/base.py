"""What the types of rows share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias, TypedDict

# What a JSON column holds whose inside nothing here relies on.
JsonValue: TypeAlias = Any
JsonObject: TypeAlias = dict[str, JsonValue]

# `{field: [before, after]}`, as the audit log tells of a change.
Changes: TypeAlias = dict[str, list[JsonValue]]


class StampedRow(TypedDict):
    created_at: datetime
    updated_at: datetime
    version: int


class RowOfPractice(StampedRow):
    practice_id: str
    id: str
