"""Open a database, read from it, write to it: the same few words on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError

from app.db.engine import guard, postgresql, sqlite
from app.db.engine.cipher import Unlocking
from app.db.engine.failures import DatabaseAway, DatabaseBusy, translate
from app.db.engine.scope import OWNER, Scope
from app.db.keys.keyring import DATABASE, Keyring

# How many credentials are looked up at once.
LOOK_UPS = 2
# Connections beyond those of requests: look-ups, the audit log, maintenance, health checks.
SPARE = LOOK_UPS + 3


class Database:
    """A database and its fixed pool of connections; safe to share between threads."""

    def __init__(
        self,
        engine: Engine,
        kind: sqlite.Sqlite | postgresql.Postgresql,
        connections: int,
        keyring: Keyring | None = None,
    ) -> None:
        self.engine = engine
        self.connections = connections
        """How many there are for requests; a few more are kept for work that must not wait."""
        self.keyring = keyring
        self._kind = kind
        event.listen(engine, "before_cursor_execute", guard.confine)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._kind.name

    @contextmanager
    def read(self, scope: Scope) -> Iterator[Connection]:
        """Lend a connection that sees one state of the scope's rows, and can change nothing.

        It ends by COMMIT: after a ROLLBACK psycopg would forget its prepared statements.
        """
        with _translated(), self.engine.connect() as db, _checked(db):
            raw: Any = db.connection.dbapi_connection
            info = db.info
            info["scope"] = scope
            try:
                self._kind.begin_read(raw, scope)
                yield db
            except BaseException:
                with suppress(Exception):
                    raw.rollback()
                raise
            else:
                self._kind.end_read(raw)
            finally:
                info.pop("scope", None)  # back in the pool it belongs to nobody, and may do nothing

    @contextmanager
    def write(self, scope: Scope, *, local_durability: bool = False) -> Iterator[Connection]:
        """Lend a connection in one transaction: saved at the normal end, undone by any exception.

        `local_durability`: the commit waits for this server's disk and for no replica.

        Raises DatabaseBusy when the turn does not come in time, DatabaseAway when it cannot be
        said that all is saved.
        """
        with _translated():
            until = self._kind.before_write()
            try:
                with self.engine.connect() as db, _checked(db):
                    raw: Any = db.connection.dbapi_connection
                    info = db.info
                    info["scope"], info["audited"] = scope, False
                    try:
                        self._kind.begin(raw, until, scope, local_durability=local_durability)
                        yield db
                        self._kind.commit(raw, info)
                    except BaseException:
                        # A dead connection has forgotten the transaction anyway.
                        with suppress(Exception):
                            raw.rollback()
                        raise
                    finally:
                        info.pop("scope", None)
            finally:
                self._kind.after_write()

    @contextmanager
    def as_practice(self, db: Connection, scope: Scope) -> Iterator[None]:
        """Switch to another scope within a transaction, and back: one commit for several."""
        before = db.info["scope"]
        if scope == before:
            yield
            return
        raw: Any = db.connection.dbapi_connection
        db.info["scope"] = scope
        self._kind.turn(raw, scope)
        yield
        db.info["scope"] = before
        self._kind.turn(raw, before)

    @property
    def encrypted_with(self) -> str | None:
        """The id of the master key the file was last opened with; None for a plain one.

        PostgreSQL's files are the platform's to encrypt: None as well.
        """
        if isinstance(self._kind, postgresql.Postgresql):
            return None
        fitted = self._kind.unlocking.matched_key
        return fitted.id if fitted else None

    def version(self) -> str:
        """Name and version of what runs, for `twelveweeks db check`."""
        with self.read(OWNER) as db:
            return self._kind.version(db.connection.dbapi_connection)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as failure:
        known = translate(failure)
        if known is failure:
            raise
        raise known from failure


@contextmanager
def _checked(db: Connection) -> Iterator[None]:
    """Throw a connection away when its server is gone or no longer takes writes."""
    try:
        yield
    except Exception as failure:
        if isinstance(translate(failure), DatabaseAway) and not db.invalidated:
            with suppress(Exception):
                db.invalidate()
        raise


def open_database(
    url: str,
    *,
    pool_size: int = 8,
    busy_timeout: float = 5.0,
    prepared: bool = True,
    spare: int = SPARE,
    keyring: Keyring | None = None,
    encrypt: bool = True,
    label: str = DATABASE,
) -> Database:
    """Return the database at `url`; nothing is contacted before the first read or write.

    A file of SQLite is opened with the key of the ring that fits, and as a plain one without a
    ring. A new file is encrypted where there is a ring and `encrypt` does not forbid it. `label`
    says which sub-key it is: copies have one of their own.
    `busy_timeout` is in seconds: how long to wait for a connection, and on SQLite for the turn to
    write. Raises ValueError for an address that is neither SQLite's nor PostgreSQL's.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("the database address cannot be read") from None
    match parsed.get_backend_name():
        case "sqlite":
            file = sqlite.file_of(parsed)
            unlocking = Unlocking(file, keyring, encrypt=encrypt, label=label)
            made = sqlite.make(parsed, pool_size + spare, busy_timeout, unlocking)
            return Database(*made, pool_size, keyring)
        case "postgresql" | "postgres":
            served = postgresql.make(parsed, pool_size + spare, busy_timeout, prepared=prepared)
            return Database(*served, pool_size, keyring)
    raise ValueError("the database address must begin with sqlite:/// or postgresql://")


__all__ = ["Connection", "Database", "DatabaseAway", "DatabaseBusy", "open_database", "translate"]
