"""Who may log in to PostgreSQL: an owner that is nobody special, and a login that only serves."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from app.cli import app as cli
from app.db.engine.engine import Database, open_database
from app.db.engine.row_security import ROLE
from app.db.engine.scope import NONE, OWNER
from app.db.maintenance import checks, migrate
from tests.support.clinic import a_clinic
from tests.support.postgres import Postgres, binaries, temporary_folder
from tests.support.skips import MISSING
from tests.support.statements import unguarded


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own, for roles belong to the whole of it."""
    if binaries() is None:
        pytest.skip(MISSING)
    made = Postgres(temporary_folder("tw-logins-")).create().start()
    made.admin("CREATE ROLE maker LOGIN CREATEROLE")
    made.admin("CREATE ROLE plain LOGIN")
    yield made
    made.stop()


def url(server: Postgres, name: str, login: str) -> str:
    return make_url(server.url(name)).set(username=login).render_as_string(hide_password=False)


def owned(server: Postgres, name: str, login: str) -> str:
    """A new database of the login; its address."""
    server.admin(f"CREATE DATABASE {name} OWNER {login}")
    with psycopg.connect(server.url(name), autocommit=True) as db:
        db.execute(f"ALTER SCHEMA public OWNER TO {login}".encode())
    return url(server, name, login)


def test_an_owner_that_may_not_make_roles_is_told_what_to_run(server: Postgres) -> None:
    with psycopg.connect(server.url("postgres")) as db:
        there = db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
    assert there is None
    address = owned(server, "of_plain", "plain")
    with pytest.raises(Exception, match=f"CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO plain"):
        migrate.upgrade(address)
    server.admin(f"CREATE ROLE {ROLE} NOLOGIN")
    with pytest.raises(Exception, match=f"GRANT {ROLE} TO plain"):
        migrate.upgrade(address)
    server.admin(f"GRANT {ROLE} TO plain")
    migrate.upgrade(address)
    server.admin("DROP DATABASE of_plain")
    server.admin(f"DROP ROLE {ROLE}")


@pytest.fixture(scope="module")
def served(server: Postgres) -> Iterator[tuple[Database, Database]]:
    """A database migrated by an owner who can make roles, for its owner and its server."""
    address = owned(server, "served", "maker")
    migrate.upgrade(address)
    server.admin("CREATE ROLE serving LOGIN")
    server.admin(f"GRANT {ROLE} TO serving")
    owner, serving = open_database(address), open_database(url(server, "served", "serving"))
    yield owner, serving
    owner.dispose()
    serving.dispose()


def test_an_owner_that_can_make_roles_migrates_up_and_down(
    server: Postgres, served: tuple[Database, Database]
) -> None:
    with psycopg.connect(server.url("postgres")) as db:
        role = db.execute(
            "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = %s", [ROLE]
        ).fetchone()
    assert role == (False, False, False)
    address = owned(server, "twice", "maker")
    for _ in range(2):
        migrate.upgrade(address)
        migrate.downgrade(address, "base")


def test_an_owner_that_is_nobody_special_changes_rows_of_every_practice(server: Postgres) -> None:
    """Row security is forced on owners too: a migration that changes rows has to lift it."""
    address = owned(server, "changed", "maker")
    migrate.upgrade(address)
    database = open_database(address)
    with a_clinic(database) as first, a_clinic(database) as second:
        ids = [clinic.a_course("2026-01-05")["id"] for clinic in (first, second)]
        migrate.downgrade(address, "0011")
        migrate.upgrade(address)
        for clinic, id in zip((first, second), ids, strict=True):
            assert clinic.get(f"/courses/{id}/schedule")["status"] == "due_soon"
            assert clinic.row(id)["status"] == "due_soon"
    with psycopg.connect(server.url("changed")) as db:
        unforced = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        assert db.execute(unforced).fetchone() == (0,)
    database.dispose()


