"""What an import reads and writes in bulk: the number of statements grows with thousands of
rows, never with each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from app.db.base import Base, OfPractice
from app.db.models import (
    AuditEvent,
    Course,
    Identifier,
    ImportRow,
    Location,
    Patient,
    Practice,
    Practitioner,
    Session,
)
from app.db.queries.scheduling import facts as fact_rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.table_rows import every, first, table_of
from app.db.rows.base import OwnRow, Row, Values
from app.db.rows.imports import ImportedLineRow
from app.db.rows.patients import PatientRow
from app.db.rows.practice import PracticeRow
from app.db.rows.scheduling import CourseRow, CourseValues
from app.domain.audit.events import Outcome

# Values in one statement: far below what either database allows.
BATCH_SIZE = 1_000

_practice, _patient, _course = table_of(Practice), table_of(Patient), table_of(Course)
_session, _row, _audit = table_of(Session), table_of(ImportRow), table_of(AuditEvent)
_location, _practitioner = table_of(Location), table_of(Practitioner)
_identifier = table_of(Identifier)


def pieces(values: Collection[str]) -> Iterator[Sequence[str]]:
    """Yield the values in order, as many at a time as one statement takes."""
    listed = sorted(values)
    for start in range(0, len(listed), BATCH_SIZE):
        yield listed[start : start + BATCH_SIZE]


def practice_alone(db: Connection, *, practice_id: str) -> PracticeRow | None:
    """Return the practice, held so that no other import of it runs until this one ends.

    The lock is the one that still lets others refer to the practice: their writes go on.
    """
    statement = select(_practice).where(_practice.c.id == practice_id)
    return first(db.execute(statement.with_for_update(key_share=True)), PracticeRow)


def places(db: Connection, *, practice_id: str) -> list[tuple[str, str, str]]:
    """Return (id, name, time zone) of every location, oldest first."""
    table = _location
    rows = db.execute(
        select(table.c.id, table.c.name, table.c.time_zone)
        .where(table.c.practice_id == practice_id)
        .order_by(table.c.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def people(db: Connection, *, practice_id: str) -> list[tuple[str, str]]:
    """Return (id, name) of every practitioner, oldest first."""
    table = _practitioner
    rows = db.execute(
        select(table.c.id, table.c.name)
        .where(table.c.practice_id == practice_id)
        .order_by(table.c.id)
    )
    return [(row[0], row[1]) for row in rows]


def patients(db: Connection, *, practice_id: str, mrn_keys: Collection[str]) -> list[PatientRow]:
    """Return the patients with these MRNs, held until this transaction ends."""
    statement = _held(_patient, practice_id)
    return _all(db, statement, _patient.c.mrn_key, mrn_keys, PatientRow)


def courses(db: Connection, *, practice_id: str, patient_ids: Collection[str]) -> list[CourseRow]:
    """Return these patients' courses, oldest first and held as well: they share treatments."""
    statement = _held(_course, practice_id)
    return _all(db, statement, _course.c.patient_id, patient_ids, CourseRow)


def _held(table: Any, practice_id: str) -> Select[Any]:
    statement = select(table).where(table.c.practice_id == practice_id).order_by(table.c.id)
    return statement.with_for_update(key_share=True)


def _all(
    db: Connection, statement: Select[Any], column: Any, values: Collection[str], kind: type[Row]
) -> list[Row]:
    return [
        row
        for piece in pieces(values)
        for row in every(db.execute(statement.where(column.in_(piece))), kind)
    ]


def given(
    db: Connection, *, practice_id: str, course_ids: Collection[str]
) -> Iterator[tuple[str, date, int | None]]:
    """Yield (course, day, hundredths of a unit) of every session given in these courses."""
    table = _session
    for piece in pieces(course_ids):
        rows = db.execute(
            select(table.c.course_id, table.c.given_on, table.c.administered).where(
                table.c.practice_id == practice_id,
                table.c.course_id.in_(piece),
                table.c.status == "given",
            )
        )
        yield from ((row[0], row[1], row[2]) for row in rows)


def facts(db: Connection, *, practice_id: str, course_ids: Collection[str]) -> list[CourseFacts]:
    """Return all that the dates of these courses rest on."""
    return [
        found
        for piece in pieces(course_ids)
        for found in fact_rows.of_courses(db, practice_id=practice_id, course_ids=piece)
    ]


