"""What the tests of the database layer share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER


@pytest.fixture
def notes(database: Database) -> Iterator[Database]:
    """A database with one table of the test's own."""
    kind = "uuid" if database.dialect == "postgresql" else "text"
    with database.write(OWNER) as db:
        db.execute(text(f"CREATE TABLE note (id {kind} PRIMARY KEY, n integer NOT NULL UNIQUE)"))
    yield database
    with database.write(OWNER) as db:
        db.execute(text("DROP TABLE note"))
