"""Unique violations that come from a race between requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from app.domain.errors import Contended

# PostgreSQL's SQLSTATE for unique violations, and SQLite's words for them.
_UNIQUE_STATE = "23505"
_UNIQUE_WORDS = "UNIQUE constraint failed"


def translated(error: IntegrityError) -> Exception:
    """Return `Contended` for a unique violation, and any other broken constraint as it is."""
    state = getattr(error.orig, "sqlstate", None)
    unique = state == _UNIQUE_STATE or _UNIQUE_WORDS in str(error.orig)
    return Contended() if unique else error


@contextmanager
def unique_violation_as_contended() -> Iterator[None]:
    """Turn a unique violation inside into `Contended`, which the edge answers by trying again.

    Services look for a duplicate before they insert, so this is reached only when two
    requests make the same thing at once; the second try finds what the first one made.
    """
    try:
        yield
    except IntegrityError as error:
        raise translated(error) from None
