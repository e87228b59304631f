"""The commands about master keys and the encrypted file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.db.engine import cipher
from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Database
from app.settings import Settings
from tests.support import databases
from tests.support.commands import Cli, Served

Serving = Callable[..., Served]
pytestmark = pytest.mark.skipif(
    not cipher.can_encrypt(sqlite_backend.driver()), reason="sqlcipher3 is not on this platform"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "twelveweeks" / "twelveweeks.db"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "twelveweeks" / "master.key"


def made(bare: Cli) -> str:
    """Make the encrypted database and a practice; the id of its key."""
    key = bare("db", "upgrade", "--json").json["key"]
    assert bare("practice", "create", "--name", "Clinic", "--time-zone", "UTC").status == 0
    return str(key)


def found(bare: Cli) -> list[str]:
    return [practice["name"] for practice in bare("practice", "list", "--json").json["items"]]


def test_the_key_is_made_with_the_database_and_only_then(
    bare: Cli, file: Path, key_file: Path
) -> None:
    for command in (("practice", "list"), ("due",), ("db", "check"), ("openapi",)):
        bare(*command)
        assert not key_file.exists()
    key = made(bare)
    assert key_file.read_text().count(key) == 1
    assert not file.read_bytes().startswith(b"SQLite format 3")
    assert found(bare) == ["Clinic"]
    assert bare("keyring", "show", "--json").json["keys"][0]["id"] == key
    key_file.parent.rename(key_file.parents[1] / "lost")
    before = file.read_bytes()
    for command in (("practice", "list"), ("db", "upgrade"), ("serve",), ("db", "rekey")):
        assert "TWELVEWEEKS_KEY_FILE" in bare(*command).refused()
    assert not key_file.parent.exists()
    assert file.read_bytes() == before


def test_no_command_shows_a_key(bare: Cli, key_file: Path) -> None:
    made(bare)
    commands = (("keyring", "show"), ("keyring", "rotate"), ("db", "rekey"), ("db", "check"))
    said = "".join(f"{bare(*c).out} {bare(*c, '--json').out}" for c in commands)
    keys = re.findall(r"[0-9a-f]{64}", key_file.read_text())
    assert len(keys) == 4
    assert not [key for key in keys if key in said or key[:16] in said]
    settings = Settings(master_key=f"aaaa {keys[0]}")
    assert keys[0] not in f"{settings!r} {settings} {settings.model_dump()}"


def test_a_key_that_others_can_read_stops_everything(bare: Cli, key_file: Path) -> None:
    made(bare)
    key_file.chmod(0o644)
    for command in (("practice", "list"), ("serve",), ("backup", "x"), ("keyring", "rotate")):
        assert "chmod 600" in bare(*command).refused()


def test_keys_can_come_from_the_environment(
    bare: Cli, file: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = f"aaaa {'ab' * 32}", f"bbbb {'cd' * 32}"
    monkeypatch.setenv("TWELVEWEEKS_MASTER_KEY", first)
    assert made(bare) == "aaaa"
    assert not key_file.exists()
    assert "TWELVEWEEKS_MASTER_KEY" in bare("db", "rekey").refused()
    monkeypatch.setenv("TWELVEWEEKS_MASTER_KEY", f"{second}, {first}")
    assert found(bare) == ["Clinic"]
    assert bare("db", "rekey", "--json").json["key"] == "bbbb"
    assert bare("keyring", "rotate").status == 0
    monkeypatch.setenv("TWELVEWEEKS_MASTER_KEY", second)
    assert found(bare) == ["Clinic"]
    monkeypatch.setenv("TWELVEWEEKS_MASTER_KEY", first)
    assert "TWELVEWEEKS_MASTER_KEY" in bare("practice", "list").refused()


def test_a_plain_file_goes_on_and_can_be_encrypted(
    bare: Cli, file: Path, key_file: Path, serving: Serving
) -> None:
    file.parent.mkdir(parents=True)
    databases.sqlite_copy(file)
    assert found(bare) == []
    served = serving("serve")
    assert served.told()
    assert "twelveweeks db encrypt" in served.log
    assert "stop the server first" in bare("db", "encrypt").refused()
    assert served.stop() == 0
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert not key_file.exists()
    assert bare("db", "encrypt", "--json").json["rows"] > 0
    assert not file.read_bytes().startswith(b"SQLite format 3")
    assert found(bare) == []
    assert "already" in bare("db", "encrypt").refused()
    again = serving("serve")
    assert again.told()
    assert "db encrypt" not in again.log
    assert "stop the server first" in bare("db", "rekey").refused()
    assert again.stop() == 0


def test_encryption_switched_off_is_told_at_the_start(
    bare: Cli, file: Path, key_file: Path, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWELVEWEEKS_ENCRYPTION", "false")
    served = serving("serve")
    assert served.told()
    assert "not encrypted" in served.log
    assert served.stop() == 0
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert not key_file.exists()


def test_rekey_can_be_done_again_after_a_crash(
    bare: Cli, file: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new key is in the ring first, so whatever happens next, both files can be read."""
    old = made(bare)

    def fails(made: Path, place: Path) -> None:
        raise OSError(28, "No space left on device", str(place))

    with monkeypatch.context() as broken:
        broken.setattr("app.db.maintenance.copying.put", fails)
        assert "No space left" in bare("db", "rekey").refused()
    assert found(bare) == ["Clinic"]
    assert bare("db", "check", "--json").json["key"] == old
    keys = [key["id"] for key in bare("keyring", "show", "--json").json["keys"]]
    assert len(keys) == 2
    assert bare("db", "rekey", "--json").json["key"] == keys[0]
    assert bare("db", "check", "--json").json["key"] == keys[0]
    assert [key["id"] for key in bare("keyring", "show", "--json").json["keys"]] == keys
    assert not [path for path in file.parent.iterdir() if path.name.startswith(".")]


def test_create_makes_one_key(bare: Cli) -> None:
    assert "no master key" in bare("keyring", "rotate").refused()
    assert bare("keyring", "create").status == 0
    assert "already" in bare("keyring", "create").refused()
    assert len(bare("keyring", "show", "--json").json["keys"]) == 1


def test_postgresql_has_no_file_to_encrypt(
    bare: Cli, postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.engine.url
    address = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", address)
    for command in ("encrypt", "rekey"):
        assert "PostgreSQL" in bare("db", command).refused()
    assert bare("keyring", "create").status == 0
    assert bare("keyring", "rotate").status == 0
