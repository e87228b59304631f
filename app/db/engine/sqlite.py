"""SQLite: a current library, write-ahead log, one writer at a time in a fair queue."""

import importlib
import logging
import os
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import URL, Engine, QueuePool, create_engine, event

from app.db.engine.cipher import Unlocking
from app.db.engine.failures import DatabaseAway, DatabaseBusy
from app.db.engine.scope import Scope
from app.db.keys.file_lock import FileInUse, SharedLock

log = logging.getLogger(__name__)

# Before this release two connections that write and checkpoint at the same moment can corrupt the
# file (the WAL-reset bug, 3.7.0 to 3.51.2).
SAFE_FROM = (3, 51, 3)


def driver() -> ModuleType:
    """Return the SQLite driver: sqlcipher3 where there is a wheel, else the standard one."""
    try:
        module = importlib.import_module("sqlcipher3.dbapi2")
    except ImportError:
        module = importlib.import_module("sqlite3")
    if module.sqlite_version_info < SAFE_FROM:
        log.warning(
            "SQLite %s can corrupt a database under concurrent writes; 3.51.3 or newer is safe",
            module.sqlite_version,
        )
    return module


class FairLock:
    """A lock that serves in the order of arrival, so that no writer waits for ever."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._queue: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the turn; False when it did not come."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._guard:
            if turn in self._queue:
                self._queue.remove(turn)
                return False
        return True  # handed over just as the time ran out

    def release(self) -> None:
        """Hand over to the next in line."""
        with self._guard:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._held = False


_locks: WeakValueDictionary[str, FairLock] = WeakValueDictionary()
_locks_guard = threading.Lock()


def _lock_of(file: Path) -> FairLock:
    with _locks_guard:
        return _locks.setdefault(str(file), FairLock())


class Sqlite:
    """How a transaction begins and ends on SQLite."""

    name = "sqlite"

    def __init__(self, file: Path, busy_timeout: float, unlocking: Unlocking) -> None:
        self.unlocking = unlocking
        self._lock = _lock_of(file)
        self._timeout = busy_timeout

    def before_write(self) -> float:
        """Queue here, in order, before taking a connection: SQLite itself polls, and not fairly.

        Returns the moment on the monotonic clock by which the transaction must have begun.
        """
        until = monotonic() + self._timeout
        if not self._lock.acquire(self._timeout):
            raise DatabaseBusy("another write did not end in time")
        return until

    def after_write(self) -> None:
        self._lock.release()

    def begin_read(self, raw: Any, scope: Scope) -> None:
        raw.execute("BEGIN")

    def end_read(self, raw: Any) -> None:
        raw.commit()

    def turn(self, raw: Any, scope: Scope) -> None:
        """The guard asks the connection; the database has nothing to be told."""

    def begin(self, raw: Any, until: float, scope: Scope, *, local_durability: bool) -> None:
        # IMMEDIATE: a deferred transaction that reads first and writes later fails at once when
        # another wrote in between, whatever the busy timeout.
        left = until - monotonic()
        if left > self._timeout * 0.9:
            raw.execute("BEGIN IMMEDIATE")
            return
        # It has queued already: another process is waited for only as long as is left.
        _wait_at_most(raw, max(left, 0.001))
        try:
            raw.execute("BEGIN IMMEDIATE")
        finally:
            _wait_at_most(raw, self._timeout)

    def commit(self, raw: Any, info: dict[Any, Any]) -> None:
        raw.commit()

    def version(self, raw: Any) -> str:
        (number,) = raw.execute("SELECT sqlite_version()").fetchone()
        cipher = raw.execute("PRAGMA cipher_version").fetchone()
        return f"SQLite {number}" + (f" (SQLCipher {cipher[0]})" if cipher else "")


def _wait_at_most(raw: Any, seconds: float) -> None:
    raw.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def file_of(url: URL) -> Path:
    """Return the file that the address names; ValueError when it names none."""
    if not url.database or url.database == ":memory:" or "mode=memory" in url.database:
        raise ValueError("SQLite needs a file: sqlite:///path/to/file.db")
    return Path(url.database).expanduser().resolve()


def make(
    url: URL, pool_size: int, busy_timeout: float, unlocking: Unlocking
) -> tuple[Engine, Sqlite]:
    """Return the engine for a database file, made with its folder when it is not there yet."""
    file = unlocking.file
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    module, share = driver(), SharedLock(file)
    engine = create_engine(
        url.set(drivername="sqlite", database=str(file)),
        module=module,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        # What others wrote makes a connection forget its pages: better one that wrote it itself.
        pool_use_lifo=True,
        pool_timeout=busy_timeout,
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False, "timeout": busy_timeout},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, record: object) -> None:
        raw.isolation_level = None
        # The log keeps readers and the writer apart; FULL makes every commit survive power loss.
        # No mmap: an I/O error would then kill the process instead of raising.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "mmap_size=0"):
            raw.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, given: Any, named: Any) -> Any:
        try:
            share.take()
        except FileInUse:
            raise DatabaseBusy("the file is being replaced") from None
        except OSError as failure:
            raise DatabaseAway(type(failure).__name__) from failure

        def opened() -> Any:
            keep_private(file)
            return module.connect(*given, **named)

        return unlocking.open(opened, module)

    @event.listens_for(engine, "engine_disposed")
    def let_go(_: Engine) -> None:
        share.release()

    return engine, Sqlite(file, busy_timeout, unlocking)


def keep_private(file: Path) -> None:
    """Make the file when it is not there, readable by its owner only."""
    # Whatever the folder and the umask say; SQLite gives the mode to -wal and -shm too.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
