"""A practice arrives and leaves: whole exports, erasures that leave nothing, refusals that do."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, func, select

from app.cli.context import NAME
from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.models import Erasure
from app.db.queries.practice import practice_rows
from app.domain import ids
from app.domain.access.access import Actor
from app.services.access import keys
from tests.support import databases
from tests.support.clinic import Clinic, a_clinic
from tests.support.commands import Cli
from tests.support.notes import another
from tests.support.seeded import seed

CANARY = "Kanarienvogel"
# Bytes that are no secrets: lists of patients' ids, digests of rows and of requests.
TELLING = {
    "audit_event.patients",
    "audit_seal.entries",
    "audit_seal.digest",
    "idempotency.fingerprint",
}


@pytest.fixture
def clinic(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    """A practice with one of everything, whose texts can be told in any heap of bytes."""
    # Another test's clock may have stood later, and ids never go back.
    monkeypatch.setattr(ids, "_last", 0)
    with a_clinic(database) as made:
        made.practice_id, made.by, made.key = databases.filled(
            database, "leaving", lambda: fill(made)
        )
        yield made


def fill(clinic: Clinic) -> tuple[str, Actor, str]:
    seed(clinic)
    for number in range(30):
        patient = clinic.a_patient(
            family_name=f"{CANARY}{number}", phone=f"555-{CANARY}", mrn=f"{CANARY}-{number}"
        )
        course = clinic.a_course("2026-01-05", patient_id=patient["id"])
        hold = {"from": "2026-04-01", "until": "2026-04-02", "reason": f"flies {CANARY}"}
        clinic.post(f"/courses/{course['id']}/hold", hold, idempotency_key=f"k{number}")
    clinic.get("/patients?limit=200")
    return clinic.practice_id, clinic.by, clinic.key


def exported(cli: Cli, clinic: Clinic, out: Path) -> Any:
    ran = cli(
        "practice", "export", "--practice", clinic.practice_id, "--out", out, "--replace", "--json"
    )
    assert ran.status == 0, ran
    return ran.json


def erase(cli: Cli, clinic: Clinic, out: Path, name: str = "Test Clinic") -> Any:
    return cli(
        *("practice", "erase", "--practice", clinic.practice_id),
        *("--export", out, "--yes-erase", name),
    )


def held(database: Database) -> dict[str, int]:
    """The rows of every table, whoever's they are."""
    with database.read(OWNER) as db:
        return {
            table.name: db.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


def test_a_practice_begins_with_its_administrator(cli: Cli, database: Database) -> None:
    made = cli(
        *("practice", "create", "--name", "Clinic", "--time-zone", "America/New_York"),
        *("--administrator", "Kim Lund", "--json"),
    ).json
    found = keys.find(database, digest=keys.hashed(made["key"]))
    assert found
    assert (found.by.type, found.by.id) == ("staff", made["administrator"]["id"])
    assert (found.by.name, found.roles) == ("Kim Lund", ("administrator",))
    told = cli("practice", "create", "--name", "B", "--time-zone", "UTC", "--administrator", "K")
    id, key = told.out.split()
    assert len(id) == 36
    assert keys.well_formed(key)
    none = ("practice", "create", "--name", "B", "--time-zone", "UTC", "--administrator", " ")
    assert "administrator" in cli(*none).refused()


def test_the_export_holds_every_row_and_no_secret(cli: Cli, clinic: Clinic, tmp_path: Path) -> None:
    clinic.neighbour().a_patient(family_name="Stranger")
    out = tmp_path / "practice.jsonl"
    told = exported(cli, clinic, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    content = out.read_bytes()
    first, *rows, end, last = (json.loads(line) for line in content.splitlines())
    assert first["practice_id"] == clinic.practice_id
    assert first["schema"]
    assert "practice.cursor_key" in first["left_out"]
    assert last == {"sha256": told["sha256"]}
    before = content[: content.rindex(b'{"sha256"')]
    assert hashlib.sha256(before).hexdigest() == told["sha256"]
    counts = Counter(row["table"] for row in rows)
    with clinic.database.read(clinic.practice_id) as db:
        present = practice_rows.counts(db, practice_id=clinic.practice_id)
    assert {name: n for name, n in present.items() if n} == dict(counts)
    assert end["counts"] == present
    assert counts["patient"] == 34
    assert b"Stranger" not in content
    for secret in first["left_out"]:
        table, column = secret.split(".")
        assert all(column not in row["row"] for row in rows if row["table"] == table)
    assert hashlib.sha256(clinic.key.encode()).hexdigest().encode() not in content
    newest = max(row["row"]["id"] for row in rows if row["table"] == "audit_event")
    assert end["last_event"] == newest


def test_every_column_of_bytes_is_a_secret_or_known_to_be_none() -> None:
    shown = {
        f"{table.name}.{column.name}"
        for table in practice_rows.tables()
        for column in table.c
        if isinstance(column.type, LargeBinary) and column.name not in practice_rows.secrets(table)
    }
    assert shown == TELLING
    named = {table.name for table in practice_rows.tables()}
    others = {table.name for table in metadata.sorted_tables} - named
    assert all("practice_id" not in metadata.tables[name].c for name in others - {"erasure"})


def test_an_erasure_leaves_a_proof_and_nothing_else(
    cli: Cli, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    other = clinic.neighbour()
    other.a_course("2026-01-05")
    with database.read(other.practice_id) as db:
        others = practice_rows.counts(db, practice_id=other.practice_id)
    assert cli("audit", "seal", "--practice", clinic.practice_id).status == 0
    out = tmp_path / "practice.jsonl"
    told = exported(cli, clinic, out)

    if database.dialect == "sqlite":
        assert canaries(database) > 100

    ran = erase(cli, clinic, out)

    assert (ran.status, ran.err) == (0, "")
    proof = ran.json["practice"]
    assert proof["practice_id"] == clinic.practice_id
    assert proof["export_sha256"] == told["sha256"]
    assert proof["by_name"] == NAME
    assert proof["last_seal"].startswith("1:")
    tended = ("audit_seal", "idempotency")
    removed = {name: n for name, n in proof["removed"].items() if name not in tended}
    assert removed == {name: n for name, n in told["counts"].items() if name not in tended}
    assert set(proof["left"].values()) == {0}
    assert proof["left"].keys() == told["counts"].keys()
    assert set(ran.json["sandbox"]["left"].values()) == {0}
    # What is there now is the other practice, as it was, and the proof.
    assert held(database) == others | {"erasure": 2, "signing_key": 0}
    if database.dialect == "sqlite":
        assert ran.json["file_rewritten"] is True
        assert canaries(database) == 0
    # Run again, it proves the same; the practice cannot be had again.
    again = erase(cli, clinic, out)
    assert again.json == ran.json
    assert "no practice" in cli("keys", "list", "--practice", clinic.practice_id).refused()


def test_whoever_was_known_is_nobody_afterwards(
    cli: Cli, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    """A server that remembers the key finds out by the rows it can no longer save."""
    other = clinic.neighbour()
    patient = f"/patients/{clinic.get('/patients?limit=1')['items'][0]['id']}"
    narrow = clinic.acting(clinic.key_for("read_only"))
    narrow.get("/me")
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    assert erase(cli, clinic, out).status == 0
    app = clinic.app
    callers = app.state.app_context.callers
    place = {"name": "Room", "time_zone": "UTC"}
    for asking, method, path, body in (
        (clinic, "GET", "/me", None),
        (clinic, "GET", "/patients", None),
        (clinic, "GET", patient, None),
        (clinic, "GET", "/worklist", None),
        (clinic, "GET", "/worklist.csv", None),
        (clinic, "POST", "/locations", place),
        (clinic, "POST", "/locations", {"name": ""}),
        (narrow, "POST", "/locations", place),
    ):
        callers._changed.clear()  # as if this were the first to ask
        assert asking.refusal(method, path, body)["code"] == "unauthenticated", (method, path)
        assert clinic.practice_id in callers._changed, (method, path)
        assert clinic.refusal("GET", "/me")["status"] == 401
    assert other.get("/me")["practice"]["id"] == other.practice_id


def test_its_sandbox_goes_with_it(
    cli: Cli, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    sandbox = clinic.post("/sandbox")["id"]
    key = clinic.post("/sandbox/keys", {"name": "test"})["key"]
    place = {"name": "Main", "time_zone": "UTC"}
    clinic.post("/locations", place, authorization=f"Bearer {key}")
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    assert sandbox not in out.read_text(encoding="utf-8").split('"table": "audit_event"')[0]

    ran = erase(cli, clinic, out)

    assert ran.status == 0
    proof = ran.json["sandbox"]
    assert proof["practice_id"] == sandbox
    assert (proof["removed"]["location"], proof["removed"]["credential"]) == (1, 1)
    assert set(proof["left"].values()) == {0}
    assert held(database) == dict.fromkeys(held(database), 0) | {"erasure": 2}
    assert erase(cli, clinic, out).json == ran.json


def test_a_file_that_others_read_is_rewritten_later(
    cli: Cli, clinic: Clinic, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWELVEWEEKS_BUSY_TIMEOUT_SECONDS", "0.2")
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    if database.dialect != "sqlite":
        # PostgreSQL's files are its own to rewrite.
        assert erase(cli, clinic, out).json["file_rewritten"] is None
        return
    with another(database) as elsewhere, elsewhere.read(OWNER) as reader:
        reader.exec_driver_sql("SELECT count(*) FROM patient").all()
        ran = erase(cli, clinic, out)
        assert (ran.status, ran.json["file_rewritten"]) == (1, False)
        assert "stop the server, run this again" in ran.err
        assert set(ran.json["practice"]["left"].values()) == {0}
        assert canaries(database) > 0
    ran = erase(cli, clinic, out)
    assert (ran.status, ran.json["file_rewritten"]) == (0, True)
    assert canaries(database) == 0


def canaries(database: Database) -> int:
    """How often the practice's texts stand in the database's file and its companions."""
    file = Path(database.engine.url.database or "")
    held = [part.read_bytes().lower() for part in file.parent.glob(f"{file.name}*")]
    assert held
    return sum(content.count(CANARY.lower().encode()) for content in held)


def test_refusals_change_nothing(cli: Cli, clinic: Clinic, tmp_path: Path) -> None:
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    before = held(clinic.database)
    content = out.read_bytes()
    lines = content.splitlines(keepends=True)

    def refused(altered: bytes) -> str:
        out.write_bytes(altered)
        told: str = erase(cli, clinic, out).refused()
        assert held(clinic.database) == before
        return told

    assert "cut off" in refused(b"".join(lines[:-1]))
    assert "cut off" in refused(content[: len(content) // 2])
    assert "cut off" in refused(b"")
    assert "cut off" in refused(b"MRN;name\n")
    assert "SHA-256" in refused(content.replace(CANARY.encode(), b"Nachtigallen.", 1))
    assert "SHA-256" in refused(b"".join(lines[:5] + lines[6:]))
    assert "after its end" in refused(content + lines[-1])
    out.write_bytes(content)
    assert "--yes-erase" in erase(cli, clinic, out, "Another Clinic").refused()
    other = clinic.neighbour()
    told = cli(
        *("practice", "erase", "--practice", other.practice_id),
        *("--export", out, "--yes-erase", "Test Clinic"),
    )
    assert "another practice" in told.refused()


@pytest.mark.parametrize("use", ["a look", "a change"])
def test_what_was_used_since_is_exported_again_first(
    cli: Cli, clinic: Clinic, tmp_path: Path, use: str
) -> None:
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    if use == "a look":
        clinic.get("/patients")
    else:
        clinic.a_patient()
    before = held(clinic.database)
    assert "export it again; nothing was deleted" in erase(cli, clinic, out).refused()
    assert held(clinic.database) == before
    exported(cli, clinic, out)
    assert erase(cli, clinic, out).status == 0


@pytest.mark.parametrize("after", ["session", "audit_event", "practice"])
def test_a_crash_in_the_middle_leaves_everything(
    cli: Cli, clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    out = tmp_path / "practice.jsonl"
    exported(cli, clinic, out)
    before = held(clinic.database)
    remove = practice_rows.remove

    def broken(db: Any, *, practice_id: str, names: Any) -> Any:
        going = [table.name for table in reversed(practice_rows.tables())]
        remove(db, practice_id=practice_id, names=going[: going.index(after) + 1])
        raise KeyboardInterrupt

    monkeypatch.setattr(practice_rows, "remove", broken)
    assert erase(cli, clinic, out).status == 130
    monkeypatch.undo()
    assert held(clinic.database) == before
    with clinic.database.read(OWNER) as db:
        assert db.execute(select(Erasure.__table__)).all() == []
    clinic.refusal("GET", f"/patients/{clinic.practice_id}")
