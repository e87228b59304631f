"""Refuse a statement on practice data that does not name the practice of its unit of work.

What row-level security does on PostgreSQL, done before the statement leaves on SQLite, which
has nothing like it. Both look at the same thing: every table of practice data, wherever it
stands in the statement, is tied by its key to the one practice that the unit of work is for.
`db.engine.guard_ties` says when a table is tied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select

from app.db.engine.guard_ties import Ties, Unscoped, table_of
from app.db.engine.scope import DIRECTORY, OWNER, Scope

__all__ = ["Unscoped", "binds", "check", "check_compiled", "check_text"]


def binds(statement: Any) -> frozenset[str] | None:
    """Return the names of the parameters that must hold the practice; None: it touches no data.

    Raises `Unscoped` when a table of the statement is not tied to one of them.
    """
    ties = Ties()
    ties.walk(statement)
    return frozenset(ties.binds) if ties.tables else None


def check(wanted: frozenset[str] | None, sent: Iterable[Mapping[str, Any]], scope: Scope) -> None:
    """Raise `Unscoped` unless every one of those parameters holds the practice of the scope."""
    if wanted is None or scope is OWNER:
        return
    for values in sent:
        for name in wanted:
            if values.get(name) != scope:
                raise Unscoped("a statement names another practice than its unit of work")


def check_text(text: str, scope: Scope) -> None:
    """Raise `Unscoped` for SQL as text: nobody can tell what it reaches."""
    if scope is not OWNER:
        raise Unscoped("a statement must be built, so that it can be checked")


def check_compiled(compiled: Any, sent: Iterable[Mapping[str, Any]], scope: Scope) -> None:
    """Check a compiled statement with its parameters; what its tables need is found out once."""
    if scope is OWNER or (scope is DIRECTORY and _lists_practices(compiled.statement)):
        return
    try:
        wanted = compiled.practice_binds
    except AttributeError:
        wanted = compiled.practice_binds = _wanted(compiled)
    check(wanted, sent, scope)


def _wanted(compiled: Any) -> frozenset[str] | None:
    keys = binds(compiled.statement)
    if keys is None:
        return None
    # A parameter's name in the compiled statement may differ from its key.
    named = {bind.key: name for bind, name in compiled.bind_names.items()}
    return frozenset(named.get(key, key) for key in keys)


def _lists_practices(statement: Any) -> bool:
    if not isinstance(statement, Select):
        return False
    ties = Ties(strict=False)
    ties.walk(statement)
    return all(table_of(table) == "practice" for table in ties.tables)
