"""Runs the migrations, on SQLite and PostgreSQL, in one transaction.

This file alone imports the application: its models, which a new revision is compared with; its
connection, which knows encryption and locks; its settings, for `alembic` called by a developer.
The versions import nothing of it: what they do must not change when the code does.
"""

from pathlib import Path
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine, TypeDecorator, text

from app.db import models  # noqa: F401  (fills the metadata)
from app.db.base import PracticeKey, metadata
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.keys.keyring import Keyring
from app.settings import Settings

# Any number will do, as long as every release uses the same.
ONE_AT_A_TIME = 12_084


def number(_context: object, _revision: object, directives: list[Any]) -> None:
    """Give a new revision the next number, and write it to HEAD.

    Two branches that both add a migration then collide in git and not in the clinic.
    """
    folder = Path(__file__).parent
    last = max((int(file.name[:4]) for file in folder.glob("versions/[0-9]*.py")), default=0)
    for directive in directives:
        last += 1
        directive.rev_id = f"{last:04}"
        (folder / "HEAD").write_text(f"{directive.rev_id}\n", encoding="utf-8")


def plain(kind: str, thing: object, _context: object) -> str | Literal[False]:
    """Write our own column types down as what they are to the database.

    A migration must not change when the code does.
    """
    if kind == "type" and isinstance(thing, PracticeKey):
        return "sa.String(length=36).with_variant(sa.UUID(as_uuid=False), 'postgresql')"
    if kind == "type" and isinstance(thing, TypeDecorator):
        return f"sa.{thing.impl_instance!r}"
    return False


def migrate(db: Connection) -> None:
    """Run on this connection; the transaction, if there is one, is the caller's."""
    context.configure(
        connection=db,
        target_metadata=metadata,
        render_as_batch=db.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
        process_revision_directives=number,
        render_item=plain,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_all(database: Database) -> None:
    """Run in one transaction of its own; a second process waits and then finds nothing to do."""
    if database.dialect == "sqlite":
        # Tables are changed by copying them; the pool holds this one connection only.
        # Outside any transaction, for inside one it would change nothing.
        with database.engine.connect() as db:
            raw: Any = db.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        with database.write(OWNER) as db:
            db.begin()  # already in a transaction, this tells Alembic: it must not commit by itself
            migrate(db)
            broken = db.execute(text("PRAGMA foreign_key_check")).all()
            if broken:
                raise RuntimeError(f"{len(broken)} rows refer to nothing after the migration")
        return
    with database.write(OWNER) as db:
        # A migration may take longer than any request, and wait for another process to finish.
        db.execute(text("SET LOCAL statement_timeout = 0"))
        db.execute(text("SET LOCAL lock_timeout = 0"))
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        db.execute(text("SET LOCAL lock_timeout = '5s'"))
        migrate(db)


def offline(dialect: str) -> None:
    """Print the statements instead of running them."""
    context.configure(
        dialect_name=dialect,
        target_metadata=metadata,
        render_as_batch=dialect == "sqlite",
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def keyring_set() -> Keyring:
    """The master keys of the settings, for `alembic` called by a developer."""
    chosen = Settings()
    return Keyring.chosen(chosen.key_file, chosen.master_key)


attributes = context.config.attributes
lent = attributes.get("connection")
given = attributes.get("url") or context.get_x_argument(True).get("url")
url: str = given or Settings().database_url
if context.is_offline_mode():
    offline(url.partition(":")[0].partition("+")[0])
elif isinstance(lent, Connection):
    migrate(lent)
elif isinstance(lent, Engine):
    with lent.connect() as db:
        migrate(db)
        db.commit()
else:
    ring = attributes["keyring"] if "keyring" in attributes else keyring_set()
    database = open_database(
        url, pool_size=1, spare=0, keyring=ring, encrypt=attributes.get("encrypt", False)
    )
    try:
        migrate_all(database)
    finally:
        database.dispose()
