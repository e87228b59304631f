"""Courses of treatment: open, change, stop; their schedule and projection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field

from app.api.scheduling.schedules import ScheduleOut
from app.api.shapes import (
    IdentifierIn,
    IdentifierOut,
    Identifiers,
    Resource,
    Shape,
    changes_of,
    example,
    listing,
    pairs,
    values_of,
)
from app.db.models import Patient
from app.db.queries.scheduling import courses as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.base import JsonObject, picked
from app.db.rows.scheduling import CourseRow, CourseValues
from app.edge.input.fields import Body, Code, Day, Id, PathId, Query, Text, count, query_count
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.scheduling import course_dates, courses, documents, schedules

router = ResourceRouter(tag="courses")

Days = Annotated[int, count(1, 366)]
Cycles = Annotated[int, count(0, 200)]


class CourseIn(Body):
    """`indication` is an ICD-10-CM code such as G43.709; `prior_cycles` were given elsewhere."""

    model_config = example(
        {"protocol": "preempt", "indication": "G43.709", "planned_start_on": "2026-01-05"}
    )

    protocol: Code
    indication: Code
    planned_start_on: Day | None = None
    interval_days: Days | None = None
    min_interval_days: Days | None = None
    override_reason: Text | None = None
    prior_cycles: Cycles = 0
    baseline_headache_days: Annotated[int, count(0, 31)] | None = None
    identifiers: Identifiers | None = None


class CourseUpsert(CourseIn):
    """The same, found again by one of its identifiers; its protocol and patient stay."""

    patient_id: Id
    identifiers: Annotated[list[IdentifierIn], Field(min_length=1, max_length=20)]


class CoursePatch(Body):
    indication: Code | None = None
    planned_start_on: Day | None = None
    interval_days: Days | None = None
    min_interval_days: Days | None = None
    override_reason: Text | None = None
    prior_cycles: Cycles | None = None
    baseline_headache_days: Annotated[int, count(0, 31)] | None = None
    identifiers: Identifiers | None = None


class StopIn(Body):
    model_config = example({"outcome": "completed", "reason": "fewer than ten headache days"})

    on: Day | None = None
    outcome: Literal["completed", "stopped"]
    reason: Text | None = None


class CourseOut(Resource):
    patient_id: str
    protocol: str
    protocol_version: int
    indication: str
    planned_start_on: date | None
    interval_days: int | None
    min_interval_days: int | None
    override_reason: str | None
    override_by: str | None
    prior_cycles: int
    baseline_headache_days: int | None
    state: str
    closed_on: date | None
    close_reason: str | None
    anchor_on: date | None
    earliest_on: date | None
    due_on: date | None
    identifiers: list[IdentifierOut]


class ProjectedOut(Shape):
    cycle: int
    due_on: date


class ProjectionOut(BaseModel):
    course_id: str
    sessions: list[ProjectedOut]


class AsOf(Query):
    as_of: Day | None = None


class HowMany(Query):
    count: Annotated[int, query_count(1, 50)] = 6


_FIELDS = (
    *("id", "patient_id", "protocol", "protocol_version", "indication", "planned_start_on"),
    *("interval_days", "min_interval_days", "override_reason", "override_by", "prior_cycles"),
    *("baseline_headache_days", "state", "closed_on", "close_reason"),
    *("anchor_on", "earliest_on", "due_on", "created_at", "updated_at"),
)


def _shown(ctx: RequestContext, found: Sequence[CourseRow]) -> list[JsonObject]:
    records = courses.records_of(ctx.db, found, practice_id=ctx.practice_id)
    ctx.saw(*(course["patient_id"] for course in found))
    return [
        picked(record.course, _FIELDS) | {"identifiers": record.identifiers} for record in records
    ]


def course_answer(ctx: RequestContext, course: CourseRow, *, created: bool = False) -> Answer:
    """Answer a course as it is shown, with its version."""
    where = f"/v1/courses/{course['id']}" if created else None
    status = 201 if created else 200
    return Answer(_shown(ctx, [course])[0], status, etag(course["version"]), where)


def _facts(ctx: RequestContext, id: str) -> CourseFacts:
    facts = course_dates.facts_of_course(ctx.db, practice_id=ctx.practice_id, course_id=id)
    ctx.saw(facts.course["patient_id"])
    return facts


@router.read(
    "/patients/{id}/courses", permission="courses:search", response_model=listing(CourseOut)
)
def of_patient(ctx: Ctx, id: PathId) -> Answer:
    """List a patient's courses, oldest first."""
    records.load(ctx.db, Patient, practice_id=ctx.practice_id, id=id)
    ctx.saw(id)
    found = rows.of_patient(ctx.db, practice_id=ctx.practice_id, patient_id=id)
    return Answer({"items": _shown(ctx, found), "next_cursor": None})


