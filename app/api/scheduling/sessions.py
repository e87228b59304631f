"""Treatment sessions: booked, given, corrected."""

from __future__ import annotations

from app.api.scheduling.session_shapes import (
    PLACE,
    BookingIn,
    CancelIn,
    GiveIn,
    OptionalReasonIn,
    ReasonIn,
    RescheduleIn,
    SessionIn,
    SessionOut,
    SessionPatch,
    SessionSaved,
    SessionUpsert,
    said,
)
from app.api.shapes import pairs
from app.domain.scheduling.sessions import SessionStatus
from app.edge.input.fields import PathId
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.scheduling import bookings, documents, sessions, treatments
from app.services.scheduling.schedules import schedule_of
from app.services.scheduling.session_records import record_of, version_of
from app.services.scheduling.session_records import show as show_session
from app.services.scheduling.sessions import Saved

router = ResourceRouter(tag="sessions")

_PLANNING = ("booked-too-early", "not-booking-master", "course-closed", "patient-deceased")


@router.write(
    "POST",
    "/courses/{id}/sessions",
    permission="sessions:create",
    response_model=SessionSaved,
    status=201,
    problems=("invalid-chart", "not-a-continuation", "duplicate", *_PLANNING),
)
def add(ctx: Ctx, id: PathId, body: SessionIn) -> Answer:
    """Book a session, or record one that was given; the answer holds the new schedule."""
    if isinstance(body, BookingIn):
        saved = bookings.book(
            ctx.db, course_id=id, slot=body.slot(), identified=body.named(), by=ctx.by, now=ctx.now
        )
    else:
        ctx.require("treatments:create")
        saved = treatments.record(
            ctx.db,
            course_id=id,
            given=body.given(),
            identified=body.named(),
            by=ctx.by,
            now=ctx.now,
        )
    return _answer(ctx, saved, new=True)


@router.write(
    "POST",
    "/sessions/upsert",
    permission="sessions:create sessions:update",
    response_model=SessionSaved,
    may_create=True,
    problems=("wrong-state", "invalid-chart", "not-a-continuation", "duplicate", *_PLANNING),
)
def upsert(ctx: Ctx, body: SessionUpsert) -> Answer:
    """Move, or give, the session with one of these identifiers; add it where there is none (201).

    How an EHR that owns the bookings keeps them in step: the same call for a new booking, for
    one that moved, and for one that was given.
    """
    if isinstance(body, BookingIn):
        saved, new = bookings.upsert(
            ctx.db,
            course_id=body.course_id,
            slot=body.slot(),
            identified=body.named(),
            by=ctx.by,
            now=ctx.now,
        )
    else:
        ctx.require("treatments:create")
        saved, new = treatments.upsert(
            ctx.db,
            course_id=body.course_id,
            given=body.given(),
            said=body.said(),
            identified=body.named(),
            may_correct="treatments:update" in ctx.caller.permissions,
            by=ctx.by,
            now=ctx.now,
        )
    return _answer(ctx, saved, new=new)


def _answer(ctx: RequestContext, saved: Saved, *, new: bool = False) -> Answer:
    """Answer the session with its course's new schedule, and its version."""
    ctx.saw(saved.facts.course["patient_id"])
    db, today = ctx.db, ctx.today
    record, schedule = record_of(db, saved), schedule_of(saved.facts, saved.derived, today)
    content = documents.session(record) | {"schedule": documents.schedule(schedule)}
    where = f"/v1/sessions/{record.session['id']}" if new else None
    return Answer(content, 201 if new else 200, etag(record.version), where)


@router.read("/sessions/{id}", permission="sessions:read", response_model=SessionOut, etag=True)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one session with its injections, totals by area and findings."""
    record = show_session(ctx.db, session_id=id, by=ctx.by)
    ctx.saw(record.patient_id)
    return Answer(documents.session(record), etag=etag(record.version))


@router.write(
    "PATCH",
    "/sessions/{id}",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state", "invalid-chart", "not-a-continuation", "duplicate"),
)
def correct(ctx: Ctx, id: PathId, body: SessionPatch) -> Answer:
    """Correct a session; everything that follows from it is derived again."""
    found = sessions.load(ctx.db, id, by=ctx.by, place=said(body, *PLACE))
    ctx.require_match(etag(version_of(found.session, found.facts)))
    booked = found.session["status"] == SessionStatus.BOOKED
    values = body.values(booked=booked)
    if not booked:
        ctx.require("treatments:update")
    saved = treatments.correct(
        ctx.db,
        found=found,
        values=values,
        chart=body.chart.order() if body.chart else None,
        identified=None if body.identifiers is None else pairs(body.identifiers),
        by=ctx.by,
        now=ctx.now,
    )
    return _answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/reschedule",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state", *_PLANNING),
)
def reschedule(ctx: Ctx, id: PathId, body: RescheduleIn) -> Answer:
    """Move a booking to another time, place or person."""
    saved = bookings.reschedule(ctx.db, session_id=id, slot=body.slot(), by=ctx.by, now=ctx.now)
    return _answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/confirm",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def confirm(ctx: Ctx, id: PathId) -> Answer:
    """Note that the patient confirmed the booking."""
    return _answer(ctx, bookings.confirm(ctx.db, session_id=id, by=ctx.by, now=ctx.now))


@router.write(
    "POST",
    "/sessions/{id}/arrive",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def arrive(ctx: Ctx, id: PathId) -> Answer:
    """Note that the patient is here."""
    return _answer(ctx, bookings.arrive(ctx.db, session_id=id, by=ctx.by, now=ctx.now))


@router.write(
    "POST",
    "/sessions/{id}/give",
    permission="treatments:create",
    response_model=SessionSaved,
    problems=("wrong-state", "invalid-chart", "not-a-continuation"),
)
def give(ctx: Ctx, id: PathId, body: GiveIn) -> Answer:
    """Record that a booked session was given; now, unless another time is said."""
    saved = treatments.give(ctx.db, session_id=id, given=body.given(), by=ctx.by, now=ctx.now)
    return _answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/cancel",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def cancel(ctx: Ctx, id: PathId, body: CancelIn) -> Answer:
    """Cancel a booking, saying by whom."""
    saved = bookings.cancel(
        ctx.db, session_id=id, side=body.by, reason=body.reason, by=ctx.by, now=ctx.now
    )
    return _answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/no-show",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def no_show(ctx: Ctx, id: PathId, body: OptionalReasonIn | None = None) -> Answer:
    """Note that the patient did not come."""
    reason = body.reason if body else None
    saved = bookings.no_show(ctx.db, session_id=id, reason=reason, by=ctx.by, now=ctx.now)
    return _answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/void",
    permission="treatments:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def void(ctx: Ctx, id: PathId, body: ReasonIn) -> Answer:
    """Take a given session out of the record for good."""
    saved = treatments.void(ctx.db, session_id=id, reason=body.reason, by=ctx.by, now=ctx.now)
    return _answer(ctx, saved)
