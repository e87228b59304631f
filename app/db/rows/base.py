"""What the types of rows share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypedDict, TypeVar

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


# Columns of any table with their values, for what treats all tables alike.
Fields: TypeAlias = Mapping[str, object]

Row = TypeVar("Row", bound=Fields)
OwnRow = TypeVar("OwnRow", bound=RowOfPractice)
Values = TypeVar("Values", bound=Fields)


def picked(row: Fields, names: Iterable[str]) -> dict[str, Any]:
    """Return these columns of a row, for an answer that shows them as they are."""
    return {name: row[name] for name in names}
