"""A clinic on each database."""

from collections.abc import Iterator

import pytest

from app.db.engine import Database
from tests.support.clinic import Clinic, a_clinic


@pytest.fixture
def clinic(database: Database) -> Iterator[Clinic]:
    with a_clinic(database) as made:
        yield made
