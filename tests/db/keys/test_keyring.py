"""The master keys: their file, and what is sealed with them."""

from __future__ import annotations

import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Table, insert, select, text, update

from app.db.base import ENCRYPTED, Key
from app.db.engine.engine import Database
from app.db.engine.row_security import ROLE
from app.db.engine.scope import OWNER
from app.db.keys.keyring import BACKUP, DATABASE, SECRET, DecryptionFailed, Keyring, KeyringUnusable
from app.db.maintenance.encrypted_columns import BATCH_SIZE, marked, reencrypt

DAY = "2026-03-20"
PLACE = {"table": "issuer", "column": "secret", "practice_id": "p1", "row_id": "r1"}
KEYS = f"aaaa {'11' * 32}\nbbbb {'22' * 32} 2025-01-02\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "master.key"


@pytest.fixture
def ring(file: Path) -> Keyring:
    made = Keyring.from_file(file)
    made.first(made_on=DAY)
    return made


# --- the file -------------------------------------------------------------------------------------


def test_the_first_key_is_for_its_owners_eyes(file: Path, ring: Keyring) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (key,) = ring.keys
    assert (len(key.secret), key.made_on) == (32, DAY)
    assert Keyring.from_file(file).keys == ring.keys
    assert ring.first(made_on=DAY) == key
    assert Keyring.from_file(file).first(made_on=DAY) == key


