"""The audit log: read by filters, by its order, and what seals it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.db.models import AuditEvent, AuditSeal
from app.db.queries.table_rows import every, first, table_of
from app.db.rows.audit import AuditEventRow, AuditSealRow
from app.domain.ids import first_id, pack

_event, _seal = table_of(AuditEvent), table_of(AuditSeal)


def last_seal(db: Connection, *, practice_id: str) -> AuditSealRow | None:
    """Return the newest seal of the practice."""
    found = db.execute(
        select(_seal)
        .where(_seal.c.practice_id == practice_id)
        .order_by(_seal.c.number.desc())
        .limit(1)
    )
    return first(found, AuditSealRow)


def seals(
    db: Connection, *, practice_id: str, after: int = 0, since: datetime | None = None, limit: int
) -> list[AuditSealRow]:
    """Return up to `limit` seals in their order, those numbered above `after` alone."""
    wanted = select(_seal).where(_seal.c.practice_id == practice_id, _seal.c.number > after)
    if since is not None:
        wanted = wanted.where(_seal.c.sealed_at >= since)
    return every(db.execute(wanted.order_by(_seal.c.number).limit(limit)), AuditSealRow)


def add_seal(db: Connection, *, practice_id: str, row: AuditSealRow) -> None:
    """Append a seal."""
    db.execute(insert(_seal), {**row, "practice_id": practice_id})


def ids_between(db: Connection, *, practice_id: str, above: str | None, below: str) -> list[str]:
    """Return the ids of events from `above` to `below`, both left out, in order."""
    wanted = select(_event.c.id).where(_event.c.practice_id == practice_id, _event.c.id < below)
    if above is not None:
        wanted = wanted.where(_event.c.id > above)
    return list(db.scalars(wanted.order_by(_event.c.id)))


def by_ids(db: Connection, *, practice_id: str, ids: Sequence[str]) -> dict[str, AuditEventRow]:
    """Return these events by id; no more than one statement may name."""
    rows = db.execute(
        select(_event).where(_event.c.practice_id == practice_id, _event.c.id.in_(ids))
    )
    return {row["id"]: row for row in every(rows, AuditEventRow)}


def page(
    db: Connection,
    *,
    practice_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
    equal: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = (),
    patient_id: str | None = None,
    broken_glass: bool | None = None,
    before: str | None = None,
    limit: int,
) -> list[AuditEventRow]:
    """Return events, the newest first: from `since` on, before `until`, below the id `before`.

    `equal` gives columns their values; a patient's events are also the lists that showed them.
    """
    conditions: list[Any] = [_event.c.practice_id == practice_id]
    conditions += [_event.c[name] == value for name, value in (equal or {}).items()]
    if since is not None:
        # An id is never older than its row, so the index can stop there; it may be younger.
        conditions += [_event.c.id >= first_id(since), _event.c.at >= since]
    if until is not None:
        conditions.append(_event.c.at < until)
    if before is not None:
        conditions.append(_event.c.id < before)
    if outcomes:
        conditions.append(_event.c.outcome.in_(outcomes))
    if broken_glass is not None:
        given = _event.c.reason.is_not(None)
        conditions.append(given if broken_glass else ~given)
    if patient_id is not None:
        conditions.append(or_(_event.c.patient_id == patient_id, _names(db, patient_id)))
    rows = db.execute(select(_event).where(*conditions).order_by(_event.c.id.desc()).limit(limit))
    return every(rows, AuditEventRow)


def last(db: Connection, *, practice_id: str) -> str | None:
    """Return the id of the newest event."""
    newest = select(_event.c.id).where(_event.c.practice_id == practice_id)
    return db.scalars(newest.order_by(_event.c.id.desc()).limit(1)).first()


def _names(db: Connection, patient_id: str) -> ColumnElement[bool]:
    """Return the condition that a list showed the patient: their 16 bytes are in it."""
    packed = pack([patient_id])
    search = func.instr if db.dialect.name == "sqlite" else func.pg_catalog.position
    return and_(_event.c.patients.is_not(None), search(_event.c.patients, packed) > 0)


def patient_of(db: Connection, *, practice_id: str, resource_id: str) -> str | None:
    """Return the patient whom a change of this record was about."""
    wanted = select(_event.c.patient_id).where(
        _event.c.practice_id == practice_id,
        _event.c.resource_id == resource_id,
        _event.c.patient_id.is_not(None),
    )
    return db.scalar(wanted.limit(1))
