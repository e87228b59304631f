"""Practices, keys, the database commands: what scripts read, and one line for every error."""

import subprocess
from pathlib import Path

import pytest

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from tests.support import databases
from tests.support.commands import COMMAND, Cli


def practice(cli: Cli) -> str:
    made = cli(
        "practice", "create", "--name", "Clinic", "--time-zone", "America/New_York", "--json"
    )
    assert made.err == ""
    return str(made.json["id"])


def test_a_practice_is_made_and_listed(cli: Cli) -> None:
    made = practice(cli)

    listed = cli("practice", "list", "--json").json["items"]

    assert [(p["id"], p["name"], p["min_interval_days"]) for p in listed] == [(made, "Clinic", 84)]
    assert made in cli("practice", "list").out


def test_a_key_is_made_listed_and_revoked(cli: Cli) -> None:
    made = practice(cli)

    key = cli("keys", "create", "--practice", made, "--name", "front desk", "--json").json

    assert key["key"].startswith(key["prefix"])
    listed = cli("keys", "list", "--practice", made, "--json")
    assert key["key"] not in listed.out
    assert [(k["name"], k["revoked_at"]) for k in listed.json["items"]] == [("front desk", None)]
    revoked = cli("keys", "revoke", key["id"], "--practice", made, "--json").json
    assert revoked["revoked_at"]
    # Without --json the key alone, for $(...); without --practice the only one there is.
    assert cli("keys", "create").out.startswith("tw_")
    assert "within 60 seconds" in cli("keys", "revoke", key["prefix"]).out
    assert "the key is revoked" in cli("keys", "rotate", key["prefix"]).refused()


def test_with_two_practices_one_has_to_be_named(cli: Cli) -> None:
    practice(cli)
    practice(cli)
    assert "--practice" in cli("keys", "list").refused()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("due",), "practice create"),
        (("due", "--practice", "01890a5d-ac96-774b-bcce-b302099a8057"), "no practice with that id"),
        (("due", "--practice", "x' OR 1=1"), "no practice with that id"),
        (("keys", "create", "--name", " "), "name"),
        (("practice", "create", "--name", "A\nB", "--time-zone", "UTC"), "name"),
        (("practice", "create", "--name", "A", "--time-zone", "Mars/Olympus"), "time zone"),
        (("practice", "create", "--name", "A", "--time-zone", "../etc/passwd"), "time zone"),
        (("practice", "create", "--name", "A"), "--time-zone"),
        (("due", "--on", "30.3.2026"), "2026-03-30"),
        (("due", "--on", "20260330"), "2026-03-30"),
        (("due", "--status", "late"), "overdue"),
        (("serve", "--port", "123456"), "--port"),
        (("nonsense",), "nonsense"),
        (("db",), "command"),
        (("due", "--nonsense"), "--nonsense"),
    ],
)
def test_an_error_is_one_line(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    assert says.casefold() in cli(*arguments).refused().casefold()


def test_an_unknown_key_is_an_error(cli: Cli) -> None:
    made = practice(cli)
    for key in ("x", "01890a5d-ac96-774b-bcce-b302099a8057"):
        assert "key" in cli("keys", "revoke", key, "--practice", made).refused()


def test_a_database_without_tables_says_what_to_run(bare: Cli, tmp_path: Path) -> None:
    assert "twelveweeks db upgrade" in bare("due").refused()
    assert not list((tmp_path / "data").rglob("*.db")), "asking must not make the file"

    checked = bare("db", "check", "--json")
    assert (checked.status, checked.json["ok"], checked.json["revision"]) == (1, False, None)

    told = bare("db", "check").out
    assert "no tables yet" in told
    assert "None" not in told

    made = bare("db", "upgrade", "--json").json
    assert made["revision"] == migrate.head()
    assert bare("db", "upgrade").status == 0
    assert f"encrypted with key {made['key']}" in bare("db", "check").out
    lost = bare("backup", tmp_path / "nowhere" / "x.backup").refused()
    assert lost == f"twelveweeks: {tmp_path}/nowhere/x.backup: No such file or directory\n"
    assert bare("practice", "list", "--json").json == {"items": []}


def test_an_empty_postgresql_says_what_to_run(
    bare: Cli, postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = databases.postgres()
    assert server
    server.admin("DROP DATABASE IF EXISTS cli_empty")
    server.admin("CREATE DATABASE cli_empty")
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", server.url("cli_empty"))

    for command in ("due", "serve", "demo"):
        assert "twelveweeks db upgrade" in bare(command).refused()
    assert bare("db", "check").status == 1
    assert bare("db", "upgrade").status == 0
    assert bare("practice", "list").status == 0


def test_a_newer_database_is_left_alone(cli: Cli, database: Database) -> None:
    with database.write(OWNER) as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    try:
        for command in (("due",), ("db", "upgrade"), ("serve",)):
            assert "newer" in cli(*command).refused()
    finally:
        with database.write(OWNER) as db:
            db.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{migrate.head()}'")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://secret@x/y", "sqlite:/// or postgresql://"),
        ("DATABASE_URL", "nonsense secret", "cannot be read"),
        ("DATABASE_URL", "sqlite:///:memory:secret", "twelveweeks db upgrade"),
        ("DATABASE_URL", "postgresql://secret@127.0.0.1:1/x", "cannot be reached"),
        ("PORT", "secret", "TWELVEWEEKS_PORT"),
    ],
)
def test_a_wrong_setting_is_named_and_not_repeated(
    bare: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"TWELVEWEEKS_{name}", value)
    told = bare("practice", "list").refused()
    assert says in told
    assert "secret" not in told


def test_a_file_that_is_no_database_is_told(bare: Cli, home: Path) -> None:
    (home / "letter.db").write_text("Dear colleague, " * 100)
    (home / ".env").write_text(f"TWELVEWEEKS_DATABASE_URL=sqlite:///{home}/letter.db\n")
    assert "letter.db is encrypted, or not a database" in bare("practice", "list").refused()


def test_db_check_finds_a_sound_database(cli: Cli, database: Database) -> None:
    answer = cli("db", "check", "--json").json
    assert answer["ok"]
    assert answer["database"] == database.dialect
    assert answer["revision"] == answer["head"] == migrate.head()
    assert "sound" in cli("db", "check").out


def test_db_check_finds_rows_that_refer_to_nothing(
    bare: Cli, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", f"sqlite:///{sqlite.engine.url.database}")
    made = practice(bare)
    with sqlite.read(OWNER) as db:
        raw = db.connection.dbapi_connection
        assert raw is not None
        raw.commit()
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute(f"DELETE FROM practice WHERE id = '{made}'")
    checked = bare("db", "check", "--json")
    assert checked.status == 1
    assert "audit_event" in checked.json["faults"][0]


def test_help_and_version_are_no_errors(bare: Cli) -> None:
    for arguments in ((), ("--help",), ("due", "--help"), ("export", "worklist", "--help")):
        helped = bare(*arguments)
        assert (helped.status, helped.err) == (0, "")
        assert "Usage" in helped.out
    assert bare("--version").out.startswith("twelveweeks ")


def test_the_openapi_document_is_json_and_needs_no_database(home: Path, tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "openapi", "--json"], capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"/v1/worklist"' in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_reader_that_leaves_early_is_no_fault(home: Path) -> None:
    done = subprocess.run(
        f"{COMMAND} openapi | head -c 1", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""
