"""PostgreSQL through psycopg 3: prepared statements, UTC, ids as text, honest commits."""

import contextlib
import select
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.types.string import TextLoader
from sqlalchemy import URL, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError

from app.db.engine import transport
from app.db.engine.failures import DatabaseAway
from app.db.engine.row_security import DIRECTORY, PRACTICE
from app.db.engine.scope import Scope, statement

# Settings of each connection. A forgotten lock or a runaway statement ends by itself; compiling
# statements to machine code costs more than it gains on statements of a few milliseconds.
_SESSION = {
    "timezone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
}
_PREPARED_KEPT = 500
_DATA_CLASSES = ("22", "23")  # data exceptions and broken constraints: their texts quote values


class Postgresql:
    """How a transaction begins and ends on PostgreSQL."""

    name = "postgresql"

    def before_write(self) -> float:
        """Nothing to queue for: rows are locked one by one, and the server ends each wait."""
        return 0.0

    def after_write(self) -> None:
        """Nothing was queued for."""

    def begin_read(self, raw: Any, scope: Scope) -> None:
        # One message for both, and one state for all statements that follow.
        raw.execute(
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY{statement(scope)}", prepare=False
        )

    def end_read(self, raw: Any) -> None:
        raw.commit()

    def turn(self, raw: Any, scope: Scope) -> None:
        forget = f"SET LOCAL ROLE NONE; SET LOCAL {PRACTICE} = ''; SET LOCAL {DIRECTORY} = ''"
        raw.execute(f"{forget}{statement(scope)}", prepare=False)

    def begin(self, raw: Any, until: float, scope: Scope, *, local_durability: bool) -> None:
        waits = "; SET LOCAL synchronous_commit = local" if local_durability else ""
        raw.execute(f"BEGIN{statement(scope)}{waits}", prepare=False)

    def commit(self, raw: Any, info: dict[Any, Any]) -> None:
        """Commit, or raise when PostgreSQL would only pretend to.

        A transaction with a failed statement answers COMMIT by rolling back without an error.
        A commit that stopped waiting for its replica answers success with a warning.
        """
        if raw.info.transaction_status == TransactionStatus.INERROR:
            raise RuntimeError("a statement failed and its error was swallowed: nothing is saved")
        warnings: list[str] = info["warnings"]
        warnings.clear()
        raw.commit()
        if warnings:
            raise DatabaseAway("the commit may not have reached the replica")

    def version(self, raw: Any) -> str:
        number = raw.info.server_version
        return f"PostgreSQL {number // 10000}.{number % 10000}"


def make(
    url: URL, pool_size: int, busy_timeout: float, *, prepared: bool
) -> tuple[Engine, Postgresql]:
    """Return the engine for a server; `prepared=False` suits a PgBouncer older than 1.21."""
    arguments: dict[str, Any] = {
        "application_name": url.query.get("application_name", "twelveweeks"),
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "tcp_user_timeout": 15_000,
        "prepare_threshold": 1 if prepared else None,
        **transport.arguments(url),
    }
    if prepared:
        given = url.query.get("options", ())
        given = (given,) if isinstance(given, str) else given
        ours = (f"-c {name}={value}" for name, value in _SESSION.items())
        arguments["options"] = " ".join((*ours, *given))  # the later one wins
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        use_native_hstore=False,  # saves a look-up with every new connection
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=busy_timeout,
        pool_reset_on_return=None,
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: psycopg.Connection[Any], record: Any) -> None:
        raw.autocommit = True
        raw.adapters.register_loader("uuid", TextLoader)
        raw.prepared_max = _PREPARED_KEPT if prepared else raw.prepared_max
        warnings = record.info["warnings"] = []
        raw.add_notice_handler(
            lambda said: (
                warnings.append(said.sqlstate) if said.severity_nonlocalized == "WARNING" else None
            )
        )
        if not prepared:
            # An old PgBouncer refuses start-up options, but follows a client's time zone.
            raw.execute("SET timezone = 'UTC'")

    event.listen(engine, "checkout", _drop_dead)
    event.listen(engine, "handle_error", _without_values)
    return engine, Postgresql()


def _drop_dead(raw: psycopg.Connection[Any], record: object, proxy: object) -> None:
    """Notice, without a round trip, that the server hung up while the connection was idle.

    An idle server has nothing to say: what can be read is a changed setting or a good-bye.
    """
    try:
        while _readable(raw.pgconn.socket):
            raw.pgconn.consume_input()
    except psycopg.OperationalError as gone:
        raise DisconnectionError from gone
    if raw.pgconn.status != ConnStatus.OK:
        raise DisconnectionError


def _readable(socket: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def silence(error: psycopg.Error) -> str:
    """Take the values out of an error's text, and return what is left.

    PostgreSQL quotes the row that broke a rule. The code, the constraint and the rest stay
    readable on the error's `diag`.
    """
    if not error.sqlstate:
        return str(error)
    told = error.diag.message_primary or ""
    if error.sqlstate.startswith(_DATA_CLASSES):
        where = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
        told = f"{error.sqlstate} {type(error).__name__} ({where or 'a value'})"
    error.args = (told,)
    return told


def _without_values(context: ExceptionContext) -> None:
    """Silence the driver's error, and SQLAlchemy's that holds its text."""
    error = context.original_exception
    if not isinstance(error, psycopg.Error) or not error.sqlstate:
        return
    whole, told = str(error), silence(error)
    wrapped = context.sqlalchemy_exception
    if wrapped is not None:
        with contextlib.suppress(IndexError, TypeError):
            wrapped.args = (str(wrapped.args[0]).replace(whole, told), *wrapped.args[1:])
