"""Holds: pauses of a course, and taking it up again."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from app.api.scheduling.courses import CourseOut, course_answer
from app.api.shapes import Resource, example, listing, stamps
from app.db.queries.scheduling import courses as rows
from app.edge.input.fields import Body, Day, PathId, Text
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Working
from app.services.scheduling import courses, dates

router = Door(tag="courses")


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


@router.read("/courses/{id}/holds", may="courses:search", gives=listing(HoldOut))
def list_holds(work: Working, id: PathId) -> Answer:
    """List a course's holds, past ones too, oldest first."""
    facts = dates.facts_of_course(work.db, practice_id=work.practice_id, course_id=id)
    work.saw(facts.course["patient_id"])
    found = rows.holds(work.db, practice_id=work.practice_id, course_id=id)
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
    "POST", "/courses/{id}/hold", may="courses:update", gives=CourseOut, can=("wrong-state",)
)
def hold(work: Working, id: PathId, body: HoldIn) -> Answer:
    """Pause a course from a day on, until a day inclusive or until it is resumed."""
    facts = courses.hold(
        work.db,
        course_id=id,
        since=body.since,
        until=body.until,
        review_on=body.review_on,
        reason=body.reason,
        by=work.by,
        now=work.now,
    )
    return course_answer(work, facts.course)


@router.write(
    "POST",
    "/courses/{id}/resume",
    may="courses:update",
    gives=CourseOut,
    can=("wrong-state", "patient-deceased"),
)
def resume(work: Working, id: PathId, body: ResumeIn | None = None) -> Answer:
    """End the hold in force, or take up a closed course again."""
    on = body.on if body else None
    facts = courses.resume(work.db, course_id=id, on=on, by=work.by, now=work.now)
    return course_answer(work, facts.course)
