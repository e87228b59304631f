"""One patient's record whole, as a document to hand over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.api.shapes import Shape
from app.edge.input.fields import PathId
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services.patients import patient_export

router = ResourceRouter(tag="patients")

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
        patient_export.document(
            ctx.db,
            practice_id=ctx.practice_id,
            patient_id=id,
            now=ctx.now,
            events=_MOST_EVENTS if "audit:search" in ctx.caller.permissions else 0,
        )
    )
