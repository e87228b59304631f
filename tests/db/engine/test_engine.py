"""The two databases behave alike: reads stand alone, writes are whole or not at all."""

import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy import Connection, literal, select, text

from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from tests.support.notes import COUNT, add, another, count, sent_while

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


# --- reads ----------------------------------------------------------------------------------------


def test_a_read_sends_one_begin_its_statements_and_one_commit(postgresql: Database) -> None:
    def read_twice() -> None:
        for _ in range(2):
            with single.read(OWNER) as db:
                db.execute(text("SELECT 1 AS looked_up")).all()

    with another(postgresql, pool_size=1) as single:
        read_twice()
        sent = sent_while(single, read_twice)
    assert sent.count("Execute") == 2
    assert sent.count("Sync") == 2
    # BEGIN with the scope is one message, and COMMIT is another.
    assert sent.count("Query") == 4
    assert (sent.count("BEGIN"), sent.count("COMMIT")) == (2, 2)
    assert not any(word in sent for word in ("ROLLBACK", "DEALLOCATE"))


def test_a_write_sends_one_begin_and_one_commit(postgresql: Database) -> None:
    def write() -> None:
        with single.write(OWNER) as db:
            db.execute(text("SELECT 1 AS looked_up")).all()

    with another(postgresql, pool_size=1) as single:
        write()
        sent = sent_while(single, write)
    assert sent.count("BEGIN") == 1
    assert sent.count("COMMIT") == 1
    assert "ROLLBACK" not in sent


def test_turning_to_where_one_is_already_sends_nothing(postgresql: Database) -> None:
    scope = "019d0bc2-a980-7004-aeca-95ac71c09566"

    def write(*turns: str) -> None:
        with single.write(scope) as db:
            for to in turns:
                with single.as_practice(db, to):
                    db.execute(select(literal(1).label("looked_up"))).all()

    with another(postgresql, pool_size=1) as single:
        write(scope)
        here = sent_while(single, lambda: write(scope))
        away = sent_while(single, lambda: write("019d0bc2-a980-7004-aeca-95ac71c09567"))
    assert here.count("Query") == 2  # BEGIN with the scope, and COMMIT
    assert away.count("Query") == 4


def test_statements_stay_prepared_between_reads_and_writes(postgresql: Database) -> None:
    with another(postgresql, pool_size=1) as single:
        for way in (single.read, single.write, single.read, single.write):
            with way(OWNER) as db:
                db.execute(text("SELECT 42 AS prepared")).all()
        with single.read(OWNER) as db:
            listed = db.execute(text("SELECT statement FROM pg_prepared_statements")).scalars()
            assert "SELECT 42 AS prepared" in set(listed)


def test_statements_are_not_prepared_for_an_old_pooler(postgresql: Database) -> None:
    with another(postgresql, pool_size=1, prepared=False) as single, single.read(OWNER) as db:
        for _ in range(8):
            db.execute(text("SELECT 42 AS prepared")).all()
        assert db.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0
        assert db.execute(text("SHOW timezone")).scalar_one() == "UTC"


def test_a_read_sees_one_state_and_the_next_one_what_was_saved(notes: Database) -> None:
    with notes.read(OWNER) as reading:
        assert reading.execute(COUNT).scalar_one() == 0
        with notes.write(OWNER) as writing:
            add(writing, 1)
        assert reading.execute(COUNT).scalar_one() == 0
    with notes.read(OWNER) as reading:
        assert reading.execute(COUNT).scalar_one() == 1


def test_ids_come_back_as_text(notes: Database) -> None:
    with notes.write(OWNER) as db:
        db.execute(text("INSERT INTO note (id, n) VALUES (:id, 1)"), {"id": ID})
    for _ in range(3):  # once plain, then prepared
        with notes.read(OWNER) as db:
            assert db.execute(text("SELECT id FROM note")).scalar_one() == ID


# --- writes ---------------------------------------------------------------------------------------


