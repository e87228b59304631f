"""Whose rows a unit of work may touch: said when it begins, and held by the database."""

from __future__ import annotations

from enum import Enum

from app.db.engine import row_security
from app.domain.ids import is_id


class Wide(Enum):
    """Scopes that are no single practice."""

    # No practice's rows: only tables that belong to none.
    NONE = "none"
    # Which practices there are, and none of their rows: for work that goes through all of them.
    DIRECTORY = "directory"
    # Every row, as far as the login itself owns the tables: for migrations, backups, erasure.
    OWNER = "owner"


NONE, DIRECTORY, OWNER = Wide.NONE, Wide.DIRECTORY, Wide.OWNER
Scope = str | Wide


def statement(scope: Scope) -> str:
    """Return what tells PostgreSQL the role and the scope, for the message that begins a
    transaction; '' for the login's own rights.

    The practice is written out: a distributed PostgreSQL passes on nothing else. Raises
    ValueError for what is no id, so nothing else can ever stand there.
    """
    if scope is OWNER:
        return ""
    role = f"; SET LOCAL ROLE {row_security.ROLE}"
    if isinstance(scope, str):
        if not is_id(scope):
            raise ValueError("a practice's id is a UUID in lower case")
        return f"{role}; SET LOCAL {row_security.PRACTICE} = '{scope}'"
    return f"{role}; SET LOCAL {row_security.DIRECTORY} = 'on'" if scope is DIRECTORY else role
