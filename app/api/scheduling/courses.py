"""Courses of treatment: open, change, stop; their schedule and projection."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field

from app.api.scheduling.schedules import ScheduleOut, schedule_of
from app.api.shapes import (
    IdentifierIn,
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    Shape,
    example,
    listing,
    pairs,
    patch,
    stamps,
)
from app.db.models import Patient
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.scheduling import courses as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.domain.scheduling import cycles, schedule
from app.edge.input.fields import Body, Code, Day, Id, PathId, Query, Text, count, query_count
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import identifiers, records
from app.services.scheduling import course_dates, courses

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
    "id",
    "patient_id",
    "protocol",
    "protocol_version",
    "indication",
    "planned_start_on",
    "interval_days",
    "min_interval_days",
    "override_reason",
    "override_by",
    "prior_cycles",
    "baseline_headache_days",
    "state",
    "closed_on",
    "close_reason",
    "anchor_on",
    "earliest_on",
    "due_on",
)


def _shown(ctx: RequestContext, found: list[Record]) -> list[Record]:
    named = identifier_rows.of(
        ctx.db, practice_id=ctx.practice_id, kind=courses.KIND, ids=[c["id"] for c in found]
    )
    ctx.saw(*(c["patient_id"] for c in found))
    return [
        {name: c[name] for name in _FIELDS} | {"identifiers": named.get(c["id"], [])} | stamps(c)
        for c in found
    ]


def course_answer(ctx: RequestContext, course: Record, *, created: bool = False) -> Answer:
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
        values=body.model_dump(exclude={"identifiers"}),
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
    named = pairs(body.identifiers)
    id = identifiers.find(ctx.db, kind=courses.KIND, identifiers=named, by=ctx.by)
    if id is None:
        return open_course(ctx, body.patient_id, body)
    said = body.model_dump(exclude={"identifiers", "patient_id", "protocol"}, exclude_unset=True)
    named = identifiers.joined(ctx.db, kind=courses.KIND, id=id, identifiers=named, by=ctx.by)
    changed = courses.change(
        ctx.db, facts=_facts(ctx, id), values=said, identified=named, by=ctx.by, now=ctx.now
    )
    return course_answer(ctx, changed.course)


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
    values = patch(body, "indication", "prior_cycles", "identifiers")
    named = None if values.pop("identifiers", None) is None else pairs(body.identifiers)
    changed = courses.change(
        ctx.db, facts=facts, values=values, identified=named, by=ctx.by, now=ctx.now
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
    on = query.as_of or ctx.today
    return Answer(schedule_of(_facts(ctx, id), on, as_of=query.as_of is not None))


@router.read("/courses/{id}/projection", permission="courses:read", response_model=ProjectionOut)
def projection(ctx: Ctx, id: PathId, query: Annotated[HowMany, FromQuery()]) -> Answer:
    """Return the next sessions if each is given on its due date."""
    facts = _facts(ctx, id)
    history = facts.history()
    first = cycles.next_cycle(history.treatments, history.prior_cycles)
    due: list[date] = []
    if history.closed_on is None:
        due = schedule.projection(history, facts.plan(), query.count)
    sessions: list[dict[str, Any]] = [
        {"cycle": first + ahead, "due_on": on} for ahead, on in enumerate(due)
    ]
    return Answer({"course_id": id, "sessions": sessions})
