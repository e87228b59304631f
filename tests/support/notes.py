"""A table of the tests' own, and second handles on the same database."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER

COUNT = text("SELECT count(*) FROM note")


@contextmanager
def another(database: Database, **options: Any) -> Iterator[Database]:
    """A second handle on the same database, as another process would have; none to spare."""
    options = {"spare": 0, **options}
    opened = open_database(database.engine.url.render_as_string(hide_password=False), **options)
    try:
        yield opened
    finally:
        opened.dispose()


def add(db: Connection, n: int) -> None:
    """Add a note; `n` must be new."""
    db.execute(text("INSERT INTO note (id, n) VALUES (:id, :n)"), {"id": str(uuid.uuid4()), "n": n})


def count(database: Database) -> int:
    """How many notes are saved."""
    with database.read(OWNER) as db:
        return int(db.execute(COUNT).scalar_one())


def sent_while(database: Database, work: Callable[[], None]) -> str:
    """What goes over the wire to PostgreSQL while `work` runs; the pool must hold one."""
    with database.read(OWNER) as db:
        raw: Any = db.connection.dbapi_connection
    with tempfile.TemporaryFile("w+") as trace:
        raw.pgconn.trace(trace.fileno())
        work()
        raw.pgconn.untrace()
        trace.seek(0)
        return "".join(line for line in trace if "\tF\t" in line)
