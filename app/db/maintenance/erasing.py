"""What an erasure needs of the database itself: rights, scope, and a file without old pages."""

from __future__ import annotations

from typing import Any

from app.db.engine.engine import Connection, Database, DatabaseBusy, translate
from app.db.engine.row_security import DIRECTORY, PRACTICE
from app.domain.ids import is_id


def may_erase(db: Connection) -> bool:
    """Return whether this login may delete what the application can only append to."""
    if db.dialect.name == "sqlite":
        return True
    asked = (
        "SELECT has_table_privilege('audit_event', 'DELETE') "
        "AND has_table_privilege('erasure', 'INSERT')"
    )
    return bool(db.exec_driver_sql(asked).scalar_one())


def confine(db: Connection, *, practice_id: str) -> None:
    """Let the tables' owner see one practice's rows and the list of practices.

    Row-level security confines the owner as well. The time limit of statements is taken off.
    """
    if db.dialect.name == "sqlite":
        # What is deleted is overwritten, also where the file cannot be rewritten afterwards.
        db.exec_driver_sql("PRAGMA secure_delete = ON").all()
        return
    if not is_id(practice_id):
        raise ValueError("a practice's id is a UUID in lower case")
    for name, value in ((PRACTICE, practice_id), (DIRECTORY, "on"), ("statement_timeout", "0")):
        db.exec_driver_sql(f"SET LOCAL {name} = '{value}'")


def rewrite(database: Database) -> bool | None:
    """Return whether the file was rewritten; None where there is no file of ours (PostgreSQL).

    False when others used it all the time: what was deleted is overwritten with zeros, but the
    write-ahead log may hold older pages until this succeeds.
    """
    if database.dialect != "sqlite":
        return None
    with database.engine.connect() as db:
        raw: Any = db.connection.dbapi_connection
        try:
            # The temporary copy must not lie in a folder that others can read.
            raw.execute("PRAGMA temp_store = MEMORY")
            raw.execute("VACUUM")
            busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except Exception as failure:
            if isinstance(translate(failure), DatabaseBusy):
                return False
            raise
        finally:
            raw.execute("PRAGMA temp_store = DEFAULT")
    return not busy
