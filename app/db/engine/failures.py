"""Which failures of the database are "try again soon" and which are "it is not there"."""

import sqlite3
from typing import Any

import psycopg
import sqlalchemy.exc
from psycopg import errors as pg

from app.db.engine import transport

# SQLite's result codes; the low byte of an extended code is its family.
_SQLITE_BUSY = frozenset({5, 6})  # BUSY LOCKED
_SQLITE_AWAY = frozenset({3, 7, 8, 10, 11, 13, 14, 26})
# PERM NOMEM READONLY IOERR CORRUPT FULL CANTOPEN NOTADB

_PG_BUSY = (
    pg.LockNotAvailable,
    pg.QueryCanceled,
    pg.DeadlockDetected,
    pg.SerializationFailure,
    pg.TooManyConnections,
)
# What a failed-over, stopping, starting, full or broken server answers. The rest of the classes
# 08, 53, 57 and 58 is taken by prefix.
_PG_AWAY = (pg.ReadOnlySqlTransaction, pg.IdleInTransactionSessionTimeout)
_PG_AWAY_CLASSES = ("08", "53", "57", "58")
# What a new attempt ends by itself: victims of another transaction, and connections that were cut.
_PG_VICTIM = (pg.DeadlockDetected, pg.SerializationFailure)
_PG_CUT_CLASSES = ("08", "57P")


class _Failed(Exception):
    """`passing` when the same transaction, begun again at once, may well succeed."""

    def __init__(self, told: str, *, passing: bool = False) -> None:
        super().__init__(told)
        self.passing = passing


class DatabaseBusy(_Failed):
    """Others hold what is needed; nothing was saved, and the same request may succeed soon."""


class DatabaseAway(_Failed):
    """The database cannot be reached or cannot write; what was being saved must not be trusted."""


def translate(failure: Exception) -> Exception:
    """Return DatabaseBusy or DatabaseAway for a failure of the machinery, else `failure` itself.

    Takes SQLAlchemy's wrappers and the drivers' own errors. Broken constraints and faulty
    statements come back unchanged: they are for the caller to understand.
    """
    if isinstance(failure, sqlalchemy.exc.TimeoutError):
        return DatabaseBusy("every connection is in use")
    cause: Any = failure
    if isinstance(failure, sqlalchemy.exc.DBAPIError) and failure.orig is not None:
        cause = failure.orig
    if isinstance(cause, psycopg.Error):
        return _from_postgresql(cause) or failure
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int) and isinstance(cause, (sqlite3.Error, _SqlcipherError)):
        if code & 0xFF in _SQLITE_BUSY:
            # Only a BEGIN can meet it: everything after has the file to itself.
            return DatabaseBusy(str(cause.sqlite_errorname), passing=True)
        if code & 0xFF in _SQLITE_AWAY:
            return DatabaseAway(str(cause.sqlite_errorname))
    return failure


def _from_postgresql(cause: psycopg.Error) -> Exception | None:
    name, state = type(cause).__name__, cause.sqlstate or ""
    if isinstance(cause, _PG_BUSY):
        return DatabaseBusy(name, passing=isinstance(cause, _PG_VICTIM))
    if isinstance(cause, _PG_AWAY) or state.startswith(_PG_AWAY_CLASSES):
        return DatabaseAway(name, passing=state.startswith(_PG_CUT_CLASSES))
    # No code at all: the connection itself failed before the server could say anything.
    if cause.sqlstate is None and isinstance(
        cause, (psycopg.OperationalError, psycopg.InterfaceError)
    ):
        refused = transport.refusal(cause)
        return DatabaseAway(refused or "no connection", passing=not refused)
    return None


try:
    from sqlcipher3.dbapi2 import Error as _SqlcipherError
except ImportError:  # a platform without a wheel: the standard driver does the work
    _SqlcipherError = sqlite3.Error