@router.write(
    "POST",
    "/patients/{id}/courses",
    permission="courses:create",
    response_model=CourseOut,
    status=201,
    problems=("patient-deceased", "duplicate"),
)
def open_course(ctx: Ctx, id: PathId, body: CourseIn) -> Answer:
    """Open a course under the newest published version of the protocol."""
    course = courses.open_course(
        ctx.db,
        patient_id=id,
        values=values_of(body, CourseValues),
        identified=pairs(body.identifiers),
        by=ctx.by,
        now=ctx.now,
    )
    return course_answer(ctx, course, created=True)


@router.write(
    "POST",
    "/courses/upsert",
    permission="courses:create courses:update",
    response_model=CourseOut,
    may_create=True,
    problems=("patient-deceased", "duplicate"),
)
def upsert(ctx: Ctx, body: CourseUpsert) -> Answer:
    """Change the course with one of these identifiers, or open it (201)."""
    course, new = courses.upsert(
        ctx.db,
        patient_id=body.patient_id,
        values=values_of(body, CourseValues, sent=True),
        identified=pairs(body.identifiers),
        by=ctx.by,
        now=ctx.now,
    )
    return course_answer(ctx, course, created=new)


@router.read("/courses/{id}", permission="courses:read", response_model=CourseOut, etag=True)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one course."""
    return course_answer(ctx, _facts(ctx, id).course)


@router.write(
    "PATCH",
    "/courses/{id}",
    permission="courses:update",
    response_model=CourseOut,
    problems=("duplicate",),
)
def change(ctx: Ctx, id: PathId, body: CoursePatch) -> Answer:
    """Change a course; its own minimum interval needs a reason and keeps who gave it."""
    facts = _facts(ctx, id)
    ctx.require_match(etag(facts.course["version"]))
    changed = courses.change(
        ctx.db,
        facts=facts,
        values=changes_of(body, CourseValues, "indication", "prior_cycles"),
        identified=None if body.identifiers is None else pairs(body.identifiers),
        by=ctx.by,
        now=ctx.now,
    )
    return course_answer(ctx, changed.course)


@router.write(
    "POST",
    "/courses/{id}/stop",
    permission="courses:update",
    response_model=CourseOut,
    problems=("wrong-state",),
)
def stop(ctx: Ctx, id: PathId, body: StopIn) -> Answer:
    """Close a course, completed or stopped; future bookings are cancelled."""
    facts = courses.stop(
        ctx.db,
        course_id=id,
        on=body.on,
        outcome=body.outcome,
        reason=body.reason,
        by=ctx.by,
        now=ctx.now,
    )
    return course_answer(ctx, facts.course)


@router.read("/courses/{id}/schedule", permission="courses:read", response_model=ScheduleOut)
def show_schedule(ctx: Ctx, id: PathId, query: Annotated[AsOf, FromQuery()]) -> Answer:
    """Return the dates with their reasons, as of a day (today unless said)."""
    facts = _facts(ctx, id)
    if query.as_of:
        return Answer(documents.schedule(schedules.as_of(facts, query.as_of)))
    shown = schedules.schedule_of(facts, course_dates.derive(facts), ctx.today)
    return Answer(documents.schedule(shown))


@router.read("/courses/{id}/projection", permission="courses:read", response_model=ProjectionOut)
def projection(ctx: Ctx, id: PathId, query: Annotated[HowMany, FromQuery()]) -> Answer:
    """Return the next sessions if each is given on its due date."""
    coming = schedules.projection(_facts(ctx, id), query.count)
    sessions = [{"cycle": cycle, "due_on": due_on} for cycle, due_on in coming]
    return Answer({"course_id": id, "sessions": sessions})
