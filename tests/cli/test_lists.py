"""What is read from a practice: who is due, the export, and whether the stored dates are right."""

import csv
import io
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.context import NAME
from app.cli.demo import demo_practice
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.models import Patient
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services.patients import patients
from app.services.records import load
from tests.support import databases
from tests.support.commands import Cli

MADE = datetime(2026, 11, 16, 15, tzinfo=UTC)
ON = ("--on", "2026-11-16")


@pytest.fixture
def clinic(database: Database) -> str:
    """The demo practice as of 16 November 2026; its id."""

    def build() -> str:
        with database.write(OWNER) as db:
            return str(demo_practice.build(db, id=new_id(MADE), by_name=NAME, now=MADE)["id"])

    return databases.filled(database, "demo", build)


def test_due_lists_what_the_rest_interface_lists(cli: Cli, clinic: str) -> None:
    ran = cli("due", "--practice", clinic, *ON, "--json")
    assert (ran.status, ran.err) == (0, "")
    rows = ran.json["items"]
    assert ran.json["on"] == "2026-11-16"
    assert len(rows) == 37
    assert "closed" not in {row["status"] for row in rows}
    days = [row["due_on"] for row in rows if row["due_on"]]
    assert days == sorted(days)
    assert rows[0]["decisive_reason"]["text"].startswith("84 days after the session given on")


def test_due_is_narrowed_by_status_booking_and_day(cli: Cli, clinic: str) -> None:
    def found(*arguments: str) -> list[str]:
        rows = cli("due", *arguments, "--json").json["items"]
        return sorted({f"{row['status']} {row['booking']['state']}" for row in rows})

    assert found(*ON, "--status", "closed") == ["closed unbooked"]
    states = found(*ON, "--status", "overdue,lapsed", "--booking", "missed")
    assert states == ["lapsed missed", "overdue missed"]
    assert found(*ON, "--status", "due", "--status", "due_soon", "--booking", "booked") == [
        "due booked",
        "due_soon booked",
    ]
    assert {s.split()[0] for s in found("--on", "2030-01-01")} >= {"lapsed"}
    assert len(cli("due", *ON, "--limit", "3", "--json").json["items"]) == 3


def test_the_table_fits_and_shows_local_times(cli: Cli, clinic: str) -> None:
    said = cli("due", *ON).out
    assert max(len(line) for line in said.splitlines()) <= 100
    booked = next(
        row
        for row in cli("due", *ON, "--json").json["items"]
        if row["booking"]["state"] == "booked"
    )
    local = datetime.fromisoformat(booked["booking"]["starts_at"]) - timedelta(hours=5)
    assert f"{local:%Y-%m-%d %H:%M}" in said
    assert "America/New_York" in said
    for word in ("DEMO-0001", "lapsed", "not started", "unresolved", "book by", "84 days after"):
        assert word in said


def test_names_are_shown_as_they_are(cli: Cli, clinic: str, database: Database) -> None:
    rename(database, clinic, "[bold]O'Brïen ☃ :smile:")
    # The column folds; nothing of the name is read as markup.
    assert "[bold]O'Brïen" in cli("due", *ON).out
    assert ":smile:" in cli("due", *ON).out


def test_the_export_is_what_the_rest_interface_streams(cli: Cli, clinic: str) -> None:
    said = cli("export", "worklist", "--practice", clinic, *ON, "--status", "overdue").out
    rows = list(csv.DictReader(io.StringIO(said)))
    overdue = cli("due", *ON, "--status", "overdue", "--json").json["items"]
    assert [row["course_id"] for row in rows] == [row["course_id"] for row in overdue]
    assert {row["status"] for row in rows} == {"overdue"}


def test_the_export_is_safe_in_a_spreadsheet(
    cli: Cli, clinic: str, database: Database, home: Path
) -> None:
    rename(database, clinic, '=HYPERLINK("x")')
    ran = cli("export", "worklist", *ON, "--out", "list.csv", "--json")
    assert ran.json == {"on": "2026-11-16", "rows": 37, "file": "list.csv"}
    file = home / "list.csv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="", encoding="utf-8") as lines:
        names = {row["family_name"] for row in csv.DictReader(lines)}
    assert '\'=HYPERLINK("x")' in names
    assert [path.name for path in home.iterdir()] == ["list.csv"]
    assert cli("export", "worklist", *ON, "--json").json["csv"].startswith("mrn,")


def test_an_export_that_cannot_be_written_is_one_line(cli: Cli, clinic: str, home: Path) -> None:
    assert "nowhere/list.csv" in cli("export", "worklist", "--out", "nowhere/list.csv").refused()
    assert str(home) in cli("export", "worklist", "--out", home).refused()
    assert not list(home.parent.glob(".somewhere*"))


def test_verify_is_content_with_what_the_services_wrote(cli: Cli, clinic: str) -> None:
    ran = cli("db", "verify", "--json")
    assert ran.status == 0
    assert ran.json == {"courses": 40, "differences": [], "waiting": [], "ok": True}
    assert cli("db", "verify").out == "40 courses, 0 differences, 0 waiting\n"


def test_verify_names_a_planted_difference(cli: Cli, clinic: str, database: Database) -> None:
    with database.write(OWNER) as db:
        course, due_on = db.exec_driver_sql(
            "SELECT id, due_on FROM course WHERE anchor_on IS NOT NULL ORDER BY id LIMIT 1"
        ).one()
        db.exec_driver_sql(f"UPDATE course SET due_on = '2026-12-24' WHERE id = '{course}'")
    ran = cli("db", "verify", "--json")
    assert ran.status == 1
    assert ran.json["differences"] == [
        {
            "practice_id": clinic,
            "course_id": str(course),
            "column": "due_on",
            "stored": "2026-12-24",
            "recomputed": str(due_on),
        }
    ]
    assert cli("db", "verify").status == 1
    assert f"course {course}: due_on is stored as 2026-12-24" in cli("db", "verify").out


def test_verify_names_the_courses_that_wait(cli: Cli, clinic: str, database: Database) -> None:
    with database.write(OWNER) as db:
        db.exec_driver_sql("UPDATE practice SET dates_revision = dates_revision + 1")
    ran = cli("db", "verify", "--json")
    assert ran.status == 1
    assert len(ran.json["waiting"]) == 40
    assert ran.json["differences"] == []


def rename(database: Database, clinic: str, name: str) -> None:
    by = Actor(clinic, ActorType.SYSTEM, None, NAME)
    with database.write(OWNER) as db:
        found = db.exec_driver_sql("SELECT id FROM patient WHERE mrn = 'DEMO-0001'").scalar_one()
        patient = load(db, Patient, practice_id=clinic, id=str(found))
        patients.change(
            db, patient=patient, values={"family_name": name}, identified=None, by=by, now=MADE
        )
