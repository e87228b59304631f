"""Who may erase on PostgreSQL: the owner of the tables, whom row-level security confines, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.db.engine.engine import open_database
from app.db.engine.row_security import ROLE
from app.db.maintenance.migrate import upgrade
from app.db.queries.practice import practice_rows
from tests.support import databases
from tests.support.clinic import Clinic, a_clinic
from tests.support.commands import Cli
from tests.support.skips import MISSING

OWNER_OF_ALL, MEMBER, NAME = "leaving_owner", "leaving_member", "leaving_owned"


@pytest.fixture
def addresses() -> dict[str, str]:
    """A migrated database whose owner is no superuser; its address for each login."""
    server = databases.migrated_postgres()
    if server is None:
        pytest.skip(MISSING)
    server.admin(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    for login in (OWNER_OF_ALL, MEMBER):
        with suppress(psycopg.errors.DuplicateObject):
            server.admin(f"CREATE ROLE {login} LOGIN NOSUPERUSER NOBYPASSRLS")
        server.admin(f"GRANT {ROLE} TO {login}")
    server.admin(f"CREATE DATABASE {NAME} OWNER {OWNER_OF_ALL}")
    found = {
        login: server.url(NAME).replace("postgres@", f"{login}@")
        for login in (OWNER_OF_ALL, MEMBER)
    }
    upgrade(found[OWNER_OF_ALL])
    return found


@pytest.fixture
def clinic(addresses: dict[str, str]) -> Iterator[Clinic]:
    """A practice in that database."""
    server = databases.postgres()
    assert server
    owned = open_database(server.url(NAME), pool_size=2)
    with a_clinic(owned) as made:
        made.a_course("2026-01-05")
        yield made
    owned.dispose()


def test_the_owner_erases_and_the_application_cannot(
    bare: Cli,
    clinic: Clinic,
    addresses: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = clinic.neighbour()
    other.a_course("2026-01-05")
    out = tmp_path / "practice.jsonl"
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", addresses[MEMBER])
    named = ("--practice", clinic.practice_id)
    told: Any = bare("practice", "export", *named, "--out", out, "--json").json
    asked = ("practice", "erase", *named, "--export", out, "--yes-erase", "Test Clinic")
    assert "use the login that owns the tables; nothing was deleted" in bare(*asked).refused()

    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", addresses[OWNER_OF_ALL])
    ran = bare(*asked)

    assert (ran.status, ran.err) == (0, "")
    proof = ran.json["practice"]
    assert {n: c for n, c in proof["removed"].items() if n != "audit_seal"} == {
        n: c for n, c in told["counts"].items() if n != "audit_seal"
    }
    assert set(proof["left"].values()) == {0}
    with clinic.database.read(other.practice_id) as db:
        assert practice_rows.counts(db, practice_id=other.practice_id)["session"] == 1
