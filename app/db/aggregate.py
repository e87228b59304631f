"""Rows of a subquery as one JSON value, on both databases: one round trip for a whole history."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, FromClause, Select, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import GenericFunction


class json_rows(GenericFunction[Any]):  # noqa: N801 - the name of the SQL function
    """`json_rows(a, b, ...)`: every row as `[a, b, ...]`, all rows in one JSON list."""

    type = JSON()
    inherit_cache = True


@compiles(json_rows, "postgresql")
def _postgresql(element: json_rows, compiler: Any, **kw: Any) -> str:
    columns = compiler.process(element.clauses, **kw)
    return f"json_agg(json_build_array({columns}))"


@compiles(json_rows, "sqlite")
def _sqlite(element: json_rows, compiler: Any, **kw: Any) -> str:
    columns = compiler.process(element.clauses, **kw)
    return f"json_group_array(json_array({columns}))"


def rows_of(source: FromClause, *columns: ColumnElement[Any], where: Any) -> Any:
    """Return a scalar subquery with the matching rows of `source` as one JSON list."""
    statement: Select[Any] = select(json_rows(*columns)).select_from(source).where(where)
    return statement.correlate_except(source).scalar_subquery()


def day(value: str | None) -> date | None:
    """Return a date read from such a list."""
    return date.fromisoformat(value) if value else None


def instant(value: str) -> datetime:
    """Return an aware instant read from such a list; SQLite's text is UTC without saying so."""
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
