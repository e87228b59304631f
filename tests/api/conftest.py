"""A clinic on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.engine.engine import Database
from tests.support.clinic import Clinic, a_clinic
from tests.support.signing import Signing, a_signing_clinic


@pytest.fixture
def clinic(database: Database) -> Iterator[Clinic]:
    with a_clinic(database) as made:
        yield made


@pytest.fixture
def signing(database: Database, tmp_path: Path) -> Iterator[Signing]:
    with a_signing_clinic(database, tmp_path) as made:
        yield made
