"""One patient's record whole, as a document to hand over."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from app.db.engine.engine import Connection
from app.db.models import Patient
from app.db.queries.imports import imports as import_rows
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.practice import practices as practice_rows
from app.db.queries.scheduling import courses as course_rows
from app.db.queries.scheduling import sessions as session_rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.base import Fields, JsonObject
from app.domain.charting.reading import number
from app.services import records
from app.services.audit import audit_trail
from app.services.patients import patients
from app.services.scheduling import course_dates, courses, documents
from app.services.scheduling.session_records import records_of

# Columns that are made from others: what is compared, sorted by, or counts recomputations.
_MADE = frozenset(
    {"practice_id", "mrn_key", "family_key", "search_key", "sort_on", "dates_revision"}
)
# More than anyone is ever given.
_ALL = 100_000


def document(
    db: Connection, *, practice_id: str, patient_id: str, now: datetime, events: int | None
) -> JsonObject:
    """Return the record; every column of its rows is in it, so that a new one cannot be left out.

    `events` is how many of the log it may hold: 0 for no log, None for all of it.
    `NotFound` when the practice has no such patient.
    """
    patient = records.load(db, Patient, practice_id=practice_id, id=patient_id)
    practice = practice_rows.get(db, practice_id=practice_id)
    assert practice is not None  # noqa: S101 - its patient is there
    found = course_rows.of_patient(db, practice_id=practice_id, patient_id=patient_id)
    ids = [course["id"] for course in found]
    facts = (
        course_dates.facts_of_courses(db, practice_id=practice_id, course_ids=ids) if ids else {}
    )
    named = identifier_rows.of(db, practice_id=practice_id, kind=courses.KIND, ids=ids)
    own = identifier_rows.of(db, practice_id=practice_id, kind=patients.KIND, ids=[patient_id])
    log = audit_trail.of_patient(db, practice_id=practice_id, patient_id=patient_id)
    told = None if events == 0 else list(islice(log, events))
    return {
        "made_at": now,
        "practice": {name: practice[name] for name in ("id", "name", "time_zone")},
        "patient": _plain(patient) | {"identifiers": own.get(patient_id, [])},
        "courses": [
            _plain(course)
            | {"identifiers": named.get(course["id"], [])}
            | _of_course(db, facts[course["id"]], practice_id=practice_id)
            for course in found
        ],
        "audit": told,
        "audit_continued": f"/v1/patients/{patient_id}/disclosures"
        if told is not None and next(log, None)
        else None,
    }


def _of_course(db: Connection, facts: CourseFacts, *, practice_id: str) -> JsonObject:
    id = facts.course["id"]
    holds = course_rows.holds(db, practice_id=practice_id, course_id=id)
    outside = course_rows.outside_sessions(db, practice_id=practice_id, course_id=id)
    found = session_rows.page(db, practice_id=practice_id, course_id=id, limit=_ALL)
    sessions = [one.session for one in found]
    ids = [session["id"] for session in sessions]
    named = identifier_rows.of(db, practice_id=practice_id, kind="session", ids=ids)
    imported = import_rows.rows_of_sessions(db, practice_id=practice_id, session_ids=ids)
    records = records_of(db, sessions, {id: facts}, named)
    return {
        "holds": [_plain(hold) for hold in holds],
        "outside_sessions": [_plain(treatment) for treatment in outside],
        "sessions": [
            documents.session(record)
            | {"made_on": session["made_on"], "imported_from": imported.get(session["id"])}
            for record, session in zip(records, sessions, strict=True)
        ],
    }


def _plain(row: Fields) -> JsonObject:
    shown: JsonObject = {name: value for name, value in row.items() if name not in _MADE}
    if "administered" in shown:
        hundredths = shown.pop("administered")
        shown["units_administered"] = None if hundredths is None else number(hundredths, 2)
    return shown
