"""Which SQL statements a piece of code sends; BEGIN and COMMIT are none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.db.engine import Database

# A server tends its database at times: that is no part of a request.
_TENDING = ("DELETE FROM idempotency", "SELECT practice.id")


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements sent while the block runs."""
    sent: list[str] = []

    def collect(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        text = " ".join(statement.split())
        if not text.startswith(_TENDING) or "practice.name" in text:
            sent.append(text)

    event.listen(database.engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", collect)
