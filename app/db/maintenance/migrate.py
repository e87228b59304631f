"""Bring a database to the newest schema, or back, from any folder."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.db.engine.engine import Connection
from app.db.keys.keyring import Keyring

# Beside the package: in a checkout and in the container image the project is installed in place.
FOLDER = Path(__file__).resolve().parents[3] / "migrations"


def upgrade(
    url: str, revision: str = "head", *, keyring: Keyring | None = None, encrypt: bool = True
) -> None:
    """Migrate up, in one transaction; a database that is there already stays as it is.

    `keyring` and `encrypt` as `open_database` takes them.
    """
    command.upgrade(_config(url, keyring=keyring, encrypt=encrypt), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision` (`base`: no tables at all), in one transaction."""
    command.downgrade(_config(url), revision)


@cache
def head() -> str:
    """The newest revision that this program knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise RuntimeError(f"no migrations in {FOLDER}")
    return newest


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(
    url: str | None = None, *, keyring: Keyring | None = None, encrypt: bool = True
) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes |= {"url": url, "keyring": keyring, "encrypt": encrypt}
    return config
