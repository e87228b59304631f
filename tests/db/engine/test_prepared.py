"""Prepared statements say and do what SQLAlchemy's own execution would."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import bindparam, event, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.db.engine.engine import Database
from app.db.engine.prepared import Prepared
from app.db.engine.scope import OWNER
from app.db.models import Practice
from app.db.queries import table_rows
from app.db.queries.scheduling import facts, worklist
from app.db.queries.table_rows import table_of
from app.db.rows.practice import PracticeRow
from tests.support.clinic import Clinic, a_clinic

TABLE = table_of(Practice)
NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


def a_practice(id: str) -> PracticeRow:
    named = {"id": id, "name": "O'Hara % Sons", "time_zone": "UTC", "cursor_key": b"\x00\xff"}
    stamps = {"created_at": NOW, "updated_at": NOW, "version": 1}
    return table_rows.complete(Practice, named | stamps)


ONE = "01950000-0000-7000-8000-000000000001"


def test_what_is_written_is_read_alike(database: Database) -> None:
    reads = select(TABLE).where(TABLE.c.id == bindparam("id"))
    with database.write(OWNER) as db:
        assert Prepared(insert(TABLE)).run(db, a_practice(ONE)) == 1
        [row] = Prepared(reads).rows(db, {"id": ONE})
        assert list(row) == list(db.execute(reads, {"id": ONE}).one())
        assert dict(zip(TABLE.c.keys(), row, strict=True)) == a_practice(ONE)
        renamed = update(TABLE).where(TABLE.c.id == bindparam("of")).values(name=bindparam("name"))
        assert Prepared(renamed).run(db, {"of": ONE, "name": "New"}) == 1
        assert Prepared(renamed).run(db, {"of": ONE[:-1] + "2", "name": "New"}) == 0


def test_a_broken_rule_is_told_as_ever_and_quotes_nothing(database: Database) -> None:
    with database.write(OWNER) as db:
        Prepared(insert(TABLE)).run(db, a_practice(ONE))
    with pytest.raises(IntegrityError) as broken, database.write(OWNER) as db:
        Prepared(insert(TABLE)).run(db, a_practice(ONE))
    assert ONE not in str(broken.value)
    assert "O'Hara" not in str(broken.value)


def test_it_is_counted_like_any_other(database: Database) -> None:
    found: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: found.append(told[2]))
    with database.read(OWNER) as db:
        Prepared(select(TABLE.c.name).where(TABLE.c.id == bindparam("id"))).rows(db, {"id": ONE})
    assert len(found) == 1


def test_a_list_of_values_is_no_single_value(database: Database) -> None:
    with database.read(OWNER) as db, pytest.raises(ValueError, match="single values"):
        Prepared(select(TABLE).where(TABLE.c.id.in_(["a", "b"]))).rows(db, {})


@pytest.fixture
def clinic(database: Database):  # type: ignore[no-untyped-def]
    with a_clinic(database) as made:
        yield made


def test_the_first_page_is_that_of_the_filtered_list(clinic: Clinic) -> None:
    for day in ("2025-10-13", "2026-01-05"):
        course = clinic.a_course(day)
        clinic.a_booking(course["id"], "2026-04-20T09:00:00-04:00")
    at = worklist.Thresholds(date(2026, 3, 20), 14, 7, 84)
    every = worklist.Filters(due_from=date(1900, 1, 1))
    with clinic.database.read(OWNER) as db:
        pages = [
            worklist.page(
                db,
                practice_id=clinic.practice_id,
                filters=filters,
                at=at,
                after=None,
                limit=10,
            )
            for filters in (worklist.Filters(), every)
        ]
        known = facts.of_course(db, practice_id=clinic.practice_id, course_id=course["id"])
        [same] = facts.of_courses(db, practice_id=clinic.practice_id, course_ids=[course["id"]])
    assert len(pages[0]) == 2
    assert pages[0] == pages[1]
    assert known == same
