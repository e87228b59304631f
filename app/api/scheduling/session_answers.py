"""A session as an answer: whole, with its version and its course's new schedule."""

from __future__ import annotations

from collections.abc import Sequence

from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, RequestContext
from app.services.scheduling import documents
from app.services.scheduling.schedules import schedule_of
from app.services.scheduling.session_records import record_of
from app.services.scheduling.sessions import Saved


def answer(ctx: RequestContext, saved: Saved, *, new: bool = False) -> Answer:
    """Return the session with its course's new schedule."""
    record = record_of(ctx.db, saved)
    schedule = schedule_of(saved.facts, saved.derived, ctx.today)
    ctx.saw(record.patient_id)
    content = documents.session(record) | {"schedule": documents.schedule(schedule)}
    where = f"/v1/sessions/{record.session['id']}" if new else None
    return Answer(content, 201 if new else 200, tag(record.versions), where)


def tag(versions: Sequence[int]) -> str:
    """Return the ETag of a session: the versions of all that its answer rests on."""
    return etag(".".join(map(str, versions)))
