"""Searching text for what someone typed, literally."""

from __future__ import annotations

from sqlalchemy import ColumnElement


def contains(column: ColumnElement[str], typed: str) -> ColumnElement[bool]:
    """Return the condition that the column contains the text; `%` and `_` mean themselves."""
    return column.contains(typed, autoescape=True)
