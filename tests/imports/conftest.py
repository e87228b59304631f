"""A practice to load into."""

import pytest

from app.db.engine.engine import Database
from tests.support.sheets import Load


@pytest.fixture
def load(database: Database) -> Load:
    return Load(database)


@pytest.fixture
def load_sqlite(sqlite: Database) -> Load:
    return Load(sqlite)