def facts_of_patients(
    db: Connection, *, practice_id: str, patient_ids: Collection[str]
) -> list[CourseFacts]:
    """Return all that the dates of these patients' courses rest on."""
    return [
        found
        for piece in pieces(patient_ids)
        for found in fact_rows.of_patients(db, practice_id=practice_id, patient_ids=piece)
    ]


def rewrite_courses(
    db: Connection, *, practice_id: str, derived: Sequence[tuple[str, CourseValues]], now: datetime
) -> None:
    """Save derived columns of courses this transaction holds: (id, values), all of the same
    columns."""
    if derived:
        names = tuple(sorted(derived[0][1]))
        scope = {"updated_at": now, "of_practice": practice_id}
        db.execute(_rewrite(names), [{**values, **scope, "of_id": id} for id, values in derived])


@lru_cache(maxsize=8)
def _rewrite(names: tuple[str, ...]) -> Any:
    return (
        update(_course)
        .where(
            _course.c.practice_id == bindparam("of_practice"), _course.c.id == bindparam("of_id")
        )
        .values(
            {name: bindparam(name) for name in (*names, "updated_at")}
            | {"version": _course.c.version + 1}
        )
    )


def session_ids(db: Connection, *, practice_id: str, import_id: str) -> list[str]:
    """Return the sessions that an import's rows became."""
    rows = db.scalars(
        select(_row.c.session_id)
        .where(_row.c.practice_id == practice_id, _row.c.import_id == import_id)
        .order_by(_row.c.line)
    )
    return list(rows)


def rows_of_sessions(
    db: Connection, *, practice_id: str, session_ids: Collection[str]
) -> dict[str, ImportedLineRow]:
    """Return the spreadsheet's row of each of these sessions that came from one."""
    statement = select(_row).where(_row.c.practice_id == practice_id)
    found = _all(db, statement, _row.c.session_id, session_ids, ImportedLineRow)
    return {row["session_id"]: row for row in found}


def records(
    db: Connection,
    model: type[OfPractice[OwnRow, Values]],
    *,
    practice_id: str,
    ids: Collection[str],
) -> list[OwnRow]:
    """Return the records with these ids that are still there, held until the end."""
    table = table_of(model)
    found: list[Any] = _all(db, _held(table, practice_id), table.c.id, ids, dict)
    return found


def touched(db: Connection, *, practice_id: str, ids: Collection[str]) -> set[str]:
    """Return those of these records that somebody changed after they were made, or named for
    another system."""
    changed: set[str] = set()
    for piece in pieces(ids):
        changed.update(
            db.scalars(
                select(_audit.c.resource_id)
                .where(
                    _audit.c.practice_id == practice_id,
                    _audit.c.resource_id.in_(piece),
                    _audit.c.outcome == Outcome.DONE,
                )
                .group_by(_audit.c.resource_id)
                .having(func.count() > 1)
            )
        )
        changed.update(
            db.scalars(
                select(_identifier.c.resource_id).where(
                    _identifier.c.practice_id == practice_id, _identifier.c.resource_id.in_(piece)
                )
            )
        )
    return changed


def referred(
    db: Connection, model: type[Base[Any]], column: str, *, practice_id: str, ids: Collection[str]
) -> list[tuple[str, str]]:
    """Return (referring id, id referred to) of the records whose `column` names one of these."""
    table = table_of(model)
    names = table.c[column]
    return [
        (row[0], row[1])
        for piece in pieces(ids)
        for row in db.execute(
            select(table.c.id, names).where(table.c.practice_id == practice_id, names.in_(piece))
        )
    ]


def remove(
    db: Connection, model: type[Base[Any]], *, practice_id: str, ids: Collection[str]
) -> None:
    """Delete these records."""
    table = table_of(model)
    for piece in pieces(ids):
        db.execute(delete(table).where(table.c.practice_id == practice_id, table.c.id.in_(piece)))


def forget_rows(
    db: Connection, *, practice_id: str, import_id: str, session_ids: Collection[str]
) -> None:
    """Delete what an import kept of the rows that became these sessions."""
    for piece in pieces(session_ids):
        db.execute(
            delete(_row).where(
                _row.c.practice_id == practice_id,
                _row.c.import_id == import_id,
                _row.c.session_id.in_(piece),
            )
        )
