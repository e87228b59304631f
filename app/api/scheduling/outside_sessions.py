"""Treatments for the same indication that were given elsewhere."""

from __future__ import annotations

from datetime import date

from app.api.scheduling.schedules import ScheduleOut, schedule_of
from app.api.scheduling.session_shapes import ReasonIn
from app.api.shapes import Record, Resource, example, listing, stamps
from app.db.queries.scheduling import courses as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.edge.input.fields import Body, Day, PathId, Text, Units, UnitsShown, to_number
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.scheduling import course_dates, courses

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
    values = {
        "given_on": body.given_on,
        "administered": body.units,
        "product": body.product,
        "place": body.place,
    }
    outside, facts = courses.add_outside(
        ctx.db, course_id=id, values=values, by=ctx.by, now=ctx.now
    )
    return _outside_answer(ctx, outside, facts, 201)


@router.write(
    "POST",
    "/outside-sessions/{id}/void",
    permission="treatments:update",
    response_model=OutsideMade,
    problems=("wrong-state",),
)
def void_outside(ctx: Ctx, id: PathId, body: ReasonIn) -> Answer:
    """Take a treatment given elsewhere out of the record."""
    outside, facts = courses.void_outside(ctx.db, id=id, reason=body.reason, by=ctx.by, now=ctx.now)
    return _outside_answer(ctx, outside, facts, 200)


def _outside_answer(
    ctx: RequestContext, outside: Record, facts: CourseFacts, status: int
) -> Answer:
    ctx.saw(facts.course["patient_id"])
    shown = _outside(outside) | {"schedule": schedule_of(facts, ctx.today)}
    where = f"/v1/courses/{outside['course_id']}/outside-sessions" if status == 201 else None
    return Answer(shown, status, etag(outside["version"]), where)


def _outside(outside: Record) -> Record:
    administered = outside["administered"]
    return {
        "id": outside["id"],
        "course_id": outside["course_id"],
        "given_on": outside["given_on"],
        "units": None if administered is None else to_number(administered),
        "product": outside["product"],
        "place": outside["place"],
        "voided_at": outside["voided_at"],
    } | stamps(outside)
