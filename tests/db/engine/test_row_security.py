"""PostgreSQL's own wall: with no predicate at all, another practice's rows are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy import ForeignKeyConstraint, Table, insert, select, text

from app.db.base import metadata
from app.db.engine import guard
from app.db.engine.engine import Database
from app.db.engine.row_security import ROLE
from app.db.engine.scope import DIRECTORY, NONE, OWNER, Scope, statement
from app.domain.ids import new_id
from tests.support.clinic import NOW, Clinic, a_clinic
from tests.support.notes import another, sent_while
from tests.support.seeded import seed
from tests.support.statements import unguarded

APPENDED = {"audit_event", "audit_seal"}
# Tables of no practice: what is looked up before one is known, or after it is gone.
SHARED = {"credential", "erasure", "signing_key"}
OF_PRACTICE = [t for t in metadata.sorted_tables if t.name in guard.tables_of_practice_data()]
CONFINED = [t for t in OF_PRACTICE if t.name != "practice"]
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
EVERY = pytest.mark.parametrize("table", OF_PRACTICE, ids=lambda table: table.name)


@pytest.fixture
def two_empty(postgresql: Database) -> Any:
    """Two practices; the second one asks."""
    with a_clinic(postgresql) as clinic:
        yield clinic, clinic.neighbour()


@pytest.fixture
def two(two_empty: tuple[Clinic, Clinic]) -> tuple[Clinic, Clinic]:
    """Two practices with a row in nearly every table; the second one asks."""
    for clinic in two_empty:
        seed(clinic)
    return two_empty


def key_of(table: Table) -> str:
    return "id" if table.name == "practice" else "practice_id"


def ask(database: Database, scope: Scope, sql: str, **values: Any) -> Any:
    with database.write(scope) as db:
        return unguarded(db).execute(text(sql), values)


def rights(database: Database) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    wanted = (
        "SELECT table_name, privilege_type FROM information_schema.table_privileges "
        f"WHERE grantee = '{ROLE}' AND table_schema = 'public'"
    )
    for name, right in ask(database, OWNER, wanted):
        found.setdefault(name, set()).add(right)
    return found


# --- what the catalogues say ----------------------------------------------------------------------


def test_every_table_with_a_practice_is_confined(postgresql: Database) -> None:
    found = {
        name: (enabled, forced)
        for name, enabled, forced in ask(
            postgresql,
            OWNER,
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        )
    }
    for table in metadata.sorted_tables:
        owned = key_of(table) in table.c and table.name not in SHARED
        assert found.pop(table.name) == (owned, owned), table.name
    assert set(found) == {"alembic_version"}


def test_each_policy_compares_the_practice_and_nothing_else(postgresql: Database) -> None:
    found: dict[str, list[tuple[str, ...]]] = {}
    for name, *rest in ask(
        postgresql,
        OWNER,
        "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check "
        "FROM pg_policies ORDER BY policyname DESC",
    ):
        found.setdefault(name, []).append(tuple(rest))
    assert set(found) == {table.name for table in OF_PRACTICE}
    for table in OF_PRACTICE:
        own, *others = found[table.name]
        assert own[:4] == ("own_practice", "PERMISSIVE", "{public}", "ALL")
        assert own[4] == own[5]
        assert own[4].startswith(f"({key_of(table)} = (NULLIF(current_setting('app.practice_id'")
        # A subquery would hide from a distributed PostgreSQL whose rows are asked for.
        assert not [part for one in found[table.name] for part in one[4:] if "SELECT" in str(part)]
        assert [other[0] for other in others] == ["directory"] * (table.name == "practice")
        assert [other[3] for other in others] == ["SELECT"] * (table.name == "practice")


def test_the_role_has_the_rights_it_needs_and_no_more(postgresql: Database) -> None:
    held = rights(postgresql)
    assert held.pop("alembic_version") == {"SELECT"}
    assert held.pop("injection", {"SELECT"}) == {"SELECT"}
    assert held.pop("erasure") == {"SELECT"}
    for shared in ("credential", "signing_key"):
        assert held.pop(shared) == ALL
    assert held.pop("practice") == ALL - {"DELETE"}
    for name in APPENDED:
        assert held.pop(name) == {"SELECT", "INSERT"}
    assert held == {table.name: ALL for table in CONFINED if table.name not in APPENDED}


def test_the_role_is_nobody_in_particular(postgresql: Database) -> None:
    [row] = ask(
        postgresql,
        OWNER,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication "
        f"FROM pg_roles WHERE rolname = '{ROLE}'",
    )
    assert not any(row)
    owned = f"SELECT count(*) FROM pg_class WHERE relowner = '{ROLE}'::regrole"
    assert ask(postgresql, OWNER, owned).scalar_one() == 0
    for scope in (NONE, DIRECTORY, new_id(NOW)):
        assert ask(postgresql, scope, "SELECT current_user").scalar_one() == ROLE


# --- without any predicate ------------------------------------------------------------------------


def test_there_are_rows_to_be_kept_apart(two: tuple[Clinic, Clinic]) -> None:
    for table in OF_PRACTICE:
        wanted = f"SELECT count(DISTINCT {key_of(table)}) FROM {table.name}"
        number = ask(two[0].database, OWNER, wanted).scalar_one()
        empty = {"staff", "hold", "idempotency", "audit_seal"}
        empty |= {"client", "client_assertion", "issuer", "issuer_subject"}
        assert number >= 2 or table.name in empty, table.name


def test_a_whole_table_is_the_own_practices_part(two: tuple[Clinic, Clinic]) -> None:
    clinic, stranger = two
    every = ask(clinic.database, OWNER, "SELECT count(*) FROM practice").scalar_one()
    for table in OF_PRACTICE:
        for one in (clinic, stranger):
            found = ask(
                one.database, one.practice_id, f"SELECT {key_of(table)} FROM {table.name}"
            ).scalars()
            assert set(found) <= {one.practice_id}, table.name
        for scope in (NONE, DIRECTORY, new_id(NOW)):
            number = ask(clinic.database, scope, f"SELECT count(*) FROM {table.name}").scalar_one()
            assert number == (every if scope is DIRECTORY and table.name == "practice" else 0)


def test_the_view_is_the_own_practices_part(two: tuple[Clinic, Clinic]) -> None:
    clinic, stranger = two
    for one in (clinic, stranger):
        held = ask(one.database, one.practice_id, "SELECT DISTINCT practice_id FROM injection")
        assert list(held.scalars()) == [one.practice_id]


def test_what_is_another_practices_cannot_be_changed_or_deleted(
    two: tuple[Clinic, Clinic],
) -> None:
    clinic, stranger = two
    for table in OF_PRACTICE:
        key, name = key_of(table), table.name
        for sql, right in (
            (f"UPDATE {name} SET {key} = {key} WHERE {key} = :theirs", "UPDATE"),
            (f"DELETE FROM {name} WHERE {key} = :theirs", "DELETE"),
        ):
            if right not in rights(clinic.database)[name]:
                with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
                    ask(clinic.database, stranger.practice_id, sql, theirs=clinic.practice_id)
                continue
            done = ask(clinic.database, stranger.practice_id, sql, theirs=clinic.practice_id)
            assert done.rowcount == 0, (name, right)


@EVERY
def test_a_row_cannot_be_put_into_another_practice(
    two_empty: tuple[Clinic, Clinic], table: Table
) -> None:
    clinic, stranger = two_empty
    values = {key_of(table): clinic.practice_id}
    values |= {
        column.name: _something(column)
        for column in table.c
        if column.name not in values and not column.nullable
    }
    with (
        pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"),
        clinic.database.write(stranger.practice_id) as db,
    ):
        unguarded(db).execute(insert(table).values(**values))


def _something(column: Any) -> Any:
    kind = str(column.type).partition("(")[0]
    if column.type.__visit_name__ == "string" and column.type.length == 36:
        return new_id(NOW)
    fitting = {"INTEGER": 1, "SMALLINT": 1, "BLOB": b"", "BOOLEAN": True, "JSON": {}}
    fitting |= {"VARCHAR": "x", "TEXT": "x", "DATE": NOW.date()}
    return fitting.get(kind, NOW)


def test_a_row_cannot_move_to_another_practice(two: tuple[Clinic, Clinic]) -> None:
    clinic, stranger = two
    for name in ("location", "patient", "api_key"):
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"):
            ask(
                clinic.database,
                stranger.practice_id,
                f"UPDATE {name} SET practice_id = :theirs",
                theirs=clinic.practice_id,
            )


@pytest.mark.parametrize("sql", ["UPDATE {} SET practice_id = practice_id", "DELETE FROM {}"])
@pytest.mark.parametrize("name", sorted(APPENDED))
def test_the_log_is_only_appended_to(database: Database, name: str, sql: str) -> None:
    with a_clinic(database) as clinic:
        clinic.a_patient()
        with database.write(clinic.practice_id) as db:
            seal = {"number": 1, "sealed_at": NOW, "entries": b"", "digest": b""}
            table = metadata.tables["audit_seal"]
            db.execute(insert(table), {**seal, "practice_id": clinic.practice_id})
        # SQLite has no roles: its triggers hold even the owner.
        scope = clinic.practice_id if database.dialect == "postgresql" else OWNER
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"permission denied|only appended to"):
            ask(database, scope, sql.format(name))


@pytest.mark.parametrize(
    "sql", ["TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} DISABLE ROW LEVEL SECURITY"]
)
@EVERY
def test_the_role_cannot_take_the_wall_down(postgresql: Database, table: Table, sql: str) -> None:
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"permission denied|must be owner"):
        ask(postgresql, new_id(NOW), sql.format(table.name))


AN_ID = "019d0bc2-a980-7004-aeca-95ac71c09566"

# --- the scope itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope",
    ["", "'", "x'; SET LOCAL ROLE postgres; --", AN_ID.upper(), f"{AN_ID}\n", "*"],
)
def test_nothing_but_an_id_is_a_scope(database: Database, scope: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        statement(scope)
    if database.dialect == "postgresql":
        for way in (database.read, database.write):
            with pytest.raises(ValueError, match="UUID"), way(scope):
                pass


def test_a_scope_ends_with_its_transaction(postgresql: Database) -> None:
    with another(postgresql, pool_size=1) as single:
        for way in (single.read, single.write):
            with way(new_id(NOW)):
                pass
            with single.read(OWNER) as db:
                told = select(
                    text("current_setting('app.practice_id', true)"), text("current_user")
                )
                assert db.execute(told).one() == ("", "postgres")


def test_turning_to_nobody_leaves_nobody(two: tuple[Clinic, Clinic]) -> None:
    clinic, stranger = two
    count = "SELECT count(*) FROM {}"
    with clinic.database.write(clinic.practice_id) as db:
        raw: Any = db.connection.dbapi_connection
        for scope, some in ((stranger.practice_id, True), (NONE, False), (DIRECTORY, False)):
            with clinic.database.as_practice(db, scope):
                assert (raw.execute(count.format("patient")).fetchone()[0] > 0) is some, scope
        with clinic.database.as_practice(db, NONE):
            assert raw.execute(count.format("practice")).fetchone()[0] == 0
    with clinic.database.write(OWNER) as db:
        raw = db.connection.dbapi_connection
        with clinic.database.as_practice(db, NONE):
            assert raw.execute("SELECT current_user").fetchone() == (ROLE,)
        assert db.execute(text("SELECT current_user")).scalar_one() != ROLE


def test_a_scope_costs_no_message(postgresql: Database) -> None:
    def reading(scope: Scope) -> Callable[[], None]:
        def ctx() -> None:
            with single.read(scope) as db:
                unguarded(db).execute(text("SELECT count(*) FROM patient")).all()

        return ctx

    with another(postgresql, pool_size=1) as single:
        sent = {}
        for scope in (OWNER, new_id(NOW)):
            for _ in range(3):  # until it is prepared
                reading(scope)()
            sent[scope] = len(sent_while(single, reading(scope)).splitlines())
    assert len(set(sent.values())) == 1, sent


# --- references -----------------------------------------------------------------------------------


def test_every_reference_carries_the_practice_on_both_sides() -> None:
    for table in OF_PRACTICE:
        for key in table.constraints:
            if not isinstance(key, ForeignKeyConstraint) or table.name == "practice":
                continue
            pairs = {(e.parent.name, e.column.name) for e in key.elements}
            wanted = ("practice_id", key_of(key.referred_table))
            assert wanted in pairs, (table.name, key.name)


def test_no_row_refers_across_practices(database: Database) -> None:
    with a_clinic(database) as clinic:
        theirs, stranger = clinic.a_course("2026-01-05"), clinic.neighbour()
        own = stranger.a_course("2026-01-05", patient_id=None)
        for column, name, value in (
            ("patient_id", "course", theirs["patient_id"]),
            ("course_id", "session", theirs["id"]),
        ):
            sql = f"UPDATE {name} SET {column} = :theirs WHERE practice_id = :own"
            with pytest.raises(sqlalchemy.exc.IntegrityError):
                ask(database, OWNER, sql, theirs=value, own=stranger.practice_id)
        assert stranger.get(f"/courses/{own['id']}")["patient_id"] == own["patient_id"]
