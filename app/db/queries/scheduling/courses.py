"""Courses of a patient."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, select

from app.db.models import Course, Hold, OutsideSession
from app.db.queries.table_rows import table_of
from app.db.rows.scheduling import CourseRow, HoldRow, OutsideSessionRow

_table, _outside, _hold = table_of(Course), table_of(OutsideSession), table_of(Hold)


def ids_of_patient(db: Connection, *, practice_id: str, patient_id: str) -> list[str]:
    """Return the ids of the patient's courses, oldest first."""
    rows = db.scalars(
        select(_table.c.id)
        .where(_table.c.practice_id == practice_id, _table.c.patient_id == patient_id)
        .order_by(_table.c.id)
    )
    return list(rows)


def of_patient(db: Connection, *, practice_id: str, patient_id: str) -> list[CourseRow]:
    """Return the patient's courses, oldest first."""
    rows = db.execute(
        select(_table)
        .where(_table.c.practice_id == practice_id, _table.c.patient_id == patient_id)
        .order_by(_table.c.id)
    )
    return cast("list[CourseRow]", [dict(row) for row in rows.mappings()])


def outside_sessions(
    db: Connection, *, practice_id: str, course_id: str
) -> list[OutsideSessionRow]:
    """Return the treatments of the course that were given elsewhere, voided ones included."""
    rows = db.execute(
        select(_outside)
        .where(_outside.c.practice_id == practice_id, _outside.c.course_id == course_id)
        .order_by(_outside.c.given_on, _outside.c.id)
    )
    return cast("list[OutsideSessionRow]", [dict(row) for row in rows.mappings()])


def holds(db: Connection, *, practice_id: str, course_id: str) -> list[HoldRow]:
    """Return the course's holds, past and withdrawn ones included."""
    rows = db.execute(
        select(_hold)
        .where(_hold.c.practice_id == practice_id, _hold.c.course_id == course_id)
        .order_by(_hold.c.starts_on, _hold.c.id)
    )
    return cast("list[HoldRow]", [dict(row) for row in rows.mappings()])
