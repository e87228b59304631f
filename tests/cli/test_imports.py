"""`twelveweeks import history`: what it loads, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from app.db.engine.engine import Database
from tests.support.commands import Cli
from tests.support.sheets import Load, a_row, a_sheet


def test_the_command(cli: Cli, database: Database, home: Path) -> None:
    load = Load(database)
    sheet = a_sheet(a_row(), a_row(on="3/30/2025"), a_row(on="1/5/2026"), a_row(units="abc"))
    sheet = sheet.replace("2026", "2024")
    (home / "history.csv").write_text(sheet, encoding="utf-8")
    arguments = ("import", "history", "history.csv", "--practice", load.practice_id, "--json")
    trial = cli(*arguments, "--dry-run")
    assert (trial.status, trial.err) == (0, "")
    assert trial.json["accepted"] == 2
    assert load.rows("SELECT count(*) FROM patient") == [(0,)]
    over = cli(*arguments, "--rejected", "./history.csv")
    assert (over.status, over.out) == (2, "")
    assert "would overwrite history.csv" in over.err
    assert "abc" in (home / "history.csv").read_text(encoding="utf-8")
    answer = cli(*arguments, "--rejected", "out.csv").json
    assert (answer["accepted"], answer["skipped"]) == (2, 1)
    assert [(r["line"], r["column"], r["code"]) for r in answer["rejected"]] == [
        (5, "Units", "units_unreadable")
    ]
    mended = (home / "out.csv").read_text(encoding="utf-8-sig").replace("abc", "155")
    assert mended.count("\n") == 2
    (home / "out.csv").write_text(mended.replace("1/5/2024", "1/5/2023"), encoding="utf-8")
    again = cli("import", "history", "out.csv", "--practice", load.practice_id)
    assert again.out.startswith("1 loaded, 0 repeated or loaded before, 0 refused.")


def test_the_commands_errors_are_one_line(cli: Cli, database: Database, home: Path) -> None:
    Load(database)
    (home / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (home / "m.toml").write_bytes(b"\xff")
    for arguments in (
        ("missing.csv",),
        ("x.csv",),
        ("x.csv", "--mapping", "m.toml"),
        ("x.csv", "--mapping", "missing.toml"),
        ("x.csv", "--practice", "nobody"),
    ):
        cli("import", "history", *arguments).refused()
