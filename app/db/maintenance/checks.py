"""Whether the database itself is sound, and what about its set-up is worth a warning."""

from __future__ import annotations

from app.db.engine import row_security, sqlite, transport
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER

# What a login for serving has no need of, and how PostgreSQL tells of it.
_MORE = ("is a superuser", "is exempt from row-level security", "owns the tables")
_HELD = """
SELECT r.rolsuper, r.rolbypassrls AND NOT r.rolsuper, NOT r.rolsuper AND EXISTS (
  SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = current_schema() AND c.relkind = 'r'
    AND pg_has_role(current_user, c.relowner, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = current_user
"""

# How many faults are named; a broken file may hold millions.
_MOST = 100


def faults(database: Database) -> list[str]:
    """Return what is broken in the stored data; empty when it is sound.

    SQLite's file is read whole. PostgreSQL looks after its own pages and keys.
    """
    if database.dialect != "sqlite":
        return []
    with database.read(OWNER) as db:
        told = db.exec_driver_sql(f"PRAGMA integrity_check({_MOST})").scalars().all()
        broken = [str(line) for line in told if line != "ok"]
        for table, row, parent, _ in db.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(
            _MOST
        ):
            broken.append(f"row {row} of {table} refers to nothing in {parent}")
    return broken


def warnings(database: Database) -> list[str]:
    """Return what may cost data or secrecy one day, though nothing is broken now."""
    if database.dialect == "sqlite":
        driver = sqlite.driver()
        if driver.sqlite_version_info < sqlite.SAFE_FROM:
            safe = ".".join(str(part) for part in sqlite.SAFE_FROM)
            return [
                f"SQLite {driver.sqlite_version} can corrupt a database under concurrent writes; "
                f"{safe} or newer is safe"
            ]
        return []
    with database.read(OWNER) as db:
        off = [
            name
            for name in ("fsync", "full_page_writes", "synchronous_commit")
            if db.exec_driver_sql(f"SHOW {name}").scalar_one() == "off"
        ]
        held = db.exec_driver_sql(_HELD).one()
    told = [f"PostgreSQL runs with {name} off: a crash can lose saved data" for name in off]
    # A unit of work gives these up by SET ROLE, which whoever gets at the login need not do.
    told += [
        f"the database login {what}: serve with one that is only a member of {row_security.ROLE}"
        for what, does in zip(_MORE, held, strict=True)
        if does
    ]
    exposed = transport.weakness(database.engine.url)
    return [*told, exposed] if exposed else told
