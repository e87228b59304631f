"""Revert an import: what it made is deleted, except what was changed or referred to since."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from app.db.base import OfPractice
from app.db.engine.engine import Connection
from app.db.models import (
    Closure,
    Course,
    Hold,
    ImportBatch,
    Location,
    OutsideSession,
    Patient,
    Practitioner,
    Session,
)
from app.db.queries.imports import imports as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.audit import AuditEventRow
from app.db.rows.base import RowOfPractice
from app.db.rows.imports import ImportBatchRow, ImportBatchValues
from app.db.rows.scheduling import SessionRow
from app.domain.access.access import Actor
from app.domain.errors import NotFound, WrongState
from app.services import records
from app.services.audit import audit
from app.services.scheduling import course_dates

_Model: TypeAlias = type[OfPractice[Any, Any]]

# Everything that can name a record the import made. Sessions have gone by the time the others
# are asked about; courses before patients, and both before places and people.
_REFERRERS: dict[str, tuple[_Model, tuple[tuple[_Model, str], ...]]] = {
    "course": (
        Course,
        ((Session, "course_id"), (OutsideSession, "course_id"), (Hold, "course_id")),
    ),
    "patient": (Patient, ((Course, "patient_id"),)),
    "practitioner": (
        Practitioner,
        (
            (Session, "practitioner_id"),
            (Course, "practitioner_id"),
            (Closure, "practitioner_id"),
        ),
    ),
    "location": (
        Location,
        ((Session, "location_id"), (Course, "location_id"), (Closure, "location_id")),
    ),
}


@dataclass(frozen=True, slots=True)
class Reverted:
    """The import as it now stands, and what went and what stayed of it: counts by kind."""

    batch: ImportBatchRow
    removed: dict[str, int]
    kept: dict[str, int]


def revert(db: Connection, *, import_id: str, by: Actor, now: datetime) -> Reverted:
    """Remove what an import made and rewrite the dates of the courses that remain.

    Kept is whatever was changed, named by another system or referred to since. An import is
    reverted once: `WrongState` after that.
    """
    if rows.practice_alone(db, practice_id=by.practice_id) is None:
        raise NotFound()
    batch = records.load(db, ImportBatch, practice_id=by.practice_id, id=import_id, locked=True)
    if batch["reverted_at"]:
        raise WrongState(
            "This import was reverted already. Load its file again if it is needed.",
            state="reverted",
        )
    made = rows.session_ids(db, practice_id=by.practice_id, import_id=import_id)
    sessions = rows.records(db, Session, practice_id=by.practice_id, ids=made)
    # Held until the end, so that no one gives a session to a course while it goes.
    courses = rows.records(
        db,
        Course,
        practice_id=by.practice_id,
        ids={s["course_id"] for s in sessions} | set(batch["created"]["course"]),
    )
    patient_of = {course["id"]: course["patient_id"] for course in courses}
    rows.courses(db, practice_id=by.practice_id, patient_ids=set(patient_of.values()))
    going = _untouched(db, sessions, by=by)
    removed = {"session": len(going)}
    kept = {"session": len(made) - len(going)}
    events = [
        _event(s, "session", patient_of[s["course_id"]], by=by, now=now)
        for s in sessions
        if s["id"] in going
    ]
    rows.forget_rows(db, practice_id=by.practice_id, import_id=import_id, session_ids=going)
    rows.remove(db, Session, practice_id=by.practice_id, ids=going)
    _rewrite(db, {s["course_id"] for s in sessions if s["id"] in going}, by=by, now=now)
    for kind, (model, referrers) in _REFERRERS.items():
        ids = batch["created"][kind]
        gone = _without_reference(db, model, referrers, ids, by=by)
        for record in gone:
            patient_id = record["id"] if kind == "patient" else patient_of.get(record["id"])
            events.append(_event(record, kind, patient_id, by=by, now=now))
        rows.remove(db, model, practice_id=by.practice_id, ids=[r["id"] for r in gone])
        removed[kind], kept[kind] = len(gone), len(ids) - len(gone)
    if events:
        audit.append(db, events)
    batch = records.change(
        db,
        ImportBatch,
        batch,
        ImportBatchValues(reverted_at=now),
        kind="import",
        action="revert",
        by=by,
        now=now,
    )
    return Reverted(batch, removed, kept)


def _untouched(db: Connection, sessions: Iterable[SessionRow], *, by: Actor) -> set[str]:
    """Return the sessions that stand as they were loaded and that no other one continues."""
    as_loaded = {s["id"] for s in sessions if s["version"] == 1 and s["status"] == "given"}
    as_loaded -= rows.touched(db, practice_id=by.practice_id, ids=as_loaded)
    continued = rows.referred(
        db, Session, "continues_session_id", practice_id=by.practice_id, ids=as_loaded
    )
    return as_loaded - {named for _, named in continued}


def _rewrite(db: Connection, course_ids: Collection[str], *, by: Actor, now: datetime) -> None:
    following: dict[str, CourseFacts] = {}
    for facts in rows.facts(db, practice_id=by.practice_id, course_ids=course_ids):
        course_dates.load_protocols(db, facts, practice_id=by.practice_id)
        for one in (facts, *course_dates.followers(facts)):
            following[one.course["id"]] = one
    derived = [
        (id, course_dates.columns(facts, course_dates.derive(facts)))
        for id, facts in following.items()
    ]
    rows.rewrite_courses(db, practice_id=by.practice_id, derived=derived, now=now)


def _without_reference(
    db: Connection,
    model: _Model,
    referrers: tuple[tuple[_Model, str], ...],
    ids: Collection[str],
    *,
    by: Actor,
) -> list[RowOfPractice]:
    staying = rows.touched(db, practice_id=by.practice_id, ids=ids)
    for referrer, column in referrers:
        pairs = rows.referred(db, referrer, column, practice_id=by.practice_id, ids=ids)
        staying |= {named for _, named in pairs}
    going: list[RowOfPractice] = rows.records(
        db, model, practice_id=by.practice_id, ids=set(ids) - staying
    )
    return going


def _event(
    record: RowOfPractice, kind: str, patient_id: str | None, *, by: Actor, now: datetime
) -> AuditEventRow:
    return audit.event(
        by=by,
        now=now,
        action=f"{kind}.remove",
        kind=kind,
        id=record["id"],
        patient_id=patient_id,
        changes=audit.changed(record, dict.fromkeys(record)),
    )
