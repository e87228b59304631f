"""Treatments for the same indication that were given elsewhere."""

from __future__ import annotations

from datetime import date

from app.api.scheduling.schedules import ScheduleOut
from app.api.scheduling.session_shapes import ReasonIn
from app.api.shapes import Resource, example, listing
from app.db.queries.scheduling import courses as rows
from app.db.rows.base import JsonObject
from app.db.rows.scheduling import OutsideSessionRow, OutsideSessionValues
from app.edge.input.fields import Body, Day, PathId, Text, Units, UnitsShown, to_number
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.scheduling import course_dates, documents
from app.services.scheduling.outside_sessions import OutsideSaved, add, void
from app.services.scheduling.schedules import schedule_of

router = ResourceRouter(tag="courses")


class OutsideIn(Body):
    """A treatment for the same indication given elsewhere."""

    model_config = example({"given_on": "2025-10-06", "units": 155, "place": "another clinic"})

    given_on: Day
    units: Units | None = None
    product: Text | None = None
    place: Text | None = None


class OutsideOut(Resource):
    course_id: str
    given_on: date
    units: UnitsShown | None
    product: str | None
    place: str | None
    voided_at: str | None


class OutsideMade(OutsideOut):
    schedule: ScheduleOut


@router.read(
    "/courses/{id}/outside-sessions",
    permission="courses:search",
    response_model=listing(OutsideOut),
)
def outside_sessions(ctx: Ctx, id: PathId) -> Answer:
    """List the course's treatments given elsewhere, voided ones included."""
    facts = course_dates.facts_of_course(ctx.db, practice_id=ctx.practice_id, course_id=id)
    ctx.saw(facts.course["patient_id"])
    found = rows.outside_sessions(ctx.db, practice_id=ctx.practice_id, course_id=id)
    return Answer({"items": [_outside(o) for o in found], "next_cursor": None})


@router.write(
    "POST",
    "/courses/{id}/outside-sessions",
    permission="treatments:create",
    response_model=OutsideMade,
    status=201,
)
def add_outside(ctx: Ctx, id: PathId, body: OutsideIn) -> Answer:
    """Record a treatment given elsewhere; the next session is due from it when it is the latest."""
    values: OutsideSessionValues = {
        "given_on": body.given_on,
        "administered": body.units,
        "product": body.product,
        "place": body.place,
    }
    saved = add(ctx.db, course_id=id, values=values, by=ctx.by, now=ctx.now)
    return _answer(ctx, saved, 201)


@router.write(
    "POST",
    "/outside-sessions/{id}/void",
    permission="treatments:update",
    response_model=OutsideMade,
    problems=("wrong-state",),
)
def void_outside(ctx: Ctx, id: PathId, body: ReasonIn) -> Answer:
    """Take a treatment given elsewhere out of the record."""
    saved = void(ctx.db, id=id, reason=body.reason, by=ctx.by, now=ctx.now)
    return _answer(ctx, saved, 200)


def _answer(ctx: RequestContext, saved: OutsideSaved, status: int) -> Answer:
    outside, facts = saved.outside, saved.facts
    ctx.saw(facts.course["patient_id"])
    schedule = schedule_of(facts, saved.derived, ctx.today)
    shown = _outside(outside) | {"schedule": documents.schedule(schedule)}
    where = f"/v1/courses/{outside['course_id']}/outside-sessions" if status == 201 else None
    return Answer(shown, status, etag(outside["version"]), where)


def _outside(outside: OutsideSessionRow) -> JsonObject:
    administered = outside["administered"]
    return {
        "id": outside["id"],
        "course_id": outside["course_id"],
        "given_on": outside["given_on"],
        "units": None if administered is None else to_number(administered),
        "product": outside["product"],
        "place": outside["place"],
        "voided_at": outside["voided_at"],
        "created_at": outside["created_at"],
        "updated_at": outside["updated_at"],
    }