def test_first_callers_at_once_get_one_key(file: Path) -> None:
    made: list[str] = []

    def call(ring: Keyring) -> None:
        made.append(ring.first(made_on=DAY).id)

    threads = [threading.Thread(target=call, args=(Keyring.from_file(file),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(threads)
    assert set(made) == {Keyring.from_file(file).newest.id}


def test_a_ring_shows_no_key(ring: Keyring) -> None:
    assert ring.newest.secret.hex() not in repr(ring.keys) + repr(ring) + ring.place
    assert repr(ring.newest.secret) not in repr(ring.keys)


def test_the_order_is_newest_first(file: Path, ring: Keyring) -> None:
    first = ring.newest
    second = ring.add(made_on="2026-04-01")
    assert ring.keys == (second, first)
    assert Keyring.from_file(file).keys == (second, first)


def test_each_purpose_has_a_key_of_its_own(ring: Keyring) -> None:
    derived = {ring.newest.derived(label) for label in (DATABASE, SECRET, BACKUP)}
    assert len(derived) == 3
    assert ring.newest.secret not in derived
    assert Keyring(ring.keys).newest.derived(DATABASE) in derived


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_file_that_others_can_read_is_refused(file: Path, ring: Keyring, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(KeyringUnusable, match=f"{mode:o}.*chmod 600") as refused:
        Keyring.from_file(file)
    assert "TWELVEWEEKS_KEY_FILE" in str(refused.value)


def test_a_file_that_only_its_owner_reads_is_taken(file: Path, ring: Keyring) -> None:
    file.chmod(0o400)
    assert Keyring.from_file(file).keys == ring.keys


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("aaaa 1234\n", "line 1"),
        (f"{KEYS}nonsense\n", "line 3"),
        (f"aaaa {'11' * 32}\naaaa {'22' * 32}\n", "same id"),
        ("# nothing\n", "no key"),
        ("", "no key"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused(file: Path, text: str, told: str) -> None:
    file.parent.mkdir()
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(KeyringUnusable, match=told) as refused:
        Keyring.from_file(file)
    assert "11" * 32 not in str(refused.value)


def test_a_text_is_as_good_as_a_file() -> None:
    ring = Keyring.from_text(KEYS)
    assert [key.id for key in ring.keys] == ["aaaa", "bbbb"]
    assert ring.keys == Keyring.from_text(KEYS.strip().replace("\n", ", ")).keys
    assert ring.keys[1].made_on == "2025-01-02"
    with pytest.raises(KeyringUnusable, match="TWELVEWEEKS_MASTER_KEY"):
        ring.add(made_on=DAY)


def test_without_a_file_there_is_no_key_and_none_is_made(file: Path) -> None:
    ring = Keyring.from_file(file)
    with pytest.raises(KeyringUnusable, match="no master key"):
        ring.encrypt(b"x", **PLACE)
    assert not file.exists()


# --- sealed values --------------------------------------------------------------------------------


def test_what_is_sealed_is_opened_again(ring: Keyring) -> None:
    for plain in (b"", b"a", secrets.token_bytes(5000)):
        sealed = ring.encrypt(plain, **PLACE)
        assert ring.decrypt(sealed, **PLACE) == plain
        assert len(plain) < 16 or plain not in sealed
    assert ring.encrypt(b"a", **PLACE) != ring.encrypt(b"a", **PLACE)


@pytest.mark.parametrize("moved", PLACE)
def test_a_value_in_another_place_is_refused(ring: Keyring, moved: str) -> None:
    sealed = ring.encrypt(b"secret", **PLACE)
    with pytest.raises(DecryptionFailed, match="changed or moved"):
        ring.decrypt(sealed, **{**PLACE, moved: "other"})


def test_places_that_read_alike_are_not_the_same(ring: Keyring) -> None:
    sealed = ring.encrypt(b"secret", table="ab", column="c", practice_id="", row_id="d")
    with pytest.raises(DecryptionFailed):
        ring.decrypt(sealed, table="a", column="bc", practice_id="", row_id="d")


def test_every_flipped_bit_and_every_cut_is_refused(ring: Keyring) -> None:
    sealed = ring.encrypt(b"secret", **PLACE)
    for position in range(len(sealed)):
        for bit in range(8):
            broken = bytearray(sealed)
            broken[position] ^= 1 << bit
            with pytest.raises(DecryptionFailed):
                ring.decrypt(bytes(broken), **PLACE)
        with pytest.raises(DecryptionFailed):
            ring.decrypt(sealed[:position], **PLACE)


def test_an_unknown_key_is_refused(ring: Keyring) -> None:
    sealed = Keyring.from_text(KEYS).encrypt(b"secret", **PLACE)
    with pytest.raises(DecryptionFailed, match="not here"):
        ring.decrypt(sealed, **PLACE)


def test_a_key_added_elsewhere_is_found(file: Path, ring: Keyring) -> None:
    other = Keyring.from_file(file)
    added = other.add(made_on=DAY)
    assert ring.decrypt(other.encrypt(b"secret", **PLACE), **PLACE) == b"secret"
    assert ring.newest == added


# --- rotation under traffic -----------------------------------------------------------------------

tables = MetaData()
held = Table(
    "held_secret",
    tables,
    Column("practice_id", Key, primary_key=True),
    Column("id", Key, primary_key=True),
    Column("secret", LargeBinary, info=ENCRYPTED),
    Column("other", LargeBinary),
)
ROWS = BATCH_SIZE * 6 + 7


def uuid(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012}"


def place(number: int) -> dict[str, str]:
    return {
        "table": "held_secret",
        "column": "secret",
        "practice_id": uuid(number % 3),
        "row_id": uuid(number),
    }


@pytest.fixture
def secretive(database: Database, ring: Keyring) -> Iterator[Database]:
    """A database with a table of sealed values."""
    with database.write(OWNER) as db:
        tables.create_all(db)
        if database.dialect == "postgresql":
            db.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON held_secret TO {ROLE}"))
        for number in range(ROWS):
            at = place(number)
            sealed = ring.encrypt(f"secret {number}".encode(), **at) if number else None
            row = {"practice_id": at["practice_id"], "id": at["row_id"], "secret": sealed}
            db.execute(insert(held), row | {"other": b"left alone"})
    yield database
    with database.write(OWNER) as db:
        tables.drop_all(db)


def stored(database: Database, number: int) -> bytes:
    at = place(number)
    wanted = select(held.c.secret).where(
        held.c.practice_id == at["practice_id"], held.c.id == at["row_id"]
    )
    with database.read(OWNER) as db:
        return bytes(db.execute(wanted).scalar_one())


def sealed_again(database: Database, ring: Keyring) -> int:
    return sum(reencrypt(database, ring, practice_id=uuid(n), tables=tables) for n in range(3))


def test_only_marked_columns_are_sealed_again(secretive: Database, ring: Keyring) -> None:
    assert [column.name for column in marked(tables)] == ["secret"]
    assert sealed_again(secretive, ring) == 0
    ring.add(made_on=DAY)
    assert sealed_again(secretive, ring) == ROWS - 1
    assert sealed_again(secretive, ring) == 0
    without_the_old = Keyring(ring.keys[:1])
    for number in range(1, ROWS):
        plain = without_the_old.decrypt(stored(secretive, number), **place(number))
        assert plain == f"secret {number}".encode()


def test_rotation_goes_on_beside_a_reader_and_a_writer(
    secretive: Database, ring: Keyring, file: Path
) -> None:
    """The server has a ring of its own; what it changes meanwhile is not undone."""
    server, failed, done = Keyring.from_file(file), [], threading.Event()
    counts = {"read": 0, "written": 0}
    written: dict[int, bytes] = {}

    def tried(act: Callable[[int], None]) -> None:
        number = 0
        while not done.is_set() or number < ROWS:
            number += 1
            try:
                act(1 + number % (ROWS - 1))
            except Exception as failure:
                failed.append(failure)

    def read(number: int) -> None:
        assert b"secret" in server.decrypt(stored(secretive, number), **place(number))
        counts["read"] += 1

    def write(number: int) -> None:
        at, plain = place(number), f"new secret {number} {counts['written']}".encode()
        change = update(held).where(
            held.c.practice_id == at["practice_id"], held.c.id == at["row_id"]
        )
        with secretive.write(OWNER) as db:
            db.execute(change.values(secret=server.encrypt(plain, **at)))
        written[number] = plain
        counts["written"] += 1

    threads = [threading.Thread(target=tried, args=(act,)) for act in (read, write)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            ring.add(made_on=DAY)
            sealed_again(secretive, ring)
    finally:
        done.set()
        for thread in threads:
            thread.join(60)
    assert failed == []
    assert min(counts.values()) >= ROWS
    for number, plain in written.items():
        assert ring.decrypt(stored(secretive, number), **place(number)) == plain
    left = sorted(path.name for path in file.parent.iterdir())
    assert left == [file.name, f"{file.name}-lock"]
