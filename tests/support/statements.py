"""Which SQL statements a piece of code sends; BEGIN and COMMIT are none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread
from typing import Any

from sqlalchemy import Connection, event

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER

# A server tends its database at times, in threads of other names: that is no part of a request.
_ASKED = ("request", "audit")


def unguarded(db: Connection) -> Connection:
    """Have the guard look away until the unit of work ends; the database knows the scope still.

    For statements that have to meet nothing but the database's own wall.
    """
    db.info["scope"] = OWNER
    return db


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements sent while the block runs."""
    sent: list[str] = []

    def collect(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if current_thread().name.startswith(_ASKED):
            sent.append(" ".join(statement.split()))

    event.listen(database.engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", collect)