def test_a_write_is_saved_at_its_end_and_not_before(notes: Database) -> None:
    with notes.write(OWNER) as db:
        add(db, 1)
        assert count(notes) == 0
    assert count(notes) == 1


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_any_exception_undoes_the_write(notes: Database, failure: BaseException) -> None:
    def write() -> None:
        with notes.write(OWNER) as db:
            add(db, 1)
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert count(notes) == 0
    with notes.write(OWNER) as db:  # and nothing is left behind that would stop the next one
        add(db, 1)
    assert count(notes) == 1


def test_a_broken_rule_undoes_the_write_and_keeps_its_name(notes: Database) -> None:
    def write() -> None:
        with notes.write(OWNER) as db:
            add(db, 1)
            add(db, 1)

    with pytest.raises(sqlalchemy.exc.IntegrityError):
        write()
    assert count(notes) == 0


def test_a_swallowed_failure_is_not_taken_for_saved(notes: Database) -> None:
    def write() -> None:
        with notes.write(OWNER) as db:
            add(db, 1)
            with pytest.raises(sqlalchemy.exc.IntegrityError):
                add(db, 1)

    if notes.dialect == "postgresql":
        with pytest.raises(RuntimeError, match="nothing is saved"):
            write()
        assert count(notes) == 0
    else:  # SQLite undoes the failed statement only, and saves the rest
        write()
        assert count(notes) == 1


def test_a_savepoint_undoes_its_part_only(notes: Database) -> None:
    def add_two(db: Connection) -> None:
        with db.begin_nested():
            add(db, 2)
            add(db, 1)

    with notes.write(OWNER) as db:
        add(db, 1)
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            add_two(db)
    assert count(notes) == 1


def test_a_failed_commit_raises_and_saves_nothing(sqlite: Database) -> None:
    with sqlite.write(OWNER) as db:
        db.execute(text("CREATE TABLE parent (id integer PRIMARY KEY)"))
        db.execute(
            text("CREATE TABLE child (id integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
        )

    def write() -> None:
        with sqlite.write(OWNER) as db:
            db.execute(text("INSERT INTO child VALUES (1)"))

    with pytest.raises(Exception, match="FOREIGN KEY"):
        write()
    with sqlite.read(OWNER) as db:
        assert db.execute(text("SELECT count(*) FROM child")).scalar_one() == 0


def test_threads_that_read_and_then_write_never_lose_an_update(notes: Database) -> None:
    with notes.write(OWNER) as db:
        add(db, 0)
    lock_row = " FOR UPDATE" if notes.dialect == "postgresql" else ""
    read = text("SELECT n FROM note" + lock_row)
    failures: list[Exception] = []

    def ctx() -> None:
        try:
            for _ in range(50):
                with notes.write(OWNER) as db:
                    n = db.execute(read).scalar_one()
                    db.execute(text("UPDATE note SET n = :n"), {"n": n + 1})
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ctx) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with notes.read(OWNER) as db:
        assert db.execute(text("SELECT n FROM note")).scalar_one() == 300


# --- opening --------------------------------------------------------------------------------------


def test_the_version_names_the_database(database: Database) -> None:
    name = {"sqlite": "SQLite 3.", "postgresql": "PostgreSQL 1"}[database.dialect]
    assert database.version().startswith(name)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "no address", "", "postgres"]
)
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|needs a file"):
        open_database(url)


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/new/folder/file.db")
    with database.read(OWNER) as db:
        assert db.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert db.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert db.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.dispose()


def test_the_standard_driver_does_the_work_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "sqlcipher3.dbapi2", None)
    database = open_database(f"sqlite:///{tmp_path / 'plain.db'}")
    with database.write(OWNER) as db:
        db.execute(text("CREATE TABLE t (a integer)"))
    assert database.version() == f"SQLite {sqlite3.sqlite_version}"
    old = sqlite3.sqlite_version_info < sqlite_backend.SAFE_FROM
    assert ("can corrupt" in caplog.text) is old
    database.dispose()


def test_the_write_lock_serves_in_the_order_of_arrival() -> None:
    lock = sqlite_backend.FairLock()
    assert lock.acquire(1)
    served: list[int] = []

    def wait(number: int) -> None:
        assert lock.acquire(5)
        served.append(number)
        lock.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        time.sleep(0.02)
    assert not lock.acquire(0.01)
    lock.release()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
