"""The few statements that nearly every request sends, run on the driver's own cursor.

They are Core statements like all others: their types, their errors and their events are
SQLAlchemy's. What it does around each execution (find the compiled form, have the driver
describe its columns, make an object of every row) is done once here instead: that was a fifth
of the CPU of a worklist page, and a sixth of a session's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, Insert, Select, TypeDecorator, Update, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from app.db.engine import guard, postgresql

_Convert = Callable[[Any], Any]


class _Plan(NamedTuple):
    """A statement as one dialect wants it."""

    sql: str
    order: tuple[str, ...] | None  # names of positional parameters; None where they go by name
    constants: dict[str, Any]
    writers: list[tuple[str, _Convert]]
    readers: list[tuple[int, _Convert]]
    reach: guard.Reach


class Prepared:
    """A statement whose parameters are all single values, each of them given every time."""

    def __init__(self, statement: Select[Any] | Insert | Update) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def rows(self, db: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Return the rows as plain sequences, in the order of the statement's columns."""
        plan = self._plan(db)
        cursor = _executed(db, plan, values)
        rows: list[Any] = cursor.fetchall()
        cursor.close()
        return [_read(row, plan.readers) for row in rows] if plan.readers else rows

    def run(self, db: Connection, values: Mapping[str, Any]) -> int:
        """Insert or update, and return how many rows that were."""
        cursor = _executed(db, self._plan(db), values)
        count = int(cursor.rowcount)
        cursor.close()
        return count

    def _plan(self, db: Connection) -> _Plan:
        plan = self._plans.get(db.dialect.name)
        if plan is None:
            plan = self._plans[db.dialect.name] = _plan(self._statement, db.dialect)
        return plan


def _executed(db: Connection, plan: _Plan, values: Mapping[str, Any]) -> Any:
    named = {**plan.constants, **values}
    written = {**named, **{name: write(named[name]) for name, write in plan.writers}}
    sent: Any = written if plan.order is None else [written[name] for name in plan.order]
    guard.check(plan.reach, (named,), db.info.get("scope"))
    cursor: Any = db.connection.cursor()
    for listener in db.dispatch.before_cursor_execute:
        listener(db, cursor, plan.sql, sent, None, False)
    driver: Any = db.dialect.dbapi
    try:
        cursor.execute(plan.sql, sent)
    except driver.Error as error:
        if isinstance(error, psycopg.Error):
            postgresql.silence(error)
        raise DBAPIError.instance(
            None, None, error, driver.Error, hide_parameters=True, dialect=db.dialect
        ) from error
    return cursor


def _plan(statement: Select[Any] | Insert | Update, dialect: Dialect) -> _Plan:
    compiled: Any = statement.compile(dialect=dialect)
    constants: dict[str, Any] = {}
    writers: list[tuple[str, _Convert]] = []
    for name, bind in compiled.binds.items():
        if bind.expanding or bind.literal_execute:
            raise ValueError("a prepared statement takes single values only")
        if not bind.required:
            constants[name] = bind.effective_value
        write = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if write is not None:
            writers.append((name, write))
    readers: list[tuple[int, _Convert]] = []
    columns = statement.selected_columns if isinstance(statement, Select) else ()
    for position, column in enumerate(columns):
        kind: Any = column.type.dialect_impl(dialect)
        read = kind.result_processor(dialect, None)
        stored = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
        # Ids come from the PostgreSQL driver as text already.
        if read is not None and not isinstance(stored, Uuid):
            readers.append((position, read))
    order = tuple(compiled.positiontup) if compiled.positional else None
    reach = guard.reach_of(compiled)
    return _Plan(compiled.string, order, constants, writers, readers, reach)


def _read(row: Any, readers: list[tuple[int, _Convert]]) -> list[Any]:
    values = list(row)
    for position, read in readers:
        values[position] = read(values[position])
    return values
