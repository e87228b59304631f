"""A session as an answer: whole, with its version and its course's new schedule."""

from __future__ import annotations

from app.api.scheduling.schedules import schedule_of
from app.api.scheduling.session_shapes import shown
from app.api.shapes import Record
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, RequestContext
from app.services.charting import protocols
from app.services.scheduling.sessions import Saved


def answer(ctx: RequestContext, saved: Saved, *, created: bool = False) -> Answer:
    """Return the session with its course's new schedule."""
    body = whole(ctx, saved) | {"schedule": schedule_of(saved.facts, ctx.today)}
    where = f"/v1/sessions/{saved.session['id']}" if created else None
    return Answer(body, 201 if created else 200, tag(saved), where)


def tag(saved: Saved) -> str:
    # Its cycle and findings follow from the course's other sessions and the practice's numbers.
    parts = (saved.session, saved.facts.course, saved.facts.practice)
    return etag(".".join(str(part["version"]) for part in parts))


def whole(ctx: RequestContext, saved: Saved) -> Record:
    session, protocol = saved.session, None
    ctx.saw(saved.facts.course["patient_id"])
    if session["protocol"]:
        protocol = protocols.version(
            ctx.db,
            practice_id=ctx.practice_id,
            code=session["protocol"],
            number=session["protocol_version"],
        )
    return shown(session, saved.facts, protocol, saved.identifiers)
