"""Refuse a statement that may reach another practice's rows, before it is sent.

Every column that says whose a row is has the type `PracticeKey`, and so has every parameter that
is compared with it or put into it. The values of those parameters must be the practice of the unit
of work; a statement that names a table of practice data and has no such parameter is refused. The
scope is kept with the connection, because a stream's unit of work wanders between threads.

That each table of a statement is compared with such a parameter, at whatever depth, is proved for
all statements that the tests send (`tests/support/confinement.py`). Row-level security is
PostgreSQL's own wall behind this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql.compiler import SQLCompiler

from app.db.base import PracticeKey, metadata
from app.db.engine.scope import DIRECTORY, OWNER, Scope

# Anyone may look into the directory; what is entered or ended there is a practice's own.
WRITTEN_BY_ONE = frozenset({"credential"})
# What reads tables of practice data under a name of its own.
VIEWS = frozenset({"injection"})
_WORD = re.compile(r"\w+")
_WRITING = frozenset({"insert", "update", "delete"})


class Unscoped(RuntimeError):
    """A fault of the program: its statement could have reached another practice's rows."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Reach:
    """What a statement reaches: the tables of practice data that its text names, and the
    parameters that hold whose rows it wants."""

    tables: frozenset[str]
    practices: tuple[str, ...]
    lists_practices: bool
    """It reads, and from no such table but that of practices."""


def tables_of_practice_data() -> frozenset[str]:
    """Return the names of what holds rows of practices, views included."""
    owned = frozenset(
        name
        for name, table in metadata.tables.items()
        if any(isinstance(column.type, PracticeKey) for column in table.c)
    )
    return (owned | VIEWS) - WRITTEN_BY_ONE


def reach_of(compiled: SQLCompiler) -> Reach:
    """Return what a compiled statement reaches. Whatever looks like a table's name counts as it."""
    words = set(_WORD.findall(compiled.string.lower()))
    writes = not words.isdisjoint(_WRITING)
    tables = words & (tables_of_practice_data() | (WRITTEN_BY_ONE if writes else frozenset()))
    named = {n for bind, n in compiled.bind_names.items() if isinstance(bind.type, PracticeKey)}
    lists = not writes and tables <= {"practice"}
    return Reach(frozenset(tables), tuple(sorted(named)), lists)


def check(reach: Reach, sent: Iterable[Mapping[str, Any]], scope: Scope | None) -> None:
    """Raise `Unscoped` unless all rows of parameters stay within the scope."""
    if scope is OWNER or (scope is DIRECTORY and reach.lists_practices):
        return
    if scope is None:
        raise Unscoped("a statement outside of any unit of work")
    if reach.tables and not reach.practices:
        raise Unscoped(f"a statement on {', '.join(sorted(reach.tables))} names no practice")
    for values in sent:
        for name in reach.practices:
            if values.get(name) != scope:
                raise Unscoped("a statement names another practice than its unit of work")


def confine(
    db: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    """Check what an engine is about to send: its listener `before_cursor_execute`."""
    if context is None:
        return  # a prepared statement, which is checked where it is run
    scope, compiled = db.info.get("scope"), context.compiled
    if not isinstance(compiled, SQLCompiler) or compiled.isplaintext:
        if scope is not OWNER:
            raise Unscoped("a statement must be built, so that it can be checked")
        return
    known: Any = compiled
    try:
        reach = known.reach
    except AttributeError:
        reach = known.reach = reach_of(compiled)
    check(reach, context.compiled_parameters, scope)
