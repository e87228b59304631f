"""Backup and restore: online, encrypted, verified; refusals leave everything as it was."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine import cipher
from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Connection, Database, open_database
from app.db.engine.scope import OWNER
from app.db.keys.keyring import Keyring
from app.db.maintenance import backup
from app.db.models import Location
from app.db.rows.practice import LocationValues
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services import records
from app.services.audit import seals
from app.services.practice import practices
from tests.support import databases
from tests.support.clinic import NOW
from tests.support.commands import Cli

WRITERS = 4
CANARIES = [f"Canary{number:03}-Street" for number in range(200)]
pytestmark = pytest.mark.skipif(
    not cipher.can_encrypt(sqlite_backend.driver()), reason="sqlcipher3 is not on this platform"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "twelveweeks" / "twelveweeks.db"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "away" / "monday.backup"


@pytest.fixture
def clinic(bare: Cli, file: Path, out: Path, tmp_path: Path) -> Actor:
    """An encrypted database with a practice and two hundred canaries, made by commands."""
    out.parent.mkdir()
    assert bare("db", "upgrade").status == 0
    with opened(file, keyring(tmp_path)) as database:
        with database.write(OWNER) as db:
            made = found(db)
        by = Actor(made["id"], ActorType.SYSTEM, None, "tests")
        add(database, by, *CANARIES[1:])
    return by


def keyring(tmp_path: Path) -> Keyring:
    return databases.keyring_of(tmp_path / "config")


@contextmanager
def opened(file: Path, ring: Keyring | None) -> Iterator[Database]:
    database = open_database(f"sqlite:///{file}", keyring=ring)
    try:
        yield database
    finally:
        database.dispose()


def found(db: Connection) -> Any:
    return practices.create(
        db, id=new_id(NOW), name=CANARIES[0], time_zone="UTC", by_name="tests", now=NOW
    )


def add(database: Database, by: Actor, *named: str) -> None:
    with database.write(OWNER) as db:
        for name in named:
            values = LocationValues(name=name, time_zone="America/New_York")
            records.create(db, Location, values, kind="location", by=by, now=NOW)


def names(database: Database) -> set[str]:
    with database.read(OWNER) as db:
        return set(db.execute(text("SELECT name FROM location")).scalars())


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith("-lock"))


def test_what_is_saved_comes_back(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    made = bare("backup", out, "--json").json
    assert made["rows"]["location"] == len(CANARIES) - 1
    assert made["total"] == sum(made["rows"].values())
    assert made["key"] == keyring(tmp_path).newest.id
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert left(out.parent) == [out.name]
    assert made["key"].encode() in out.read_bytes()[:64]
    assert not [word for word in CANARIES if word.encode() in out.read_bytes()]

    with opened(file, keyring(tmp_path)) as database:
        add(database, clinic, "Later")
    assert f"{file} exists already" in bare("restore", out).refused()
    restored = bare("restore", out, "--replace", "--json").json
    assert restored["rows"] == made["rows"]
    with opened(file, keyring(tmp_path)) as database:
        assert names(database) == set(CANARIES[1:])
        assert database.encrypted_with == made["key"]
    assert left(file.parent) == [file.name]
    assert bare("db", "check", "--json").json["ok"]


def test_it_is_restored_where_nothing_was(
    bare: Cli, clinic: Actor, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = bare("backup", out)
    assert "location" in told.out
    target = tmp_path / "new" / "place.db"
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", f"sqlite:///{target}")
    assert "restored the backup" in bare("restore", out).out
    with opened(target, keyring(tmp_path)) as database:
        assert names(database) == set(CANARIES[1:])
    monkeypatch.setenv("TWELVEWEEKS_ENCRYPTION", "false")
    done = bare("restore", out, "--replace")
    assert "not encrypted" in done.err
    assert target.read_bytes().startswith(b"SQLite format 3")


def test_a_plain_database_has_an_encrypted_backup(
    bare: Cli, file: Path, out: Path, tmp_path: Path
) -> None:
    out.parent.mkdir()
    file.parent.mkdir(parents=True)
    databases.sqlite_copy(file)
    with opened(file, None) as database, database.write(OWNER) as db:
        found(db)
    assert "twelveweeks keyring create" in bare("backup", out).refused()
    assert not (tmp_path / "config").exists()
    assert bare("keyring", "create").status == 0
    assert bare("backup", out, "--json").json["rows"]["practice"] == 1
    assert CANARIES[0].encode() not in out.read_bytes()
    assert bare("restore", out, "--replace").status == 0
    with opened(file, keyring(tmp_path)) as database, database.read(OWNER) as db:
        assert db.execute(text("SELECT name FROM practice")).scalar_one() == CANARIES[0]


def test_backups_while_four_write_are_prefixes(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    acknowledged: list[list[str]] = [[] for _ in range(WRITERS)]
    ends = threading.Event()

    def write(number: int, database: Database) -> None:
        while not ends.is_set():
            name = f"{number}:{len(acknowledged[number])}"
            add(database, clinic, name)
            acknowledged[number].append(name)

    with opened(file, keyring(tmp_path)) as database:
        threads = [threading.Thread(target=write, args=(n, database)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            taken = []
            for number in range(3):
                while min(map(len, acknowledged)) < 10 * (number + 1):
                    ends.wait(0.005)
                before = {name for names in acknowledged for name in names}
                target = out.with_name(f"{number}.backup")
                rows = bare("backup", target, "--json").json["rows"]
                taken.append((target, before, rows))
        finally:
            ends.set()
            for thread in threads:
                thread.join(30)
    for target, before, rows in taken:
        assert bare("restore", target, "--replace").status == 0
        with opened(file, keyring(tmp_path)) as database:
            kept = {name for name in names(database) if ":" in name}
            with database.read(OWNER) as db:
                audited = db.execute(
                    text("SELECT count(*) FROM audit_event WHERE resource_type = 'location'")
                ).scalar_one()
        assert before <= kept
        for number, written in enumerate(acknowledged):
            own = {name for name in kept if name.startswith(f"{number}:")}
            assert own == set(written[: len(own)])
        assert audited == rows["location"] == len(kept) + len(CANARIES) - 1


# --- refusals -------------------------------------------------------------------------------------


def test_a_wrong_or_lost_key_writes_nothing(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bare("backup", out).status == 0
    before = file.read_bytes()
    key = keyring(tmp_path).newest
    elsewhere = tmp_path / "elsewhere.key"
    for text_, told in (
        (f"{'f' * 8} {'22' * 32}\n", f"needs the master key {key.id}"),
        (f"{key.id} {'22' * 32}\n", "is a different one"),
        (None, "no master key"),
    ):
        elsewhere.unlink(missing_ok=True)
        if text_:
            elsewhere.touch(0o600)
            elsewhere.write_text(text_)
        monkeypatch.setenv("TWELVEWEEKS_KEY_FILE", str(elsewhere))
        assert told in bare("restore", out, "--replace").refused()
        monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", f"sqlite:///{tmp_path}/none/new.db")
        assert told in bare("restore", out).refused()
        assert not (tmp_path / "none").exists() or left(tmp_path / "none") == []
        monkeypatch.delenv("TWELVEWEEKS_DATABASE_URL")
    assert file.read_bytes() == before
    assert left(file.parent) == [file.name]


def test_a_changed_backup_is_refused_whole(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    assert bare("backup", out).status == 0
    whole, before = out.read_bytes(), file.read_bytes()
    places = [0, 25, 30, 60, 200, len(whole) // 2, len(whole) - 1]
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in places]
    for content in (*changed, whole[:-1], whole[:40], whole + b"\0", b"", b"Dear colleague"):
        out.write_bytes(content)
        assert bare("restore", out, "--replace").refused()
        assert file.read_bytes() == before
        assert left(file.parent) == [file.name]
    out.write_bytes(whole)
    assert bare("restore", out, "--replace").status == 0


def test_pages_of_another_backup_are_refused(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    """Each page is right by itself; the whole is not what was written."""
    assert bare("backup", out).status == 0
    first = out.read_bytes()
    with opened(file, keyring(tmp_path)) as database:
        add(database, clinic, "Later")
    assert bare("backup", out, "--replace").status == 0
    second = out.read_bytes()
    out.write_bytes(second[:-4096] + first[-4096:])
    assert "is damaged" in bare("restore", out, "--replace").refused()


def test_what_is_there_is_not_written_over(bare: Cli, clinic: Actor, out: Path) -> None:
    out.write_text("precious")
    assert "exists already" in bare("backup", out).refused()
    assert out.read_text() == "precious"
    assert bare("backup", out, "--replace").status == 0


def test_a_log_that_was_altered_is_told_and_saved_all_the_same(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    with opened(file, keyring(tmp_path)) as database:
        # Ids only ever grow, and other tests of this process may have been in the future.
        ahead = NOW + timedelta(days=365 * 100)
        assert seals.seal(database, practice_id=clinic.practice_id, now=ahead)
        assert bare("backup", out, "--json").json["faults"] == []
        with database.write(OWNER) as db:
            for name in (
                db.execute(text("SELECT name FROM sqlite_schema WHERE type = 'trigger'"))
                .scalars()
                .all()
            ):
                db.execute(text(f"DROP TRIGGER {name}"))
            edited = db.execute(
                text("UPDATE audit_event SET by_name = 'nobody' WHERE resource_type = 'practice'")
            )
            assert edited.rowcount == 1
    for command in ("backup", "restore"):
        done = bare(command, out, "--replace", "--json")
        assert done.status == 1
        (fault,) = done.json["faults"]
        assert clinic.practice_id in fault
        assert " edited " in fault
    assert left(file.parent) == [file.name]
    assert left(out.parent) == [out.name]


def test_a_database_in_use_is_not_replaced(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    with opened(file, keyring(tmp_path)) as database:
        assert len(names(database)) == len(CANARIES) - 1
        assert bare("backup", out).status == 0
        assert "stop the server first" in bare("restore", out, "--replace").refused()
        add(database, clinic, "Later")
        assert "Later" in names(database)


def test_the_log_of_a_broken_database_is_not_read_into_the_new_one(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    assert bare("backup", out).status == 0
    with opened(file, keyring(tmp_path)) as database:
        add(database, clinic, "Later")
        log = file.with_name(f"{file.name}-wal").read_bytes()
    file.write_bytes(b"broken" * 1000)
    file.with_name(f"{file.name}-wal").write_bytes(log)
    assert bare("restore", out, "--replace").status == 0
    with opened(file, keyring(tmp_path)) as database:
        assert names(database) == set(CANARIES[1:])


def test_a_backup_of_a_newer_program_is_refused(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    with opened(file, keyring(tmp_path)) as database, database.write(OWNER) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ring = keyring(tmp_path)
    backup.save(file, out, ring, made_at=NOW.isoformat(), program="99")
    before = file.read_bytes()
    assert "newer Twelveweeks" in bare("restore", out, "--replace").refused()
    assert file.read_bytes() == before


def test_postgresql_is_told_where_its_recipe_is(
    bare: Cli, postgresql: Database, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.engine.url
    address = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", address)
    for command in ("backup", "restore"):
        assert "docs/operations/backup.md" in bare(command, out).refused()
    assert (Path(__file__).parents[2] / "docs" / "operations" / "backup.md").is_file()


def test_an_old_key_is_enough_for_an_old_backup(
    bare: Cli, clinic: Actor, file: Path, out: Path, tmp_path: Path
) -> None:
    assert bare("backup", out).status == 0
    old = keyring(tmp_path).newest.id
    assert bare("db", "rekey").status == 0
    restored = bare("restore", out, "--replace", "--json").json
    assert restored["key"] == old
    with opened(file, keyring(tmp_path)) as database:
        assert len(names(database)) == len(CANARIES) - 1
        assert database.encrypted_with == keyring(tmp_path).newest.id != old
    assert left(file.parent) == [file.name]
