"""Treatment sessions: booked, given, corrected."""

from __future__ import annotations

from datetime import datetime

from app.api.scheduling.session_answers import answer, tag, whole
from app.api.scheduling.session_shapes import (
    CancelIn,
    GivenIn,
    OptionalReasonIn,
    ReasonIn,
    RescheduleIn,
    SessionIn,
    SessionOut,
    SessionPatch,
    SessionSaved,
    SessionUpsert,
)
from app.api.shapes import Record, pairs, patch
from app.domain.errors import Invalid
from app.edge.input.fields import PathId
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import identifiers
from app.services.scheduling import sessions, treatments
from app.services.scheduling.sessions import Saved
from app.services.scheduling.treatments import Given

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
    identified = pairs(body.identifiers)
    if body.status == "booked":
        saved = sessions.book(
            ctx.db,
            course_id=id,
            starts_at=_start(body),
            location_id=body.location_id,
            practitioner_id=body.practitioner_id,
            override_reason=body.override_reason,
            identified=identified,
            by=ctx.by,
            now=ctx.now,
        )
    else:
        ctx.require("treatments:create")
        given = _dated(body)
        given.identified = identified
        saved = treatments.record(ctx.db, course_id=id, given=given, by=ctx.by, now=ctx.now)
    return answer(ctx, saved, created=True)


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
    named = pairs(body.identifiers)
    id = identifiers.find(ctx.db, kind=sessions.KIND, identifiers=named, by=ctx.by)
    if id is None:
        return add(ctx, body.course_id, body)
    saved = sessions.load(ctx.db, id, by=ctx.by, **_place(body))
    if saved.session["course_id"] != body.course_id:
        raise Invalid(("/course_id", "is not the course of this session"))
    named = identifiers.joined(ctx.db, kind=sessions.KIND, id=id, identifiers=named, by=ctx.by)
    if body.status == "given":
        return answer(ctx, _upsert_given(ctx, saved, body, named))
    saved = sessions.reschedule(
        ctx.db,
        session_id=id,
        starts_at=_start(body),
        place=_place(body),
        override_reason=body.override_reason,
        identified=named,
        by=ctx.by,
        now=ctx.now,
    )
    return answer(ctx, saved)


def _upsert_given(
    ctx: RequestContext, saved: Saved, body: SessionUpsert, named: list[tuple[str, str]]
) -> Saved:
    ctx.require("treatments:create")
    given = _dated(body)
    given.identified = named
    if saved.session["status"] != "given":
        id = saved.session["id"]
        return treatments.give(ctx.db, session_id=id, given=given, by=ctx.by, now=ctx.now)
    ctx.require("treatments:update")
    said = body.model_fields_set & {"given_at", "given_on", "completeness", "product"}
    values: Record = {name: getattr(body, name) for name in said} | _place(body)
    return treatments.correct(
        ctx.db,
        saved=saved,
        values=values | {"partial_reason": body.reason},
        chart=given.chart,
        identified=named,
        by=ctx.by,
        now=ctx.now,
    )


def _place(body: SessionIn | RescheduleIn) -> dict[str, str | None]:
    """Return the place and person that a body names; leaving one out leaves it."""
    said = body.model_fields_set & {"location_id", "practitioner_id"}
    return {name: getattr(body, name) for name in said}


def _start(body: SessionIn) -> datetime:
    _refuse(body, *_OF_GIVEN)
    if body.starts_at is None:
        raise Invalid(("/starts_at", "a booking needs its start"))
    return body.starts_at


def _dated(body: SessionIn) -> Given:
    _refuse(body, *_OF_BOOKED)
    given = _given(body)
    if given.given_at is None and given.given_on is None:
        raise Invalid(("/given_at", "say when it was given: given_at or given_on"))
    return given


_OF_BOOKED = ("starts_at", "override_reason")
_OF_GIVEN = (
    *("given_at", "given_on", "chart", "completeness"),
    *("reason", "continues_session_id", "product"),
)


def _refuse(body: SessionIn, *names: str) -> None:
    said = body.model_fields_set
    wrong = [name for name in names if name in said and getattr(body, name) is not None]
    if wrong:
        raise Invalid(*((f"/{name}", f"does not go with status {body.status}") for name in wrong))


