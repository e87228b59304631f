"""What the engine says when the database is locked, gone, or not telling the whole truth."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import text

from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Database, DatabaseAway, DatabaseBusy, open_database, translate
from app.db.engine.scope import OWNER
from tests.support.notes import add, another


def test_no_free_connection_is_busy(database: Database) -> None:
    with (
        another(database, pool_size=1, busy_timeout=0.1) as single,
        single.read(OWNER),
        pytest.raises(DatabaseBusy),
        single.read(OWNER),
    ):
        pass


def test_a_row_or_file_locked_by_others_is_busy(notes: Database) -> None:
    def write() -> None:
        with impatient.write(OWNER) as db:
            if impatient.dialect == "postgresql":
                db.execute(text("SET LOCAL lock_timeout = '100ms'"))
            db.execute(text("UPDATE note SET n = n + 1"))

    with notes.write(OWNER) as db:
        add(db, 1)
    with another(notes, busy_timeout=0.2) as impatient:
        with notes.write(OWNER) as db:
            db.execute(text("UPDATE note SET n = n + 1"))
            with pytest.raises(DatabaseBusy):
                write()
        write()


def test_a_file_locked_from_outside_is_waited_for_and_then_busy(sqlite: Database) -> None:
    path = sqlite.engine.url.database
    assert path
    # The same driver: two SQLite libraries in one process do not see each other's locks.
    connect = sqlite_backend.driver().connect
    with closing(connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            another(sqlite, busy_timeout=0.2) as impatient,
            pytest.raises(DatabaseBusy),
            impatient.write(OWNER),
        ):
            pass
        release = threading.Timer(0.3, other.rollback)
        release.start()
        with sqlite.write(OWNER):
            pass
        release.join()


def test_a_statement_that_is_cancelled_is_busy(postgresql: Database) -> None:
    def read() -> None:
        with postgresql.write(OWNER) as db:
            db.execute(text("SET LOCAL statement_timeout = '50ms'"))
            db.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(DatabaseBusy):
        read()


def test_nobody_there_is_away(tmp_path: Path) -> None:
    nowhere = open_database(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(DatabaseAway), nowhere.read(OWNER):
        pass


def test_a_place_that_cannot_hold_a_file_is_away(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    blocked = open_database(f"sqlite:///{tmp_path / 'folder.db'}")
    with pytest.raises(DatabaseAway), blocked.write(OWNER):
        pass


def test_a_connection_that_died_while_idle_is_replaced_unseen(postgresql: Database) -> None:
    with another(postgresql, pool_size=1) as single:
        with single.read(OWNER) as db:
            pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with postgresql.read(OWNER) as db:
            db.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with single.read(OWNER) as db:
            assert db.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid


def test_a_connection_that_dies_in_use_is_away_and_then_replaced(postgresql: Database) -> None:
    def write() -> None:
        with single.write(OWNER) as db:
            pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with postgresql.read(OWNER) as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            db.execute(text("SELECT 1"))

    with another(postgresql, pool_size=1) as single:
        with pytest.raises(DatabaseAway):
            write()
        with single.read(OWNER) as db:
            assert db.execute(text("SELECT 1")).scalar_one() == 1


def test_a_commit_that_only_warns_is_not_taken_for_saved(postgresql: Database) -> None:
    """A trigger at commit stands in for the replica that did not answer."""
    with postgresql.write(OWNER) as db:
        db.execute(text("CREATE TABLE warned (id integer)"))
        db.execute(
            text(
                "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE WARNING 'no answer'; RETURN NULL; END $$"
            )
        )
        db.execute(
            text(
                "CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON warned DEFERRABLE "
                "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()"
            )
        )
    try:
        with pytest.raises(DatabaseAway, match="replica"), postgresql.write(OWNER) as db:
            db.execute(text("INSERT INTO warned VALUES (1)"))
    finally:
        with postgresql.write(OWNER) as db:
            db.execute(text("DROP TABLE warned"))
            db.execute(text("DROP FUNCTION warn"))


def test_an_error_text_holds_no_values(notes: Database) -> None:
    with notes.write(OWNER) as db:
        add(db, 271828)
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught, notes.write(OWNER) as db:
        add(db, 271828)
    assert "271828" not in str(caught.value) + str(caught.value.orig)
    assert "note" in str(caught.value.orig)


def test_what_is_not_the_machinery_is_left_alone() -> None:
    for failure in (ValueError(), psycopg.errors.UniqueViolation(), sqlite3.IntegrityError()):
        assert translate(failure) is failure
