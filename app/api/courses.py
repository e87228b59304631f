"""Courses of treatment: open, change, hold, resume, stop; their schedule and projection."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field

from app.api.schedules import ScheduleOut, schedule_of
from app.api.shapes import (
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    Shape,
    listing,
    pairs,
    patch,
    stamps,
)
from app.db.models import Patient
from app.db.queries import courses as rows
from app.db.queries import identifiers as identifier_rows
from app.db.queries.facts import CourseFacts
from app.domain import schedule
from app.edge.fields import (
    Body,
    Code,
    Day,
    PathId,
    Query,
    Text,
    Units,
    UnitsShown,
    count,
    query_count,
    to_number,
)
from app.edge.preconditions import etag
from app.edge.routing import Door
from app.edge.work import Answer, Work, Working
from app.services import courses, dates, records

router = Door(tag="courses")

Days = Annotated[int, count(1, 366)]
Cycles = Annotated[int, count(0, 200)]


class CourseIn(Body):
    """`indication` is an ICD-10-CM code such as G43.709; `prior_cycles` were given elsewhere."""

    protocol: Code
    indication: Code
    planned_start_on: Day | None = None
    interval_days: Days | None = None
    min_interval_days: Days | None = None
    override_reason: Text | None = None
    prior_cycles: Cycles = 0
    baseline_headache_days: Annotated[int, count(0, 31)] | None = None
    identifiers: Identifiers | None = None


class CoursePatch(Body):
    indication: Code | None = None
    planned_start_on: Day | None = None
    interval_days: Days | None = None
    min_interval_days: Days | None = None
    override_reason: Text | None = None
    prior_cycles: Cycles | None = None
    baseline_headache_days: Annotated[int, count(0, 31)] | None = None
    identifiers: Identifiers | None = None


class HoldIn(Body):
    """Pause a course; without `until` it needs the day on which it is reviewed."""

    since: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    review_on: Day | None = None
    reason: Text


class ResumeIn(Body):
    on: Day | None = None


class StopIn(Body):
    on: Day | None = None
    outcome: Literal["completed", "stopped"]
    reason: Text | None = None


class OutsideIn(Body):
    """A treatment for the same indication given elsewhere."""

    given_on: Day
    units: Units | None = None
    product: Text | None = None
    place: Text | None = None


class VoidIn(Body):
    reason: Text


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


class OutsideOut(Resource):
    course_id: str
    given_on: date
    units: UnitsShown | None
    product: str | None
    place: str | None
    voided_at: str | None


class OutsideMade(OutsideOut):
    schedule: ScheduleOut


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
    return [
        {name: c[name] for name in _FIELDS} | {"identifiers": named.get(c["id"], [])} | stamps(c)
        for c in found
    ]


def _answer(work: Work, course: Record, *, created: bool = False) -> Answer:
    where = f"/v1/courses/{course['id']}" if created else None
    status = 201 if created else 200
    return Answer(_shown(work, [course])[0], status, etag(course["version"]), where)


def _facts(work: Work, id: str) -> CourseFacts:
    return dates.facts_of_course(work.db, practice_id=work.practice_id, course_id=id)


@router.read("/patients/{id}/courses", may="courses:read", gives=listing(CourseOut))
def of_patient(work: Working, id: PathId) -> Answer:
    """List a patient's courses, oldest first."""
    records.load(work.db, Patient, practice_id=work.practice_id, id=id)
    found = rows.of_patient(work.db, practice_id=work.practice_id, patient_id=id)
    return Answer({"items": _shown(work, found), "next_cursor": None})


@router.write(
    "POST",
    "/patients/{id}/courses",
    may="courses:write",
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
    return _answer(work, course, created=True)


@router.read("/courses/{id}", may="courses:read", gives=CourseOut, tagged=True)
def show(work: Working, id: PathId) -> Answer:
    """Return one course."""
    return _answer(work, _facts(work, id).course)


@router.write("PATCH", "/courses/{id}", may="courses:write", gives=CourseOut, can=("duplicate",))
def change(work: Working, id: PathId, body: CoursePatch) -> Answer:
    """Change a course; its own minimum interval needs a reason and keeps who gave it."""
    facts = _facts(work, id)
    work.require_match(etag(facts.course["version"]))
    values = patch(body, "indication", "prior_cycles", "identifiers")
    named = None if values.pop("identifiers", None) is None else pairs(body.identifiers)
    changed = courses.change(
        work.db, facts=facts, values=values, identified=named, by=work.by, now=work.now
    )
    return _answer(work, changed.course)


@router.write(
    "POST", "/courses/{id}/hold", may="courses:write", gives=CourseOut, can=("wrong-state",)
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
    return _answer(work, facts.course)


@router.write(
    "POST",
    "/courses/{id}/resume",
    may="courses:write",
    gives=CourseOut,
    can=("wrong-state", "patient-deceased"),
)
def resume(work: Working, id: PathId, body: ResumeIn | None = None) -> Answer:
    """End the hold in force, or take up a closed course again."""
    on = body.on if body else None
    facts = courses.resume(work.db, course_id=id, on=on, by=work.by, now=work.now)
    return _answer(work, facts.course)


@router.write(
    "POST", "/courses/{id}/stop", may="courses:write", gives=CourseOut, can=("wrong-state",)
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
    return _answer(work, facts.course)


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
    first = schedule.next_cycle(history.treatments, history.prior_cycles)
    due: list[date] = []
    if history.closed_on is None:
        due = schedule.projection(history, facts.plan(), query.count)
    sessions: list[dict[str, Any]] = [
        {"cycle": first + ahead, "due_on": on} for ahead, on in enumerate(due)
    ]
    return Answer({"course_id": id, "sessions": sessions})


@router.read("/courses/{id}/outside-sessions", may="courses:read", gives=listing(OutsideOut))
def outside_sessions(work: Working, id: PathId) -> Answer:
    """List the course's treatments given elsewhere, voided ones included."""
    _facts(work, id)
    found = rows.outside_sessions(work.db, practice_id=work.practice_id, course_id=id)
    return Answer({"items": [_outside(o) for o in found], "next_cursor": None})


@router.write(
    "POST",
    "/courses/{id}/outside-sessions",
    may="sessions:write",
    gives=OutsideMade,
    status=201,
)
def add_outside(work: Working, id: PathId, body: OutsideIn) -> Answer:
    """Record a treatment given elsewhere; the next session is due from it when it is the latest."""
    values = {
        "given_on": body.given_on,
        "administered": body.units,
        "product": body.product,
        "place": body.place,
    }
    outside, facts = courses.add_outside(
        work.db, course_id=id, values=values, by=work.by, now=work.now
    )
    return _outside_answer(work, outside, facts, 201)


@router.write(
    "POST",
    "/outside-sessions/{id}/void",
    may="sessions:write",
    gives=OutsideMade,
    can=("wrong-state",),
)
def void_outside(work: Working, id: PathId, body: VoidIn) -> Answer:
    """Take a treatment given elsewhere out of the record."""
    outside, facts = courses.void_outside(
        work.db, id=id, reason=body.reason, by=work.by, now=work.now
    )
    return _outside_answer(work, outside, facts, 200)


def _outside_answer(work: Work, outside: Record, facts: CourseFacts, status: int) -> Answer:
    shown = _outside(outside) | {"schedule": schedule_of(facts, work.today)}
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
