"""Which failures of the database are "try again soon" and which are "it is not there"."""

import sqlite3
from typing import Any

import psycopg
import sqlalchemy.exc
from psycopg import errors as pg

from app.db import transport

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


class DatabaseBusy(Exception):
    """Others hold what is needed; nothing was saved, and the same request may succeed soon."""


class DatabaseAway(Exception):
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
            return DatabaseBusy(str(cause.sqlite_errorname))
        if code & 0xFF in _SQLITE_AWAY:
            return DatabaseAway(str(cause.sqlite_errorname))
    return failure


def _from_postgresql(cause: psycopg.Error) -> Exception | None:
    name = type(cause).__name__
    if isinstance(cause, _PG_BUSY):
        return DatabaseBusy(name)
    if isinstance(cause, _PG_AWAY) or (cause.sqlstate or "").startswith(_PG_AWAY_CLASSES):
        return DatabaseAway(name)
    # No code at all: the connection itself failed before the server could say anything.
    if cause.sqlstate is None and isinstance(
        cause, (psycopg.OperationalError, psycopg.InterfaceError)
    ):
        return DatabaseAway(transport.refusal(cause) or "no connection")
    return None


try:
    from sqlcipher3.dbapi2 import Error as _SqlcipherError
except ImportError:  # a platform without a wheel: the standard driver does the work
    _SqlcipherError = sqlite3.Error
