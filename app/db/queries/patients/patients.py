"""Patients by MRN, and lists of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from app.db.models import Course, OutsideSession, Patient, Session
from app.db.queries.table_rows import every, first, table_of
from app.db.rows.patients import PatientRow
from app.db.text import contains

_table = table_of(Patient)


def by_mrn(db: Connection, *, practice_id: str, mrn_key: str) -> PatientRow | None:
    """Return the patient with that MRN (in its compared form)."""
    found = db.execute(
        select(_table).where(_table.c.practice_id == practice_id, _table.c.mrn_key == mrn_key)
    )
    return first(found, PatientRow)


def page(
    db: Connection,
    *,
    practice_id: str,
    q: str | None = None,
    mrn_key: str | None = None,
    birth_date: date | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[PatientRow]:
    """Return patients by family name; `after` is the (family key, id) of the last one seen."""
    conditions: list[Any] = [_table.c.practice_id == practice_id]
    if q:
        conditions += [contains(_table.c.search_key, word) for word in q.casefold().split()]
    if mrn_key:
        conditions.append(_table.c.mrn_key == mrn_key)
    if birth_date:
        conditions.append(_table.c.birth_date == birth_date)
    order = (_table.c.family_key, _table.c.id)
    if after:
        conditions.append(tuple_(*order) > tuple_(*after, types=[c.type for c in order]))
    rows = db.execute(select(_table).where(*conditions).order_by(*order).limit(limit))
    return every(rows, PatientRow)


def first_day(db: Connection, *, practice_id: str, patient_id: str) -> date | None:
    """Return the first day on which the patient was treated, here or elsewhere."""
    course, session, outside = table_of(Course), table_of(Session), table_of(OutsideSession)
    own = select(course.c.id).where(
        course.c.practice_id == practice_id, course.c.patient_id == patient_id
    )
    here = select(func.min(session.c.given_on)).where(
        session.c.practice_id == practice_id,
        session.c.course_id.in_(own),
        session.c.status == "given",
    )
    elsewhere = select(func.min(outside.c.given_on)).where(
        outside.c.practice_id == practice_id,
        outside.c.course_id.in_(own),
        outside.c.voided_at.is_(None),
    )
    days: list[date] = [d for d in (db.scalar(here), db.scalar(elsewhere)) if d]
    return min(days, default=None)