def test_a_login_that_only_serves_carries_whole_requests(
    served: tuple[Database, Database],
) -> None:
    _, serving = served
    with a_clinic(serving) as clinic:
        theirs = clinic.neighbour().a_course("2025-12-15")
        course = clinic.a_course("2025-12-15")
        clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
        assert len(clinic.rows()) == 1
        assert clinic.refusal("GET", f"/courses/{theirs['id']}")["status"] == 404
        outcomes = [row["outcome"] for row in clinic.audit()]
        assert {"done", "shown", "not-found"} <= set(outcomes)
    with serving.read(clinic.practice_id) as db:
        found = unguarded(db).execute(text("SELECT DISTINCT practice_id FROM course"))
        assert found.scalars().all() == [clinic.practice_id]


def test_an_owner_that_is_nobody_special_can_serve_too(served: tuple[Database, Database]) -> None:
    with a_clinic(served[0]) as clinic:
        assert clinic.a_course("2025-12-15")["id"] == clinic.rows()[0]["course_id"]


def test_a_login_that_may_not_become_the_role_fails_and_leaves_nothing_open(
    server: Postgres, served: tuple[Database, Database]
) -> None:
    server.admin("CREATE ROLE stranger LOGIN")
    lost = open_database(url(server, "served", "stranger"), pool_size=1, spare=0)
    for way in (lost.read, lost.write):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="set role"), way(NONE):
            pass
        with lost.read(OWNER) as db:
            assert db.execute(text("SELECT current_user")).scalar_one() == "stranger"
    lost.dispose()


FORBIDDEN = (
    "ALTER TABLE patient DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE patient NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY own_practice ON patient",
    "CREATE POLICY mine ON patient USING (true)",
    "DROP TABLE patient",
    "TRUNCATE patient",
    "TRUNCATE audit_event",
    "UPDATE audit_event SET by_name = ''",
    "DELETE FROM audit_seal",
    "CREATE TABLE copied AS SELECT * FROM patient",
    "SET ROLE maker",
    "SET SESSION AUTHORIZATION maker",
    "SET session_replication_role = replica",
    "ALTER ROLE serving BYPASSRLS",
)


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_login_that_only_serves_cannot_take_the_wall_down(
    served: tuple[Database, Database], sql: str
) -> None:
    with (
        pytest.raises(
            sqlalchemy.exc.DBAPIError, match=r"permission denied|must be owner|must have|denied to"
        ),
        served[1].write(OWNER) as db,
    ):
        db.execute(text(sql))


def test_without_a_scope_no_login_sees_a_patient(served: tuple[Database, Database]) -> None:
    """Forced: not even who owns the table."""
    for database in served:
        with database.read(OWNER) as db:
            assert db.execute(text("SELECT count(*) FROM patient")).scalar_one() == 0
            assert db.execute(text("SELECT count(*) FROM audit_event")).scalar_one() == 0


def test_a_login_with_more_than_it_needs_is_named(
    server: Postgres, served: tuple[Database, Database]
) -> None:
    owner, serving = served
    assert [said for said in checks.warnings(serving) if "login" in said] == []
    [said] = [said for said in checks.warnings(owner) if "login" in said]
    assert "owns the tables" in said
    assert ROLE in said
    admin = open_database(server.url("served"))
    [said] = [said for said in checks.warnings(admin) if "login" in said]
    assert "is a superuser" in said
    admin.dispose()
    server.admin("CREATE ROLE exempt LOGIN BYPASSRLS")
    server.admin(f"GRANT {ROLE} TO exempt")
    exempt = open_database(url(server, "served", "exempt"))
    [said] = [said for said in checks.warnings(exempt) if "login" in said]
    assert "exempt from row-level security" in said
    exempt.dispose()


def test_the_command_tells_it(
    server: Postgres, served: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", server.url("served"))
    done = CliRunner().invoke(cli, ["db", "check"])
    assert "is a superuser" in done.output + done.stderr
