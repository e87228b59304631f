"""The log on the command line: faults are named, disclosures are safe to open, records whole."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import clock
from app.cli.context import NAME
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.models import AuditEvent
from app.db.queries import table_rows
from app.db.rows.patients import PatientValues
from app.domain import ids
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services.patients import patients
from app.services.practice import practices
from tests.support.commands import Cli

MADE = datetime(2026, 11, 16, 15, tzinfo=UTC)


@pytest.fixture
def practice(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """A practice with five patients whose names are formulas to a spreadsheet; its id."""
    monkeypatch.setattr(ids, "_last", 0)
    id = new_id(MADE)
    by = Actor(id, ActorType.SYSTEM, None, "=HYPERLINK(1)")
    with database.write(id) as db:
        practices.create(
            db, id=id, name="Clinic", time_zone="America/New_York", by_name=NAME, now=MADE
        )
        for number in range(5):
            values: PatientValues = {
                "mrn": f"A-{number}",
                "family_name": "=1+1",
                "given_name": "Pat",
                "birth_date": datetime(1980, 5, 17).date(),
            }
            patients.register(db, values=values, identified=(), by=by, now=MADE)
    return id


def tampered(database: Database, statement: str) -> None:
    """Do to the log what its defences are there to prevent."""
    with database.write(OWNER) as db:
        if database.dialect == "sqlite":
            for trigger in ("stays", "is_final"):
                db.exec_driver_sql(f"DROP TRIGGER audit_event_{trigger}")
        db.exec_driver_sql(statement)


def test_a_sound_log_and_its_head(cli: Cli, practice: str) -> None:
    sealed = cli("audit", "seal", "--json").json["items"]
    assert [(s["practice_id"], s["made"]) for s in sealed] == [(practice, True)]
    head = sealed[0]["head"]
    again = cli("audit", "seal")
    assert again.out.split() == [practice, head]
    verified = cli("audit", "verify", "--head", head, "--json")
    assert verified.status == 0
    [told] = verified.json["practices"]
    assert (told["sealed"], told["unsealed"], told["head"], told["faults"]) == (6, 0, head, [])
    assert "6 rows sealed, 0 not yet, 0 faults" in cli("audit", "verify").out


def test_the_newest_events_are_listed_and_that_is_logged(cli: Cli, practice: str) -> None:
    cli("patient", "export", "--patient", "A-1", "--out", "record.json")
    of_one = cli("audit", "list", "--patient", "A-1", "--json").json["items"]
    assert [one["action"] for one in of_one] == ["patient.export", "patient.create"]
    assert of_one[1]["changes"] is None
    newest, before = cli("audit", "list", "--limit", "2", "--json").json["items"]
    assert (newest["action"], newest["outcome"]) == ("audit.list", "shown")
    assert newest["patient_ids"] == before["patient_ids"] == of_one[0]["patient_ids"] != []
    lines = cli("audit", "list").out.splitlines()
    assert lines[0].split()[:3] == ["at", "(UTC)", "by"]
    assert len(lines) == 1 + 9
    assert "no patient" in cli("audit", "list", "--patient", "X").refused()


@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("edited", "UPDATE audit_event SET by_name = 'someone else' WHERE id = '{id}'"),
        ("deleted", "DELETE FROM audit_event WHERE id = '{id}'"),
    ],
)
def test_each_fault_is_named(
    cli: Cli, database: Database, practice: str, what: str, statement: str
) -> None:
    cli("audit", "seal")
    with database.read(practice) as db:
        rows = table_rows.page(db, AuditEvent, practice_id=practice, limit=10)
    tampered(database, statement.format(id=rows[3]["id"]))
    found = cli("audit", "verify", "--practice", practice, "--json")
    assert found.status == 1
    assert not found.json["ok"]
    [fault] = found.json["practices"][0]["faults"]
    assert (fault["what"], fault["which"]) == (what, rows[3]["id"])
    assert f"fault: row {rows[3]['id']}" in cli("audit", "verify").out


def test_a_log_cut_off_is_known_by_its_head(cli: Cli, database: Database, practice: str) -> None:
    head = cli("audit", "seal", "--json").json["items"][0]["head"]
    tampered(database, f"DELETE FROM audit_event WHERE practice_id = '{practice}'")
    with database.write(OWNER) as db:
        if database.dialect == "sqlite":
            db.exec_driver_sql("DROP TRIGGER audit_seal_stays")
        db.exec_driver_sql("DELETE FROM audit_seal")
    assert cli("audit", "verify").status == 0
    found = cli("audit", "verify", "--head", head, "--json")
    assert found.status == 1
    [fault] = found.json["practices"][0]["faults"]
    assert fault["text"] == "seal 1, given with --head, is not in this log"
    assert "--head" in cli("audit", "verify", "--head", "12:xyz").refused()


def test_disclosures_are_a_table_that_runs_nothing(cli: Cli, practice: str, tmp_path: Path) -> None:
    out = tmp_path / "who.csv"
    record = tmp_path / "record.json"
    assert cli("patient", "export", "--patient", "a-1", "--out", record).status == 0
    ran = cli("audit", "disclosures", "--patient", "A-1", "--out", out, "--json")
    assert ran.json["rows"] == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"))))
    assert [(r["what"], r["action"]) for r in rows] == [
        ("shown", "audit.disclosures"),
        ("shown", "patient.export"),
        ("changed", "patient.create"),
    ]
    assert [r["by"] for r in rows] == [NAME, NAME, "'=HYPERLINK(1)"]
    today = clock.now().date().isoformat()
    earlier = cli(
        *("audit", "disclosures", "--patient", "A-1", "--out", out, "--replace"),
        *("--from", "2026-11-16", "--to", "2026-11-16", "--json"),
    )
    assert today == "2026-11-16" or earlier.json["rows"] == 1
    assert "no patient" in cli("audit", "disclosures", "--patient", "X", "--out", out).refused()
    assert (
        "--from"
        in cli(
            "audit", "disclosures", "--patient", "A-1", "--out", out, "--from", "1.1.2026"
        ).refused()
    )


def test_a_record_as_a_file(cli: Cli, practice: str, tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    ran = cli("patient", "export", "--patient", "A-1", "--out", out, "--json")
    assert (ran.status, ran.json["file"]) == (0, str(out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    told = json.loads(out.read_text(encoding="utf-8"))
    assert (told["patient"]["mrn"], told["patient"]["id"]) == ("A-1", ran.json["patient_id"])
    # The act itself stands in the log before the file is there.
    assert [e["action"] for e in told["audit"]] == ["patient.export", "patient.create"]
    whole = ("patient", "export", "--patient", told["patient"]["id"], "--out", out, "--json")
    assert "--replace" in cli(*whole).refused()
    same = cli(*whole, "--replace")
    assert same.json["patient_id"] == told["patient"]["id"]
    assert cli("patient", "export", "--patient", "X", "--out", out).refused()


def test_what_could_not_be_written_was_not_shown(
    cli: Cli, database: Database, practice: str, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    with database.read(practice) as db:
        before = len(table_rows.page(db, AuditEvent, practice_id=practice, limit=100))
    for out in (there, tmp_path, tmp_path / "nowhere" / "out"):
        for command in (
            ("patient", "export", "--patient", "A-1"),
            ("practice", "export", "--practice", practice),
            ("audit", "disclosures", "--patient", "A-1"),
            ("export", "worklist"),
        ):
            assert str(out) in cli(*command, "--out", out).refused()
    assert there.read_text() == "mine"
    with database.read(practice) as db:
        assert len(table_rows.page(db, AuditEvent, practice_id=practice, limit=100)) == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".t")) == []
