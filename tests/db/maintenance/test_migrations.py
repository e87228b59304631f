"""The migrations: up, down, up again, on both databases; and they agree with the models."""

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app.db.base import metadata
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from tests.support import databases
from tests.support.skips import MISSING

REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory(migrate.FOLDER).walk_revisions()))
]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that was never migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server = databases.postgres()
    if server is None:
        pytest.skip(MISSING)
    return server.clone("template0", f"empty_{tmp_path.name[-40:]}".lower())


def state(url: str) -> tuple[str | None, set[str]]:
    """Revision and names of the tables."""
    database = open_database(url, pool_size=1)
    try:
        with database.read(OWNER) as db:
            return migrate.current(db), set(inspect(db).get_table_names())
    finally:
        database.dispose()


def test_every_step_goes_up_and_down_and_up_again(empty: str) -> None:
    assert state(empty) == (None, set())
    for before, revision in zip(["base", *REVISIONS], REVISIONS, strict=False):
        migrate.upgrade(empty, revision)
        there = state(empty)
        assert there[0] == revision
        migrate.downgrade(empty, before)
        migrate.upgrade(empty, revision)
        assert state(empty) == there
    assert state(empty)[0] == migrate.head()
    migrate.downgrade(empty, "base")
    assert state(empty) == (None, {"alembic_version"})


def test_migrating_twice_changes_nothing(empty: str) -> None:
    migrate.upgrade(empty)
    once = state(empty)
    migrate.upgrade(empty)
    assert state(empty) == once


def test_the_schema_is_what_the_models_say(database: Database) -> None:
    with database.read(OWNER) as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_it_works_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite: Database
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'there.db'}"
    migrate.upgrade(url)
    assert state(url)[0] == migrate.head()


def test_a_failed_migration_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    """One transaction for all: nobody has to repair half a migration by hand."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    last = migrate.head()
    (folder / "versions" / "9999_broken.py").write_text(
        "from alembic import op\n"
        f"revision = '9999'\ndown_revision = {last!r}\nbranch_labels = depends_on = None\n\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half (id integer)')\n"
        "    op.execute('this is not SQL')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(migrate, "FOLDER", folder)
    with pytest.raises(Exception, match="syntax error"):
        migrate.upgrade(empty)
    assert state(empty) == (None, set())
