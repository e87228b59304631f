"""What reaches further than its practice is refused: when it is sent, or by proof of its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import BindParameter, bindparam, delete, func, insert, inspect, select, text, update

from app.db.base import PracticeKey, metadata
from app.db.engine import guard
from app.db.engine.engine import Database
from app.db.engine.guard import Unscoped
from app.db.engine.prepared import Prepared
from app.db.engine.scope import DIRECTORY, NONE, OWNER, Scope
from app.db.queries.practice import practices as practice_rows
from app.domain.ids import new_id
from tests.support import sent
from tests.support.clinic import NOW
from tests.support.confinement import faults
from tests.support.hostile import (
    BY_PROOF,
    BY_WAY_OF_ANOTHER,
    OTHER,
    OWN,
    REFUSED,
    TAKEN,
    patient,
    practice,
    tied,
)

# Some of these are warned about as well, by the library.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture(autouse=True)
def _hostile_on_purpose() -> Iterator[None]:
    """The texts of this module are judged here and not by the proof of what tests send."""
    yield
    sent.taken()


@pytest.fixture
def confined(database: Database) -> Database:
    """A database with the one practice that is written for."""
    with database.write(OWNER) as db:
        values = {"id": OWN, "name": "A", "time_zone": "UTC", "cursor_key": b""}
        db.execute(insert(practice).values(**values, created_at=NOW, updated_at=NOW))
    return database


def of(database: Database, statement: Any) -> Any:
    """The statement as this database says it."""
    return statement[database.dialect] if isinstance(statement, dict) else statement


def send(database: Database, statement: Any, scope: Scope) -> None:
    with database.write(scope) as db:
        db.execute(of(database, statement))


def proved(database: Database, statement: Any) -> bool:
    """Whether the proof takes what the statement is for this database."""
    compiled = of(database, statement).compile(dialect=database.engine.dialect)
    return not faults(sent.text_of(compiled))


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Unscoped):
        send(database, REFUSED[name], NONE)
    if name in BY_PROOF:
        assert not proved(database, REFUSED[name])
    else:
        with pytest.raises(Unscoped):
            send(database, REFUSED[name], OWN)


@pytest.mark.parametrize("name", sorted(BY_PROOF))
def test_only_the_proof_refuses_it(database: Database, name: str) -> None:
    """So the list says no less than the guard does."""
    compiled: Any = of(database, REFUSED[name]).compile(dialect=database.engine.dialect)
    guard.check(guard.reach_of(compiled), [compiled.params], OWN)


@pytest.mark.parametrize("name", TAKEN)
def test_it_lets_pass(confined: Database, name: str) -> None:
    send(confined, TAKEN[name], OWN)
    assert proved(confined, TAKEN[name]) is (name not in BY_WAY_OF_ANOTHER)


@pytest.mark.parametrize("name", TAKEN)
def test_without_a_practice_none_of_its_rows_is_reached(database: Database, name: str) -> None:
    free = name in ("a credential looked up", "no table")
    for scope in (OTHER, NONE, DIRECTORY):
        if free or (scope is DIRECTORY and name == "its practice"):
            send(database, TAKEN[name], scope)
        else:
            with pytest.raises(Unscoped):
                send(database, TAKEN[name], scope)


def test_the_directory_lists_practices_and_changes_nothing(confined: Database) -> None:
    with confined.read(DIRECTORY) as db:
        assert [one["id"] for one in practice_rows.every(db)] == [OWN]
    for statement in (
        update(practice).values(name="B"),
        delete(practice),
        insert(practice).values(id=OTHER),
        select(practice, patient.c.id),
    ):
        with pytest.raises(Unscoped):
            send(confined, statement, DIRECTORY)


def test_a_listing_of_practices_is_not_remembered_for_another_scope(confined: Database) -> None:
    with confined.read(DIRECTORY) as db:
        practice_rows.every(db)
    with pytest.raises(Unscoped), confined.read(OWN) as db:
        practice_rows.every(db)
    with pytest.raises(Unscoped), confined.read(NONE) as db:
        practice_rows.every(db)


def test_the_same_statement_is_checked_with_each_value(confined: Database) -> None:
    for _ in range(3):  # compiled once, then remembered
        send(confined, select(patient).where(patient.c.practice_id == OWN), OWN)
        with pytest.raises(Unscoped):
            send(confined, select(patient).where(patient.c.practice_id == OTHER), OWN)


def test_each_of_many_rows_is_checked(confined: Database) -> None:
    rows = [{"of": OWN, "mrn": "A"}, {"of": OTHER, "mrn": "B"}]
    statement = update(patient).where(patient.c.practice_id == bindparam("of"))
    with confined.write(OWN) as db:
        db.execute(statement, rows[:1])
        with pytest.raises(Unscoped):
            db.execute(statement, rows)


def test_a_prepared_statement_is_checked_too(confined: Database) -> None:
    own = Prepared(select(patient.c.id).where(patient.c.practice_id == bindparam("practice_id")))
    with confined.read(OWN) as db:
        assert own.rows(db, {"practice_id": OWN}) == []
        with pytest.raises(Unscoped):
            own.rows(db, {"practice_id": OTHER})
        with pytest.raises(Unscoped):
            Prepared(select(patient.c.id)).rows(db, {})
    with confined.read(NONE) as db, pytest.raises(Unscoped):
        own.rows(db, {"practice_id": OWN})


def test_turning_to_another_practice_turns_the_guard(confined: Database) -> None:
    at_other = select(patient).where(patient.c.practice_id == OTHER)
    with confined.write(OWN) as db:
        with confined.as_practice(db, OTHER):
            db.execute(at_other)
            with pytest.raises(Unscoped):
                db.execute(tied)
        db.execute(tied)
        with pytest.raises(Unscoped):
            db.execute(at_other)


def test_many_rows_in_one_statement_are_checked_one_by_one(confined: Database) -> None:
    rows = [{"practice_id": whose, "id": new_id(NOW)} for whose in (OWN, OTHER)]
    many = insert(metadata.tables["location"])
    named = {"name": "A", "time_zone": "UTC", "active": True, "created_at": NOW, "updated_at": NOW}
    answered = many.returning(metadata.tables["location"].c.id)
    with confined.write(OWN) as db:
        db.execute(many, [rows[0] | named])
        for statement in (many, answered):
            with pytest.raises(Unscoped):
                db.execute(statement, [row | named for row in rows])


def test_a_value_that_is_made_late_is_checked_too(confined: Database) -> None:
    late: BindParameter[str] = bindparam("practice_id", callable_=lambda: OTHER)
    written_out: BindParameter[str] = bindparam("practice_id", OTHER, literal_execute=True)
    several: BindParameter[list[str]] = bindparam("practice_id", [OWN], expanding=True)
    for value in (late, written_out):
        with pytest.raises(Unscoped):
            send(confined, select(patient).where(patient.c.practice_id == value), OWN)
    with pytest.raises(Unscoped):
        send(confined, select(patient).where(patient.c.practice_id.in_(several)), OWN)


def test_outside_of_a_unit_of_work_nothing_is_sent(confined: Database) -> None:
    """Also on a connection that had a scope before it went back to the pool."""
    send(confined, tied, OWN)
    with confined.read(OWNER) as db:
        db.execute(select(practice))
    with confined.engine.connect() as db:
        for statement in (tied, select(func.count()), text("SELECT 1")):
            with pytest.raises(Unscoped):
                db.execute(statement)


def test_every_view_is_known(database: Database) -> None:
    with database.read(OWNER) as db:
        assert set(inspect(db).get_view_names()) == guard.VIEWS


def test_every_table_that_names_a_practice_has_keys_of_that_type() -> None:
    """But for `erasure`: what is left of a practice is no practice's."""
    for one in metadata.sorted_tables:
        key = one.c.get("id" if one is practice else "practice_id")
        if key is not None and one.name != "erasure":
            assert isinstance(key.type, PracticeKey), one.name
