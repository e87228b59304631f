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
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services import identifiers, records
from app.services.scheduling import courses, dates

router = Door(tag="courses")

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


def _shown(work: Work, found: list[Record]) -> list[Record]:
    named = identifier_rows.of(
        work.db, practice_id=work.practice_id, kind=courses.KIND, ids=[c["id"] for c in found]
    )
    work.saw(*(c["patient_id"] for c in found))
    return [
        {name: c[name] for name in _FIELDS} | {"identifiers": named.get(c["id"], [])} | stamps(c)
        for c in found
    ]


def course_answer(work: Work, course: Record, *, created: bool = False) -> Answer:
    """Answer a course as it is shown, with its version."""
    where = f"/v1/courses/{course['id']}" if created else None
    status = 201 if created else 200
    return Answer(_shown(work, [course])[0], status, etag(course["version"]), where)


def _facts(work: Work, id: str) -> CourseFacts:
    facts = dates.facts_of_course(work.db, practice_id=work.practice_id, course_id=id)
    work.saw(facts.course["patient_id"])
    return facts


@router.read("/patients/{id}/courses", may="courses:search", gives=listing(CourseOut))
def of_patient(work: Working, id: PathId) -> Answer:
    """List a patient's courses, oldest first."""
    records.load(work.db, Patient, practice_id=work.practice_id, id=id)
    work.saw(id)
    found = rows.of_patient(work.db, practice_id=work.practice_id, patient_id=id)
    return Answer({"items": _shown(work, found), "next_cursor": None})


@router.write(
    "POST",
    "/patients/{id}/courses",
    may="courses:create",
    gives=CourseOut,
    status=201,
    can=("patient-deceased", "duplicate"),
)
def open_course(work: Working, id: PathId, body: CourseIn) -> Answer:
    """Open a course under the newest published version of the protocol."""
    course = courses.open_course(
        work.db,
        patient_id=id,
        values=body.model_dump(exclude={"identifiers"}),
        identified=pairs(body.identifiers),
        by=work.by,
        now=work.now,
    )
    return course_answer(work, course, created=True)


@router.write(
    "POST",
    "/courses/upsert",
    may="courses:create courses:update",
    gives=CourseOut,
    may_create=True,
    can=("patient-deceased", "duplicate"),
)
def upsert(work: Working, body: CourseUpsert) -> Answer:
    """Change the course with one of these identifiers, or open it (201)."""
    named = pairs(body.identifiers)
    id = identifiers.find(work.db, kind=courses.KIND, identifiers=named, by=work.by)
    if id is None:
        return open_course(work, body.patient_id, body)
    said = body.model_dump(exclude={"identifiers", "patient_id", "protocol"}, exclude_unset=True)
    named = identifiers.joined(work.db, kind=courses.KIND, id=id, identifiers=named, by=work.by)
    changed = courses.change(
        work.db, facts=_facts(work, id), values=said, identified=named, by=work.by, now=work.now
    )
    return course_answer(work, changed.course)


@router.read("/courses/{id}", may="courses:read", gives=CourseOut, tagged=True)
def show(work: Working, id: PathId) -> Answer:
    """Return one course."""
    return course_answer(work, _facts(work, id).course)


@router.write("PATCH", "/courses/{id}", may="courses:update", gives=CourseOut, can=("duplicate",))
def change(work: Working, id: PathId, body: CoursePatch) -> Answer:
    """Change a course; its own minimum interval needs a reason and keeps who gave it."""
    facts = _facts(work, id)
    work.require_match(etag(facts.course["version"]))
    values = patch(body, "indication", "prior_cycles", "identifiers")
    named = None if values.pop("identifiers", None) is None else pairs(body.identifiers)
    changed = courses.change(
        work.db, facts=facts, values=values, identified=named, by=work.by, now=work.now
    )
    return course_answer(work, changed.course)


@router.write(
    "POST", "/courses/{id}/stop", may="courses:update", gives=CourseOut, can=("wrong-state",)
)
def stop(work: Working, id: PathId, body: StopIn) -> Answer:
    """Close a course, completed or stopped; future bookings are cancelled."""
    facts = courses.stop(
        work.db,
        course_id=id,
        on=body.on,
        outcome=body.outcome,
        reason=body.reason,
        by=work.by,
        now=work.now,
    )
    return course_answer(work, facts.course)


@router.read("/courses/{id}/schedule", may="courses:read", gives=ScheduleOut)
def show_schedule(work: Working, id: PathId, query: Annotated[AsOf, FromQuery()]) -> Answer:
    """Return the dates with their reasons, as of a day (today unless said)."""
    on = query.as_of or work.today
    return Answer(schedule_of(_facts(work, id), on, as_of=query.as_of is not None))


@router.read("/courses/{id}/projection", may="courses:read", gives=ProjectionOut)
def projection(work: Working, id: PathId, query: Annotated[HowMany, FromQuery()]) -> Answer:
    """Return the next sessions if each is given on its due date."""
    facts = _facts(work, id)
    history = facts.history()
    first = cycles.next_cycle(history.treatments, history.prior_cycles)
    due: list[date] = []
    if history.closed_on is None:
        due = schedule.projection(history, facts.plan(), query.count)
    sessions: list[dict[str, Any]] = [
        {"cycle": first + ahead, "due_on": on} for ahead, on in enumerate(due)
    ]
    return Answer({"course_id": id, "sessions": sessions})
