"""One patient's record whole, as a document to hand over."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from app.api.scheduling import session_shapes
from app.api.shapes import Record, Shape
from app.db.engine.engine import Connection
from app.db.models import Patient
from app.db.queries.imports import imports as import_rows
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.scheduling import courses as course_rows
from app.db.queries.scheduling import sessions as session_rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.base import Fields, picked
from app.db.rows.imports import ImportedLineRow
from app.edge.input.fields import PathId, to_number
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.audit import audit_trail
from app.services.charting import protocols
from app.services.patients import patients
from app.services.practice import practices
from app.services.scheduling import course_dates, courses

router = ResourceRouter(tag="patients")

# Columns that are made from others: what is compared, sorted by, or counts recomputations.
_MADE = frozenset(
    {"practice_id", "mrn_key", "family_key", "search_key", "sort_on", "dates_revision"}
)
# More than anyone is ever given.
_ALL = 100_000
# Events in one answer: a request's thread is not for reading years of a busy practice's log.
_MOST_EVENTS = 10_000


class PracticeRef(Shape):
    id: str
    name: str
    time_zone: str


class PatientExportOut(Shape):
    """`courses` hold their `sessions` (sites expanded), `holds` and `outside_sessions`.

    `audit` is the log about the patient, newest first: up to 10,000 events, and null for who may
    not read it. `audit_continued` is the address that lists those which are left out; null when
    there are none.
    """

    made_at: datetime
    practice: PracticeRef
    patient: dict[str, Any]
    courses: list[dict[str, Any]]
    audit: list[dict[str, Any]] | None
    audit_continued: str | None


@router.read(
    "/patients/{id}/export",
    permission="patients:read courses:read sessions:read",
    response_model=PatientExportOut,
)
def export(ctx: Ctx, id: PathId) -> Answer:
    """Return a patient's whole record: details, courses, sessions, holds, imports, log."""
    ctx.saw(id)
    return Answer(
        document(
            ctx.db,
            practice_id=ctx.practice_id,
            patient_id=id,
            now=ctx.now,
            events=_MOST_EVENTS if "audit:search" in ctx.caller.permissions else 0,
        )
    )


def document(
    db: Connection, *, practice_id: str, patient_id: str, now: datetime, events: int | None
) -> Record:
    """Return the record; every column of its rows is in it, so that a new one cannot be left out.

    `events` is how many of the log it may hold: 0 for no log, None for all of it.
    `NotFound` when the practice has no such patient.
    """
    patient = records.load(db, Patient, practice_id=practice_id, id=patient_id)
    practice = practices.load(db, practice_id=practice_id)
    opened = course_rows.of_patient(db, practice_id=practice_id, patient_id=patient_id)
    ids = [course["id"] for course in opened]
    facts = (
        course_dates.facts_of_courses(db, practice_id=practice_id, course_ids=ids) if ids else {}
    )
    named = identifier_rows.of(db, practice_id=practice_id, kind=courses.KIND, ids=ids)
    own = identifier_rows.of(db, practice_id=practice_id, kind=patients.KIND, ids=[patient_id])
    log = audit_trail.of_patient(db, practice_id=practice_id, patient_id=patient_id)
    told = None if events == 0 else list(islice(log, events))
    return {
        "made_at": now,
        "practice": picked(practice, ("id", "name", "time_zone")),
        "patient": _plain(patient) | {"identifiers": own.get(patient_id, [])},
        "courses": [
            _plain(course)
            | {"identifiers": named.get(course["id"], [])}
            | _of_course(db, facts[course["id"]], practice_id=practice_id)
            for course in opened
        ],
        "audit": told,
        "audit_continued": f"/v1/patients/{patient_id}/disclosures"
        if told is not None and next(log, None)
        else None,
    }


def _of_course(db: Connection, facts: CourseFacts, *, practice_id: str) -> Record:
    scope = {"practice_id": practice_id, "course_id": facts.course["id"]}
    holds = course_rows.holds(db, **scope)
    outside = course_rows.outside_sessions(db, **scope)
    sessions = session_rows.page(db, **scope, limit=_ALL)
    ids = [session["id"] for session in sessions]
    named = identifier_rows.of(db, practice_id=practice_id, kind="session", ids=ids)
    imported = import_rows.rows_of_sessions(db, practice_id=practice_id, session_ids=ids)
    return {
        "holds": [_plain(hold) for hold in holds],
        "outside_sessions": [_plain(treatment) for treatment in outside],
        "sessions": [
            _session(db, session, facts, named.get(session["id"], []), practice_id)
            | {"imported_from": _imported(imported.get(session["id"]))}
            for session in sessions
        ],
    }


def _session(
    db: Connection,
    session: Record,
    facts: CourseFacts,
    identified: list[dict[str, str]],
    practice_id: str,
) -> Record:
    protocol = None
    if session["protocol"]:
        protocol = protocols.version(
            db,
            practice_id=practice_id,
            code=session["protocol"],
            number=session["protocol_version"],
        )
    return session_shapes.shown(session, facts, protocol, identified) | {
        "made_on": session["made_on"]
    }


def _imported(line: ImportedLineRow | None) -> Record | None:
    return picked(line, ("import_id", "line", "kept")) if line else None


def _plain(row: Fields) -> Record:
    shown: Record = {name: value for name, value in row.items() if name not in _MADE}
    if "administered" in shown:
        hundredths = shown.pop("administered")
        shown["units_administered"] = None if hundredths is None else to_number(hundredths)
    return shown
