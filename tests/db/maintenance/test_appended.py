"""The log on SQLite, where no role lacks a right: its tables themselves let no row be replaced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc

from app.db.base import metadata
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from app.domain.ids import made_at, new_id
from app.services.audit import seals
from app.services.practice import practices
from tests.support.clinic import NOW

AN_ID = "019d0bc2-a980-7004-aeca-95ac71c09566"
OTHER = {"audit_event": ("id", f"'{AN_ID}'"), "audit_seal": ("number", "number + 1")}


def a_log(database: Database) -> None:
    """A practice whose first event is sealed."""
    with database.write(AN_ID) as db:
        practices.create(db, id=AN_ID, name="P", time_zone="UTC", by_name="tests", now=NOW)
    # Ids only rise within a process: another test's clock may have been far ahead of this one.
    later = made_at(new_id(NOW)) + timedelta(hours=1)
    assert seals.seal(database, practice_id=AN_ID, now=later)


def rows(database: Database, name: str) -> list[Any]:
    with database.read(OWNER) as db:
        return list(db.exec_driver_sql(f"SELECT rowid, * FROM {name}").all())


def replace(database: Database, name: str, verb: str, *, by: str) -> None:
    """Put the same rows in again: over their keys, or under other keys over their rowids."""
    columns = [column.name for column in metadata.tables[name].c]
    key, other = OTHER[name]
    values = columns
    if by == "rowid":
        values = ["rowid", *(other if column == key else column for column in columns)]
        columns = ["rowid", *columns]
    sql = f"{verb} INTO {name} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {name}"
    with database.write(OWNER) as db:
        db.exec_driver_sql(sql)


@pytest.mark.parametrize("by", ["key", "rowid"])
@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT"])
@pytest.mark.parametrize("name", OTHER)
def test_no_row_is_replaced(sqlite: Database, name: str, verb: str, by: str) -> None:
    a_log(sqlite)
    before = rows(sqlite, name)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="only appended to"):
        replace(sqlite, name, verb, by=by)
    assert rows(sqlite, name) == before != []


def test_the_tables_let_go_of_it_on_the_way_down(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate.upgrade(url)
    migrate.downgrade(url, "0009")
    database = open_database(url)
    a_log(database)
    [(place, *row)] = rows(database, "audit_seal")
    replace(database, "audit_seal", "REPLACE", by="key")
    [(moved, *again)] = rows(database, "audit_seal")
    assert (again, moved > place) == (row, True)
    migrate.upgrade(url)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="only appended to"):
        replace(database, "audit_seal", "REPLACE", by="key")
    database.dispose()
