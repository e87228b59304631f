"""Bring a database to the newest schema, or back, from any folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import String, column, inspect, select, table

from app.db.engine.engine import Connection
from app.db.keys.keyring import Keyring
from app.lazy import LazyModule

if TYPE_CHECKING:
    from alembic import command, config
else:
    command, config = LazyModule("alembic.command"), LazyModule("alembic.config")

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
    return (FOLDER / "HEAD").read_text(encoding="utf-8").strip()


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = column("version_num", String)
    return connection.scalar(select(revision).select_from(table("alembic_version")))


def _config(url: str, *, keyring: Keyring | None = None, encrypt: bool = True) -> config.Config:
    made = config.Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes |= {"url": url, "keyring": keyring, "encrypt": encrypt}
    return made
