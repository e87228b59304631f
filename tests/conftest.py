"""Fixtures of all tests: clean migrated databases, on SQLite and on PostgreSQL."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from app.db.engine.engine import Database, open_database
from tests.support import databases, sent
from tests.support.skips import MISSING, UNCHECKED

# A busy machine is no failed property.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.open_run()
    sent.collect()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.close_run()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = {str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())}
    if any(MISSING in why for why in skipped):
        terminalreporter.section("HALF OF THE DATABASE TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.line(MISSING, red=True)
    unchecked = sorted(why.partition(UNCHECKED)[2] for why in skipped if UNCHECKED in why)
    if unchecked:
        terminalreporter.section(UNCHECKED, red=True, bold=True)
    for why in unchecked:
        terminalreporter.line(why.strip(" :')"), red=True)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a server sets up for its whole process ends with the test that started it."""
    named = [logging.getLogger(name) for name in ("", "uvicorn", "uvicorn.error", "alembic")]
    before = [(log, log.level, log.handlers[:], log.propagate) for log in named]
    raised = logging.raiseExceptions
    yield
    logging.raiseExceptions = raised
    for log, level, handlers, propagate in before:
        log.setLevel(level)
        log.handlers[:] = handlers
        log.propagate = propagate


@pytest.fixture(autouse=True)
def _every_statement_is_confined() -> Iterator[None]:
    """Each table that a test reaches is proved to be confined to the practice asked for."""
    yield
    assert sent.unproved() == []


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Database]:
    """The database of this worker, a copy of the migrated template."""
    server = databases.migrated_postgres()
    if server is None:
        pytest.skip(MISSING)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    database = open_database(server.clone(databases.TEMPLATE, f"test_{worker}"))
    yield database
    database.dispose()


@pytest.fixture
def postgresql(_postgresql: Database) -> Database:
    """A clean migrated PostgreSQL database; kept open between tests, as a server would."""
    databases.wipe(_postgresql)
    return _postgresql


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A clean migrated SQLite file."""
    database = open_database(databases.sqlite_copy(tmp_path / "test.db"))
    databases.wait_for_no_disk(database)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A clean migrated database; every test that asks for it runs on both backends."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Database)
    return found


@pytest.fixture
def database_url(database: Database) -> str:
    """The address of `database`, for what opens it by itself."""
    url = database.engine.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
