"""T-12: every revision can be reached, left and passed with data in it, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, insert, inspect, select
from sqlalchemy.types import JSON

from app.db.base import metadata
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from app.domain.ids import new_id
from tests.support import databases
from tests.support.skips import MISSING

pytestmark = pytest.mark.verify

REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory(migrate.FOLDER).walk_revisions()))
]
NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
DAY = date(2026, 1, 5)
HASH = b"\1" * 32
# Columns that older tables have and the newest ones do not.
GONE = {"key_hash": LargeBinary(32)}
COURSES = 2_500  # with two sessions each, and a patient: 10,000 rows and some

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that was never migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server = databases.postgres()
    if server is None:
        pytest.skip(MISSING)
    return server.clone("template0", "verify_migrations")


def on(url: str, act: Callable[[Connection], Any]) -> Any:
    database = open_database(url, pool_size=1)
    try:
        with database.write(OWNER) as db:
            return act(db)
    finally:
        database.dispose()


def a_clinic() -> Rows:
    """One practice as it is after some years, in rows of the newest tables."""
    fresh = partial(new_id, NOW)
    practice = fresh()
    stamps = {"practice_id": practice, "created_at": NOW, "updated_at": NOW, "version": 3}
    place, person, protocol = fresh(), fresh(), fresh()
    member, key, client, issuer = fresh(), fresh(), fresh(), fresh()
    rows: Rows = {
        "practice": [{**stamps, "id": practice, "name": "A", "time_zone": "UTC"}],
        "staff": [{"id": member, "name": "Kim", "roles": ["injector"], "practitioner_id": person}],
        # Until 0006 the key held its own hash.
        "api_key": [{"id": key, "name": "k", "prefix": "tw_abc", "key_hash": HASH}],
        "credential": [{"digest": HASH, "kind": "key", "holder_id": key}],
        "client": [{"id": client, "name": "EHR", "jwks_url": "https://a.example/keys"}],
        "client_assertion": [{"client_id": client}],
        "issuer": [{"id": issuer, "name": "Sign-in"}],
        "issuer_subject": [{"id": fresh(), "issuer_id": issuer, "staff_id": member}],
        "signing_key": [{"id": fresh()}],
        "audit_seal": [{"number": 1}],
        "erasure": [{"practice_id": fresh(), "last_seal": "1:00"}],
        "location": [{"id": place, "name": "Room", "time_zone": "Asia/Kolkata"}],
        "practitioner": [{"id": person, "name": "Dr A", "npi": "1234567893"}],
        "closure": [{"id": fresh(), "starts_on": DAY, "ends_on": DAY, "location_id": place}],
        "protocol_version": [
            {"id": protocol, "code": "own", "number": 1, "definition": {"name": "Own \u00e9"}}
        ],
        "patient": [],
        "course": [],
        "session": [],
        "outside_session": [],
        "hold": [],
        "identifier": [],
        "audit_event": [],
        "idempotency": [],
        "import_batch": [],
        "import_row": [],
    }
    for n in range(COURSES):
        patient, course = fresh(), fresh()
        rows["patient"].append({"id": patient, "mrn": f"M{n}", "family_name": "O'Neill \u2603"})
        rows["course"].append({"id": course, "patient_id": patient, "location_id": place})
        for ago in (84, 0):
            rows["session"].append(
                {
                    "id": fresh(),
                    "course_id": course,
                    "status": "given",
                    "given_on": DAY - timedelta(ago),
                    "starts_at": NOW,
                    "starts_on": DAY,
                    "injections": [[site, 500] for site in range(31)] if n % 10 == 0 else None,
                }
            )
        if n % 5 == 0:
            rows["hold"].append({"id": fresh(), "course_id": course, "review_on": DAY})
            rows["outside_session"].append({"id": fresh(), "course_id": course, "given_on": DAY})
            rows["identifier"].append({"kind": "patient", "value": str(n), "resource_id": patient})
            rows["audit_event"].append({"id": fresh(), "resource_id": patient})
            rows["idempotency"].append({"key": f"k{n}", "body": b"{}\0"})
    batch = fresh()
    rows["import_batch"].append({"id": batch})
    taken = [session["id"] for session in rows["session"][:50]]
    for line, session in enumerate(taken, 2):
        rows["import_row"].append({"import_id": batch, "line": line, "session_id": session})
    return {
        name: [_whole(metadata.tables[name], stamps | row) for row in listed]
        for name, listed in rows.items()
    }


_numbers = count(1)


def _whole(table: Table, given: dict[str, Any]) -> dict[str, Any]:
    """Fill the columns that must be filled with something of their type."""
    filled = {name: value for name, value in given.items() if name in table.c or name in GONE}
    for column in table.c:
        if column.name in filled or column.nullable:
            continue
        default = column.default
        if default is not None and default.is_scalar:
            filled[column.name] = default.arg  # type: ignore[attr-defined]
        else:
            filled[column.name] = _something(column.type)
    return filled


def _something(kind: Any) -> Any:
    if isinstance(kind, JSON):
        return {"field": [None, "value"]}
    sort = kind.impl_instance.python_type if hasattr(kind, "impl_instance") else kind.python_type
    number = next(_numbers)
    if sort is str:
        return f"n{number}"[: getattr(kind, "length", None) or 36]
    if sort is bytes:
        return number.to_bytes(32, "big")
    return {datetime: NOW, date: DAY, int: 1, bool: True}[sort]


def load(db: Connection, rows: Rows) -> Rows:
    """Insert what the tables of this revision can hold; what they then hold."""
    there = inspect(db).get_table_names()
    for table in metadata.sorted_tables:
        if table.name in there and rows.get(table.name):
            known = {column["name"] for column in inspect(db).get_columns(table.name)}
            old = [{n: v for n, v in row.items() if n in known} for row in rows[table.name]]
            names = set().union(*old)
            # Without the defaults of the newest table's columns, which may not be there.
            columns = (Column(n, table.c[n].type if n in table.c else GONE[n]) for n in names)
            there_now = Table(table.name, MetaData(), *columns)
            db.execute(insert(there_now), [dict.fromkeys(names) | row for row in old])
    return held(db)


def held(db: Connection, like: Rows | None = None) -> Rows:
    """What every table holds, in order; only the tables and columns of `like` when it is given."""
    there = set(inspect(db).get_table_names()) - {"alembic_version"}
    found: Rows = {}
    for name in there if like is None else like:
        known = {column["name"] for column in inspect(db).get_columns(name)}
        if like is not None and like[name]:
            known &= like[name][0].keys()
        columns = [c for c in metadata.tables[name].c if c.name in known]
        keys = [c for c in metadata.tables[name].primary_key if c.name in known]
        rows = db.execute(select(*columns).order_by(*keys)).mappings()
        found[name] = [dict(row) for row in rows]
    return found


def differences(db: Connection) -> list[Any]:
    context = MigrationContext.configure(db, opts={"compare_type": True})
    found: list[Any] = compare_metadata(context, metadata)
    return found


def test_down_to_nothing_and_up_again_with_10000_rows(url: str) -> None:
    rows = a_clinic()
    assert sum(map(len, rows.values())) >= 10_000
    migrate.upgrade(url)
    full: Rows = on(url, partial(load, rows=rows))
    assert {name: len(found) for name, found in full.items()} == {
        name: len(rows.get(name, ())) for name in full
    }
    for revision in [*reversed(REVISIONS[:-1]), "base"]:
        before: Rows = on(url, held)
        migrate.downgrade(url, revision)
        # What older tables have no room for goes with its table or column; the rest is whole.
        for name, rows_left in on(url, held).items():
            columns = rows_left[0].keys() if rows_left else ()
            assert rows_left == [{c: row[c] for c in columns} for row in before[name]], name
    began = time.monotonic()
    migrate.upgrade(url)
    print(f"\nup from nothing in {time.monotonic() - began:.2f} s")
    assert on(url, differences) == []
    assert not any(on(url, held).values())
    # And the tables made the second time take what those made the first time took.
    assert on(url, partial(load, rows=rows)) == full


@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_of_an_older_revision_survive_the_way_up(url: str, revision: str) -> None:
    migrate.upgrade(url, revision)
    old: Rows = on(url, partial(load, rows=a_clinic()))
    assert any(old.values())
    began = time.monotonic()
    migrate.upgrade(url)
    seconds = time.monotonic() - began
    print(f"\nfrom {revision} with {sum(map(len, old.values()))} rows in {seconds:.2f} s")
    assert on(url, partial(held, like=old)) == old
    assert on(url, differences) == []


def test_every_table_is_in_this_test(database: Database) -> None:
    with database.read(OWNER) as db:
        there = set(inspect(db).get_table_names()) - {"alembic_version"}
    assert there == {name for name, rows in a_clinic().items() if rows}
