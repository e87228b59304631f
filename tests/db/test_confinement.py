"""The proof itself: what it takes and refuses, and that nothing is sent past it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BindParameter, Select, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.prepared import Prepared
from app.db.engine.scope import OWNER
from app.db.queries.practice import practice_rows
from tests.support import databases, sent
from tests.support.confinement import Text, faults
from tests.support.hostile import OWN, REFUSED

ROOT = Path(__file__).resolve().parents[2]
patient, course, session = (metadata.tables[name] for name in ("patient", "course", "session"))

OURS = "patient.practice_id = :practice"
CONFINED = {
    "a parameter": f"SELECT mrn FROM patient WHERE {OURS}",
    "the other way round": "SELECT mrn FROM patient WHERE :practice = patient.practice_id",
    "in brackets": f"SELECT mrn FROM patient WHERE (({OURS}) AND mrn = :x)",
    "in the ON of an inner join": f"SELECT 1 FROM patient JOIN erasure ON {OURS}",
    "in the ON of an outer join": "SELECT 1 FROM erasure LEFT JOIN patient AS p "
    "ON p.practice_id = :practice AND p.id = :x",
    "a subquery that leans on the outside": f"SELECT 1 FROM patient WHERE {OURS} AND EXISTS "
    "(SELECT 1 FROM hold WHERE hold.practice_id = :practice AND hold.id = patient.id)",
    "a change": f"UPDATE patient SET mrn = :x WHERE {OURS}",
    "a deletion": f"DELETE FROM patient WHERE {OURS}",
    "a row": "INSERT INTO hold (id, practice_id) VALUES (:x, :practice), (:x, :practice)",
    "a row that was there": "INSERT INTO hold (id, practice_id) VALUES (:x, :practice) "
    "ON CONFLICT (practice_id, id) DO UPDATE SET reason = :x",
    "a row that may be there": "INSERT INTO hold (id, practice_id) VALUES (:x, :practice) "
    "ON CONFLICT DO NOTHING",
    "of no practice": "SELECT 1 FROM erasure WHERE practice_id <> :x",
}
UNCONFINED = {
    "another parameter": "SELECT mrn FROM patient WHERE patient.practice_id = :x",
    "a text": "SELECT mrn FROM patient WHERE patient.practice_id = ':practice'",
    "a column": "SELECT 1 FROM patient JOIN hold ON hold.practice_id = patient.practice_id "
    f"WHERE {OURS}",
    "an outer join outside of its ON": "SELECT 1 FROM erasure LEFT JOIN patient ON patient.id = :x "
    f"WHERE {OURS}",
    "an outer join of the wrong side": f"SELECT 1 FROM patient LEFT JOIN erasure ON {OURS}",
    "a join to the right": f"SELECT 1 FROM erasure RIGHT JOIN patient ON {OURS} WHERE {OURS}",
    "a join by USING": f"SELECT 1 FROM erasure JOIN patient USING (id) WHERE {OURS}",
    "a natural join": f"SELECT 1 FROM erasure NATURAL JOIN patient WHERE {OURS}",
    "a join in brackets": f"SELECT 1 FROM (erasure JOIN patient ON patient.id = :x) WHERE {OURS}",
    "a subquery that leans too far": f"SELECT 1 FROM patient WHERE {OURS} AND EXISTS "
    f"(SELECT 1 FROM hold WHERE {OURS})",
    "a name of another schema": f"SELECT 1 FROM erasure, main.patient AS p WHERE {OURS}",
    "a comment": f"SELECT 1 FROM patient -- WHERE {OURS}",
    "a bracket in a comment": f"SELECT 1 FROM patient WHERE {OURS} /* ( */ OR (1 = id)",
    "another way of quoting": f"SELECT '\\' FROM patient WHERE {OURS} AND mrn = '('",
    "a bracket too many": f"SELECT 1 FROM patient WHERE {OURS} AND (mrn = :x",
    "a bracket too few": f"SELECT 1 FROM patient WHERE {OURS}) OR (mrn = :x)",
    "a row of another": "INSERT INTO hold (id, practice_id) VALUES (:practice, :x)",
    "a second row of another": "INSERT INTO hold (practice_id) VALUES (:practice), (:x)",
    "a row without": "INSERT INTO hold (id) VALUES (:practice)",
    "columns without names": "INSERT INTO hold VALUES (:practice)",
    "no row": "INSERT INTO hold DEFAULT VALUES",
    "replaced": "REPLACE INTO hold (id, practice_id) VALUES (:x, :practice)",
    "copied": "INSERT INTO hold (id, practice_id) SELECT id, practice_id FROM hold "
    "WHERE hold.practice_id = :practice",
    "a conflict of another": "INSERT INTO hold (id, practice_id) VALUES (:x, :practice) "
    "ON CONFLICT (id) DO UPDATE SET reason = :x",
    "a conflict that moves": "INSERT INTO hold (id, practice_id) VALUES (:x, :practice) "
    "ON CONFLICT (practice_id, id) DO UPDATE SET practice_id = :practice",
    "moved": f"UPDATE patient SET practice_id = :x WHERE {OURS}",
    "changed with another": f"UPDATE patient SET mrn = hold.reason FROM hold WHERE {OURS}",
    "deleted with another": f"DELETE FROM patient USING hold WHERE {OURS}",
    "ended for all": "DELETE FROM credential WHERE credential.digest = :x",
    "merged": f"MERGE INTO patient USING erasure ON {OURS} WHEN MATCHED THEN DELETE",
    "two statements": f"SELECT 1 FROM patient WHERE {OURS}; DELETE FROM patient",
    "a table for a list": "SELECT 1 FROM erasure WHERE practice_id IN patient",
    "a whole table": "TABLE patient",
    "a copy": "COPY patient TO '/tmp/x'",
    "no SQL": "SELECT FROM WHERE",
}


def read(sql: str, dialect: str) -> Text:
    """The text as a database gets it; the other parameter is called by a word of SQL."""
    own, parameter = frozenset({"practice"}), re.compile(r"(?<!'):(practice|x)")
    if dialect == "sqlite":
        places = tuple(found[1] for found in parameter.finditer(sql))
        return Text(dialect, parameter.sub("?", sql), places, own)
    names = {"practice": "%(practice)s::UUID", "x": "%(on)s"}
    return Text(dialect, parameter.sub(lambda found: names[found[1]], sql), (), own)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", CONFINED)
def test_it_takes_what_is_confined(name: str, dialect: str) -> None:
    assert faults(read(CONFINED[name], dialect)) == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", UNCONFINED)
def test_it_refuses_what_is_not(name: str, dialect: str) -> None:
    assert faults(read(UNCONFINED[name], dialect))


def test_parameters_without_a_name_are_told_apart_by_their_place() -> None:
    sql = "SELECT '?' FROM patient WHERE patient.id = ? AND patient.practice_id = ?"
    own = frozenset({"practice"})
    assert not faults(Text("sqlite", sql, ("id", "practice"), own))
    for places in (("practice", "id"), ("practice",), ("id", "practice", "practice")):
        assert faults(Text("sqlite", sql, places, own))


_DIALECTS: list[Any] = [vars(kind)["dialect"]() for kind in (sqlite, postgresql)]
_ALIASES = [patient, patient.alias(), course, session]


@st.composite
def _joins(draw: Any) -> tuple[Select[Any], bool]:
    """A select over one to four tables with some equations; whether each has one of its own."""
    chosen = _ALIASES[: draw(st.integers(1, 4))]
    some = st.integers(0, len(chosen) - 1)
    pairs, anchored = draw(st.sets(st.tuples(some, some))), draw(st.sets(some))
    conditions = [chosen[a].c.practice_id == chosen[b].c.practice_id for a, b in sorted(pairs)]
    conditions += [chosen[n].c.practice_id == OWN for n in sorted(anchored)]
    statement = select(*(one.c.id for one in chosen)).where(
        *draw(st.permutations(conditions)) if conditions else ()
    )
    return statement, len(anchored) == len(chosen)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@given(_joins(), st.sampled_from(_DIALECTS))
def test_each_table_needs_its_own(drawn: tuple[Select[Any], bool], dialect: Any) -> None:
    statement, sound = drawn
    assert (not faults(sent.text_of(statement.compile(dialect=dialect)))) is sound


# --- nothing is sent past it ----------------------------------------------------------------------


def test_what_is_sent_is_proved(database: Database) -> None:
    sent.taken()
    parameter: BindParameter[str] = bindparam("practice_id")
    bad = select(patient.c.id).where((patient.c.practice_id == parameter) | (patient.c.mrn == "A"))
    with database.read(OWN) as db:
        db.execute(REFUSED["under OR"])
        [first] = sent.unproved()
        db.execute(bad.with_only_columns(patient.c.mrn), {"practice_id": OWN})
        [second] = sent.unproved()
        Prepared(bad).rows(db, {"practice_id": OWN})
        [third] = sent.unproved()
    for told in (first, second, third):
        assert told.startswith("patient is reached without its practice")


def test_what_the_owner_sends_is_proved_when_the_program_built_it(database: Database) -> None:
    sent.taken()
    with database.read(OWNER) as db:
        db.execute(select(course.c.id))
        assert sent.taken() == []
        practice_rows.counts(db, practice_id=OWN)
        texts = {text.sql.split("FROM ")[1].split()[0] for text in sent.taken()}
    assert texts >= {"patient", "course", "session"}


PLANTED = """
from tests.support.hostile import OWN, REFUSED
from app.db.engine.engine import open_database

def test_planted():
    with open_database({address!r}).read(OWN) as db:
        db.execute(REFUSED["under OR"])
"""


def test_a_run_with_such_a_statement_fails(tmp_path: Path) -> None:
    address = databases.sqlite_copy(tmp_path / "test.db")
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED.format(address=address), encoding="utf-8")
    options = ["-p", "tests.conftest", "-p", "no:faker", "-c", "pyproject.toml", "--rootdir=."]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(planted)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "patient is reached without its practice" in ran.stdout
