"""Fixtures of all tests: clean migrated databases, on SQLite and on PostgreSQL."""

import gc
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
hypothesis.settings.register_profile(
    "quick", hypothesis.settings.get_profile("house"), max_examples=20
)
hypothesis.settings.load_profile("house")

BACKENDS = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=BACKENDS,
        help="Leave out the tests of the other database.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.open_run()
    sent.collect()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.close_run()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is collected lives until the end: the garbage collector need not look through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--database")
    if wanted is None:
        return
    [other] = set(BACKENDS) - {wanted}
    left_out = [item for item in items if _asks_for(item, other)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _asks_for(item, other)]


def _asks_for(item: pytest.Item, backend: str) -> bool:
    chosen = getattr(item, "callspec", None)
    by_parameter = chosen is not None and chosen.params.get("database") == backend
    return by_parameter or backend in getattr(item, "fixturenames", ())


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


@pytest.fixture(params=BACKENDS)
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
