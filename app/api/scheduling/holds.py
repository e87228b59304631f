"""Holds: pauses of a course, and taking it up again."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from app.api.scheduling.courses import CourseOut, course_answer
from app.api.shapes import Resource, example, listing, stamps
from app.db.queries.scheduling import courses as rows
from app.edge.input.fields import Body, Day, PathId, Text
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services.scheduling import course_dates, courses

router = ResourceRouter(tag="courses")


class HoldIn(Body):
    """Pause a course; without `until` it needs the day on which it is reviewed."""

    model_config = example({"from": "2026-04-01", "until": "2026-05-31", "reason": "surgery"})

    since: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    review_on: Day | None = None
    reason: Text


class ResumeIn(Body):
    on: Day | None = None


class HoldOut(Resource):
    """Days on which nothing is to be given; one that ends before it begins was withdrawn."""

    course_id: str
    since: Annotated[date, Field(alias="from")]
    until: date | None
    review_on: date | None
    reason: str


@router.read("/courses/{id}/holds", permission="courses:search", response_model=listing(HoldOut))
def list_holds(ctx: Ctx, id: PathId) -> Answer:
    """List a course's holds, past ones too, oldest first."""
    facts = course_dates.facts_of_course(ctx.db, practice_id=ctx.practice_id, course_id=id)
    ctx.saw(facts.course["patient_id"])
    found = rows.holds(ctx.db, practice_id=ctx.practice_id, course_id=id)
    items = [
        {
            "id": hold["id"],
            "course_id": id,
            "from": hold["starts_on"],
            "until": hold["ends_on"],
            "review_on": hold["review_on"],
            "reason": hold["reason"],
        }
        | stamps(hold)
        for hold in found
    ]
    return Answer({"items": items, "next_cursor": None})


@router.write(
    "POST",
    "/courses/{id}/hold",
    permission="courses:update",
    response_model=CourseOut,
    problems=("wrong-state",),
)
def hold(ctx: Ctx, id: PathId, body: HoldIn) -> Answer:
    """Pause a course from a day on, until a day inclusive or until it is resumed."""
    facts = courses.hold(
        ctx.db,
        course_id=id,
        since=body.since,
        until=body.until,
        review_on=body.review_on,
        reason=body.reason,
        by=ctx.by,
        now=ctx.now,
    )
    return course_answer(ctx, facts.course)


@router.write(
    "POST",
    "/courses/{id}/resume",
    permission="courses:update",
    response_model=CourseOut,
    problems=("wrong-state", "patient-deceased"),
)
def resume(ctx: Ctx, id: PathId, body: ResumeIn | None = None) -> Answer:
    """End the hold in force, or take up a closed course again."""
    on = body.on if body else None
    facts = courses.resume(ctx.db, course_id=id, on=on, by=ctx.by, now=ctx.now)
    return course_answer(ctx, facts.course)
