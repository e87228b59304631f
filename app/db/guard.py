"""Refuse a statement on practice data that does not name the practice of its unit of work.

What row-level security does on PostgreSQL, done before the statement leaves on SQLite, which
has nothing like it. Both look at the same thing: every table of practice data in the statement
is tied, by its key, to the one practice that the unit of work is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, Delete, Insert, Select, Update
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping
from sqlalchemy.sql.selectable import Alias, Join, TableClause

from app.db.base import metadata
from app.db.scope import DIRECTORY, OWNER, Scope

# Tables of no practice: what is looked up before one is known, or after it is gone.
SHARED = frozenset({"credential", "erasure", "signing_key"})


class Unscoped(RuntimeError):
    """A fault of the program: its statement could have reached another practice's rows."""


def binds(statement: Any) -> frozenset[str] | None:
    """Return the names of the parameters that must hold the practice; None: it touches no data.

    Raises `Unscoped` when a table of the statement is not tied to one of them.
    """
    tables = _tables(statement)
    if not tables:
        return None
    if isinstance(statement, Insert):
        if statement.select is not None:
            raise Unscoped(f"rows are copied into {statement.table.name} by the database")
        return frozenset({"practice_id" if statement.table.name != "practice" else "id"})
    return _anchors(statement, tables)


def check(wanted: frozenset[str] | None, sent: Iterable[Mapping[str, Any]], scope: Scope) -> None:
    """Raise `Unscoped` unless every one of those parameters holds the practice of the scope."""
    if wanted is None or scope is OWNER:
        return
    for values in sent:
        for name in wanted:
            if values.get(name) != scope:
                raise Unscoped("a statement names another practice than its unit of work")


def check_text(text: str, scope: Scope) -> None:
    """Raise `Unscoped` for SQL as text that names a table of practice data."""
    if scope is not OWNER and _names().search(text):
        raise Unscoped("a statement on practice data must be built, so that it can be checked")


def check_compiled(compiled: Any, sent: Iterable[Mapping[str, Any]], scope: Scope) -> None:
    """Check a compiled statement with its parameters; what its tables need is found out once."""
    if scope is OWNER:
        return
    try:
        wanted = compiled.practice_binds
    except AttributeError:
        wanted = compiled.practice_binds = _wanted(compiled, scope)
    check(wanted, sent, scope)


def _wanted(compiled: Any, scope: Scope) -> frozenset[str] | None:
    statement = compiled.statement
    if scope is DIRECTORY and _tables(statement) <= {metadata.tables["practice"]}:
        return None
    keys = binds(statement)
    if keys is None or isinstance(statement, Insert):
        return keys
    # A parameter's name in the compiled statement may differ from its key.
    return frozenset(name for bind, name in compiled.bind_names.items() if bind.key in keys)


@cache
def _names() -> re.Pattern[str]:
    names = "|".join(sorted(table.name for table in metadata.sorted_tables if _holds_data(table)))
    return re.compile(rf"\b(?:from|join|into|update)\s+\"?(?:{names})\b", re.IGNORECASE)


def _holds_data(table: Any) -> bool:
    return table.name not in SHARED and (table.name == "practice" or "practice_id" in table.c)


def _base(table: Any) -> Any:
    while isinstance(table, Alias):
        table = table.element
    return table


def _tables(statement: Any) -> set[Any]:
    """Return the tables and aliases of practice data anywhere in the statement."""
    found: set[Any] = set()
    aliased: set[Any] = set()
    for part in _parts(statement):
        if isinstance(part, Alias) and isinstance(_base(part), TableClause):
            aliased.add(part.element)
        if isinstance(part, TableClause | Alias):
            base = _base(part)
            if isinstance(base, TableClause) and base.name in metadata.tables and _holds_data(base):
                found.add(part)
        if isinstance(part, Column) and part.table is not None:
            base = _base(part.table)
            if isinstance(base, TableClause) and base.name in metadata.tables and _holds_data(base):
                found.add(part.table)
    named = {part.table for part in _parts(statement) if isinstance(part, Column)}
    # What stands only behind an alias is reached through the alias.
    return {table for table in found if table not in aliased or table in named}


def _anchors(statement: Any, tables: set[Any]) -> frozenset[str]:
    tied: dict[Any, set[Any]] = {table: {table} for table in tables}
    anchors: dict[Any, set[str]] = {}
    for condition in _conditions(statement):
        left, right = condition.left, condition.right
        if isinstance(left, BindParameter):
            left, right = right, left
        if not _is_practice(left):
            continue
        if isinstance(right, BindParameter):
            anchors.setdefault(left.table, set()).add(right.key)
        elif _is_practice(right) and left.table in tied and right.table in tied:
            joined = tied[left.table] | tied[right.table]
            for table in joined:
                tied[table] = joined
    for table in tables:
        if not any(other in anchors for other in tied[table]):
            raise Unscoped(f"{_base(table).name} is reached without its practice")
    return frozenset(key for keys in anchors.values() for key in keys)


def _is_practice(part: Any) -> bool:
    if not isinstance(part, Column) or part.table is None:
        return False
    base = _base(part.table)
    return part.name == "practice_id" or (part.name == "id" and base.name == "practice")


def _conditions(statement: Any) -> Iterator[Any]:
    """Yield the equations that must hold for a row to count, at any depth."""
    for part in _parts(statement):
        if isinstance(part, Select | Update | Delete) and part.whereclause is not None:
            yield from _equations(part.whereclause)
        if isinstance(part, Join):
            yield from _equations(part.onclause)


def _parts(statement: Any) -> Iterator[Any]:
    """Yield everything the statement is made of; a select's joins show in its final form only."""
    for part in visitors.iterate(statement):
        yield part
        if isinstance(part, Select):
            for source in part.get_final_froms():
                yield from visitors.iterate(source)


def _equations(clause: Any) -> Iterator[Any]:
    if isinstance(clause, Grouping):
        yield from _equations(clause.element)
    elif isinstance(clause, BooleanClauseList):
        if clause.operator is operators.and_:
            for part in clause.clauses:
                yield from _equations(part)
    elif isinstance(clause, BinaryExpression) and clause.operator is operators.eq:
        yield clause