def _given(body: SessionIn | GivenIn) -> Given:
    if body.chart is None:
        raise Invalid(("/chart", "say what was injected"))
    if body.given_at is not None and body.given_on is not None:
        raise Invalid(("/given_on", "give either given_at or given_on"))
    return Given(
        chart=body.chart.order(),
        given_at=body.given_at,
        given_on=body.given_on,
        location_id=body.location_id,
        practitioner_id=body.practitioner_id,
        completeness=body.completeness,
        reason=body.reason,
        continues_session_id=body.continues_session_id,
        product=body.product,
    )


@router.read("/sessions/{id}", permission="sessions:read", response_model=SessionOut, etag=True)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one session with its injections, totals by area and findings."""
    saved = sessions.load(ctx.db, id, by=ctx.by)
    return Answer(whole(ctx, saved), etag=tag(saved))


@router.write(
    "PATCH",
    "/sessions/{id}",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state", "invalid-chart", "not-a-continuation", "duplicate"),
)
def correct(ctx: Ctx, id: PathId, body: SessionPatch) -> Answer:
    """Correct a session; everything that follows from it is derived again."""
    place = {"location_id": body.location_id, "practitioner_id": body.practitioner_id}
    saved = sessions.load(ctx.db, id, by=ctx.by, **place)
    ctx.require_match(tag(saved))
    values = patch(body, "given_at", "given_on", "completeness", "product", "identifiers", "chart")
    if values.get("given_at") and values.get("given_on"):
        raise Invalid(("/given_on", "give either given_at or given_on"))
    if saved.session["status"] == "booked":
        wrong = values.keys() - {"location_id", "practitioner_id", "identifiers"}
        if wrong:
            raise Invalid(*((f"/{name}", "belongs to a given session") for name in sorted(wrong)))
    else:
        ctx.require("treatments:update")
    named = None if values.pop("identifiers", None) is None else pairs(body.identifiers)
    chart = body.chart.order() if values.pop("chart", None) and body.chart else None
    if "reason" in values:
        values["partial_reason"] = values.pop("reason")
    saved = treatments.correct(
        ctx.db,
        saved=saved,
        values=values,
        chart=chart,
        identified=named,
        by=ctx.by,
        now=ctx.now,
    )
    return answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/reschedule",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state", *_PLANNING),
)
def reschedule(ctx: Ctx, id: PathId, body: RescheduleIn) -> Answer:
    """Move a booking to another time, place or person."""
    saved = sessions.reschedule(
        ctx.db,
        session_id=id,
        starts_at=body.starts_at,
        place=_place(body),
        override_reason=body.override_reason,
        by=ctx.by,
        now=ctx.now,
    )
    return answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/confirm",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def confirm(ctx: Ctx, id: PathId) -> Answer:
    """Note that the patient confirmed the booking."""
    return answer(ctx, sessions.confirm(ctx.db, session_id=id, by=ctx.by, now=ctx.now))


@router.write(
    "POST",
    "/sessions/{id}/arrive",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def arrive(ctx: Ctx, id: PathId) -> Answer:
    """Note that the patient is here."""
    return answer(ctx, sessions.arrive(ctx.db, session_id=id, by=ctx.by, now=ctx.now))


@router.write(
    "POST",
    "/sessions/{id}/give",
    permission="treatments:create",
    response_model=SessionSaved,
    problems=("wrong-state", "invalid-chart", "not-a-continuation"),
)
def give(ctx: Ctx, id: PathId, body: GivenIn) -> Answer:
    """Record that a booked session was given; now, unless another time is said."""
    saved = treatments.give(ctx.db, session_id=id, given=_given(body), by=ctx.by, now=ctx.now)
    return answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/cancel",
    permission="sessions:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def cancel(ctx: Ctx, id: PathId, body: CancelIn) -> Answer:
    """Cancel a booking, saying by whom."""
    saved = sessions.cancel(
        ctx.db, session_id=id, side=body.by, reason=body.reason, by=ctx.by, now=ctx.now
    )
    return answer(ctx, saved)


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
    saved = sessions.no_show(ctx.db, session_id=id, reason=reason, by=ctx.by, now=ctx.now)
    return answer(ctx, saved)


@router.write(
    "POST",
    "/sessions/{id}/void",
    permission="treatments:update",
    response_model=SessionSaved,
    problems=("wrong-state",),
)
def void(ctx: Ctx, id: PathId, body: ReasonIn) -> Answer:
    """Take a given session out of the record for good."""
    saved = sessions.void(ctx.db, session_id=id, reason=body.reason, by=ctx.by, now=ctx.now)
    return answer(ctx, saved)
