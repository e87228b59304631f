"""The guard of SQLite: what reaches further than its practice does not leave the program."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Select,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
    true,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import sqlite as dialect
from sqlalchemy.schema import CreateTable

from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.guard import Unscoped, binds
from app.db.engine.prepared import Prepared
from app.db.engine.scope import DIRECTORY, NONE, OWNER, Scope
from app.db.queries.practice import practices as practice_rows
from app.domain.ids import new_id
from tests.support.clinic import NOW

OWN, OTHER = new_id(NOW), new_id(NOW)
patient, course, session = (metadata.tables[name] for name in ("patient", "course", "session"))
practice, credential = metadata.tables["practice"], metadata.tables["credential"]
other, named = patient.alias(), bindparam("practice_id", OWN)
OURS, COURSE_OURS = patient.c.practice_id == OWN, course.c.practice_id == OWN
SAME = course.c.practice_id == patient.c.practice_id
JOINED = and_(SAME, course.c.patient_id == patient.c.id)
ROW = {"id": new_id(NOW), "practice_id": OWN}
tied = select(patient.c.id).where(OURS)
upsert = dialect.insert(patient).values(practice_id=OWN, id=new_id(NOW), mrn="A")

REFUSED: dict[str, Any] = {
    "no predicate": select(patient),
    "another practice's": select(patient).where(patient.c.practice_id == OTHER),
    "both": select(patient).where(OURS, patient.c.practice_id == OTHER),
    "only the id": select(patient).where(patient.c.id == OWN),
    "equal to itself": select(patient).where(patient.c.practice_id == patient.c.practice_id),
    "under OR": select(patient).where(or_(OURS, patient.c.mrn == "A")),
    "under NOT": select(patient).where(not_(and_(OURS, patient.c.mrn == "A"))),
    "unequal": select(patient).where(patient.c.practice_id != OWN),
    "one of several": select(patient).where(patient.c.practice_id.in_([OWN, OTHER])),
    "of a subquery": select(patient).where(patient.c.practice_id.in_(select(practice.c.id))),
    "like": select(patient).where(patient.c.practice_id.like("%")),
    "a function of it": select(patient).where(func.lower(patient.c.practice_id) == OWN),
    "an alias beside": select(patient, other.c.mrn).where(OURS),
    "an alias instead": select(other).where(OURS),
    "a table beside": select(patient, course.c.id).where(OURS),
    "a join on the id alone": select(patient)
    .join(course, course.c.patient_id == patient.c.id)
    .where(OURS),
    "an outer join that says it of the left side": select(patient).outerjoin(
        course, and_(JOINED, OURS)
    ),
    "an outer join that says it of the right side": select(patient).outerjoin(
        course, and_(JOINED, COURSE_OURS)
    ),
    "a full join": select(patient).join(course, and_(JOINED, OURS), full=True),
    "a join on anything": select(patient).join(course, true()).where(OURS),
    "a second arm": union_all(select(patient.c.id).where(OURS), select(patient.c.id)),
    "a first arm": union(select(patient.c.id), tied),
    "a subquery that is uncorrelated": select(patient).where(
        exists(select(patient.c.id).where(OURS).correlate(None))
    ),
    "inside a subquery": select(select(patient.c.id).subquery()),
    "inside a common table": select(select(patient.c.id).cte()),
    "outside a common table": select(patient).where(patient.c.id.in_(select(tied.cte()))),
    "a scalar beside": select(course.c.id, select(other.c.mrn).limit(1).scalar_subquery()).where(
        COURSE_OURS
    ),
    "a scalar of the same table": select(
        course.c.id,
        select(patient.c.mrn).where(patient.c.mrn == "A").correlate(None).scalar_subquery(),
    ).where(COURSE_OURS),
    "in the order": tied.order_by(select(func.max(course.c.id)).scalar_subquery()),
    "text for a table": select(text("mrn")).select_from(text("patient")),
    "text for a column": select(literal_column("(SELECT max(mrn) FROM patient)")),
    "text for a condition": tied.where(text("1 = 1 OR 1 = 1")),
    "text for an operator": tied.where(patient.c.mrn.op("IS NOT NULL OR 1 =")(1)),
    "text behind": tied.suffix_with("UNION SELECT id FROM patient"),
    "a table by its name": select(table("patient", column("id"))),
    "a table by its name in capitals": select(table("PATIENT", column("id"))),
    "a view": select(table("injection", column("site"))),
    "a lookalike of the column": select(table("patient", column("practice_id"))).where(
        column("practice_id") == OWN
    ),
    "change without": update(patient).values(mrn="A"),
    "change of another's": update(patient).where(patient.c.practice_id == OTHER).values(mrn="A"),
    "change of whose it is": update(patient).where(OURS).values(practice_id=OTHER),
    "change with another table": update(patient)
    .where(patient.c.id == course.c.patient_id, COURSE_OURS)
    .values(mrn="A"),
    "change from a subquery": update(patient)
    .where(OURS)
    .values(mrn=select(other.c.mrn).limit(1).scalar_subquery()),
    "delete without": delete(patient),
    "delete under OR": delete(patient).where(or_(OURS, true())),
    "delete by a subquery": delete(patient).where(patient.c.id.in_(tied)),
    "insert another's": insert(patient).values(practice_id=OTHER, id=OWN),
    "insert nobody's": insert(patient).values(id=OWN),
    "insert many": insert(patient).values([ROW, ROW | {"practice_id": OTHER}]),
    "insert from a select": insert(patient).from_select(["id"], tied),
    "insert with a subquery for whose": insert(patient).values(
        practice_id=select(practice.c.id).limit(1).scalar_subquery(), id=OWN
    ),
    "insert with a subquery": insert(patient).values(
        practice_id=OWN, id=OWN, mrn=select(other.c.mrn).limit(1).scalar_subquery()
    ),
    "insert under another parameter": insert(patient).values(
        practice_id=bindparam("x", OTHER), id=bindparam("practice_id", OWN)
    ),
    "insert or replace": insert(patient).values(**ROW).prefix_with("OR REPLACE"),
    "conflict elsewhere": upsert.on_conflict_do_update(index_elements=["id"], set_={"mrn": "A"}),
    "conflict that moves": upsert.on_conflict_do_update(
        index_elements=["practice_id", "id"], set_={"practice_id": OTHER}
    ),
    "conflict with a subquery": upsert.on_conflict_do_update(
        index_elements=["practice_id", "id"],
        set_={"mrn": select(other.c.mrn).limit(1).scalar_subquery()},
    ),
    "a change inside a common table": select(
        update(patient).values(mrn="A").returning(patient.c.id).cte()
    ),
    "every practice": select(practice),
    "another practice": select(practice).where(practice.c.id == OTHER),
    "all credentials ended": delete(credential),
    "another's credentials ended": delete(credential).where(credential.c.practice_id == OTHER),
    "a credential for another": insert(credential).values(practice_id=OTHER, digest=b""),
    "by way of a credential": select(patient)
    .join(credential, credential.c.practice_id == patient.c.practice_id)
    .where(credential.c.digest == b""),
    "plain text": text("SELECT * FROM patient"),
    "text that hides it": text('SELECT * FROM/**/"main".[patient]'),
    "text that copies all of it": text("VACUUM INTO '/tmp/x'"),
    "a definition": CreateTable(patient),
}

TAKEN: dict[str, Any] = {
    "the own": select(patient).where(OURS),
    "by a parameter": select(patient).where(patient.c.practice_id == named),
    "the other way round": select(patient).where(named == patient.c.practice_id),
    "an alias": select(other).where(other.c.practice_id == OWN),
    "a join": select(patient, course.c.id).join(course, JOINED).where(COURSE_OURS),
    "a join that says it": select(patient).join(course, and_(JOINED, COURSE_OURS)),
    "an outer join": select(patient).outerjoin(course, JOINED).where(OURS),
    "two joins": select(session.c.id)
    .join(course, course.c.practice_id == session.c.practice_id)
    .join(patient, JOINED)
    .where(session.c.practice_id == OWN),
    "a correlated subquery": select(patient).where(
        OURS, exists(select(course.c.id).where(JOINED).correlate(patient))
    ),
    "a subquery": select(tied.subquery()),
    "a common table": select(tied.cte()),
    "two arms": union_all(tied, select(course.c.id).where(COURSE_OURS)),
    "its practice": select(practice).where(practice.c.id == OWN),
    "a count": select(func.count()).select_from(patient).where(OURS),
    "change": update(patient).where(OURS).values(mrn="A"),
    "delete": delete(patient).where(OURS),
    "insert": insert(metadata.tables["idempotency"]).values(
        practice_id=OWN, key="k", fingerprint=b"", created_at=NOW
    ),
    "a credential looked up": select(credential).where(credential.c.digest == b""),
    "no table": select(func.count()),
}

# Some of these are warned about as well, by the library.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture
def confined(sqlite: Database) -> Database:
    """A database with the one practice that is written for."""
    with sqlite.write(OWNER) as db:
        values = {"id": OWN, "name": "A", "time_zone": "UTC", "cursor_key": b""}
        db.execute(insert(practice).values(**values, created_at=NOW, updated_at=NOW))
    return sqlite


def send(database: Database, statement: Any, scope: Scope) -> None:
    with database.write(scope) as db:
        db.execute(statement)


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(sqlite: Database, name: str) -> None:
    for scope in (OWN, NONE):
        with pytest.raises(Unscoped):
            send(sqlite, REFUSED[name], scope)


@pytest.mark.parametrize("name", TAKEN)
def test_it_lets_pass(confined: Database, name: str) -> None:
    send(confined, TAKEN[name], OWN)


@pytest.mark.parametrize("name", TAKEN)
def test_without_a_practice_none_of_its_rows_is_reached(sqlite: Database, name: str) -> None:
    free = name in ("a credential looked up", "no table")
    for scope in (OTHER, NONE, DIRECTORY):
        if free or (scope is DIRECTORY and name == "its practice"):
            send(sqlite, TAKEN[name], scope)
        else:
            with pytest.raises(Unscoped):
                send(sqlite, TAKEN[name], scope)


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


_ALIASES = [patient, other, course, session]


@st.composite
def _joins(draw: Any) -> tuple[Select[Any], bool]:
    """A select over one to four tables with some of the equations, and whether all are tied."""
    chosen = _ALIASES[: draw(st.integers(1, 4))]
    pairs = draw(
        st.sets(st.tuples(st.integers(0, len(chosen) - 1), st.integers(0, len(chosen) - 1)))
    )
    anchored = draw(st.sets(st.integers(0, len(chosen) - 1)))
    conditions = [chosen[a].c.practice_id == chosen[b].c.practice_id for a, b in sorted(pairs)]
    conditions += [chosen[n].c.practice_id == OWN for n in sorted(anchored)]
    reached = set(anchored)
    for _ in chosen:
        reached |= {b for a, b in pairs if a in reached} | {a for a, b in pairs if b in reached}
    statement = select(*(one.c.id for one in chosen)).where(
        *draw(st.permutations(conditions)) if conditions else ()
    )
    return statement, len(reached) == len(chosen)


@given(_joins())
def test_it_takes_what_is_tied_and_nothing_else(drawn: tuple[Select[Any], bool]) -> None:
    statement, sound = drawn
    if sound:
        assert binds(statement)
    else:
        with pytest.raises(Unscoped):
            binds(statement)
