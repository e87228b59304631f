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
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services import identifiers
from app.services.scheduling import sessions, treatments
from app.services.scheduling.sessions import Saved
from app.services.scheduling.treatments import Given

router = Door(tag="sessions")

_PLANNING = ("booked-too-early", "not-booking-master", "course-closed", "patient-deceased")


@router.write(
    "POST",
    "/courses/{id}/sessions",
    may="sessions:create",
    gives=SessionSaved,
    status=201,
    can=("invalid-chart", "not-a-continuation", "duplicate", *_PLANNING),
)
def add(work: Working, id: PathId, body: SessionIn) -> Answer:
    """Book a session, or record one that was given; the answer holds the new schedule."""
    identified = pairs(body.identifiers)
    if body.status == "booked":
        saved = sessions.book(
            work.db,
            course_id=id,
            starts_at=_start(body),
            location_id=body.location_id,
            practitioner_id=body.practitioner_id,
            override_reason=body.override_reason,
            identified=identified,
            by=work.by,
            now=work.now,
        )
    else:
        work.require("treatments:create")
        given = _dated(body)
        given.identified = identified
        saved = treatments.record(work.db, course_id=id, given=given, by=work.by, now=work.now)
    return answer(work, saved, created=True)


@router.write(
    "POST",
    "/sessions/upsert",
    may="sessions:create sessions:update",
    gives=SessionSaved,
    may_create=True,
    can=("wrong-state", "invalid-chart", "not-a-continuation", "duplicate", *_PLANNING),
)
def upsert(work: Working, body: SessionUpsert) -> Answer:
    """Move, or give, the session with one of these identifiers; add it where there is none (201).

    How an EHR that owns the bookings keeps them in step: the same call for a new booking, for
    one that moved, and for one that was given.
    """
    named = pairs(body.identifiers)
    id = identifiers.find(work.db, kind=sessions.KIND, identifiers=named, by=work.by)
    if id is None:
        return add(work, body.course_id, body)
    saved = sessions.load(work.db, id, by=work.by, **_place(body))
    if saved.session["course_id"] != body.course_id:
        raise Invalid(("/course_id", "is not the course of this session"))
    named = identifiers.joined(work.db, kind=sessions.KIND, id=id, identifiers=named, by=work.by)
    if body.status == "given":
        return answer(work, _upsert_given(work, saved, body, named))
    saved = sessions.reschedule(
        work.db,
        session_id=id,
        starts_at=_start(body),
        place=_place(body),
        override_reason=body.override_reason,
        identified=named,
        by=work.by,
        now=work.now,
    )
    return answer(work, saved)


def _upsert_given(
    work: Work, saved: Saved, body: SessionUpsert, named: list[tuple[str, str]]
) -> Saved:
    work.require("treatments:create")
    given = _dated(body)
    given.identified = named
    if saved.session["status"] != "given":
        id = saved.session["id"]
        return treatments.give(work.db, session_id=id, given=given, by=work.by, now=work.now)
    work.require("treatments:update")
    said = body.model_fields_set & {"given_at", "given_on", "completeness", "product"}
    values: Record = {name: getattr(body, name) for name in said} | _place(body)
    return treatments.correct(
        work.db,
        saved=saved,
        values=values | {"partial_reason": body.reason},
        chart=given.chart,
        identified=named,
        by=work.by,
        now=work.now,
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


@router.read("/sessions/{id}", may="sessions:read", gives=SessionOut, tagged=True)
def show(work: Working, id: PathId) -> Answer:
    """Return one session with its injections, totals by area and findings."""
    saved = sessions.load(work.db, id, by=work.by)
    return Answer(whole(work, saved), etag=tag(saved))


@router.write(
    "PATCH",
    "/sessions/{id}",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state", "invalid-chart", "not-a-continuation", "duplicate"),
)
def correct(work: Working, id: PathId, body: SessionPatch) -> Answer:
    """Correct a session; everything that follows from it is derived again."""
    place = {"location_id": body.location_id, "practitioner_id": body.practitioner_id}
    saved = sessions.load(work.db, id, by=work.by, **place)
    work.require_match(tag(saved))
    values = patch(body, "given_at", "given_on", "completeness", "product", "identifiers", "chart")
    if values.get("given_at") and values.get("given_on"):
        raise Invalid(("/given_on", "give either given_at or given_on"))
    if saved.session["status"] == "booked":
        wrong = values.keys() - {"location_id", "practitioner_id", "identifiers"}
        if wrong:
            raise Invalid(*((f"/{name}", "belongs to a given session") for name in sorted(wrong)))
    else:
        work.require("treatments:update")
    named = None if values.pop("identifiers", None) is None else pairs(body.identifiers)
    chart = body.chart.order() if values.pop("chart", None) and body.chart else None
    if "reason" in values:
        values["partial_reason"] = values.pop("reason")
    saved = treatments.correct(
        work.db,
        saved=saved,
        values=values,
        chart=chart,
        identified=named,
        by=work.by,
        now=work.now,
    )
    return answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/reschedule",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state", *_PLANNING),
)
def reschedule(work: Working, id: PathId, body: RescheduleIn) -> Answer:
    """Move a booking to another time, place or person."""
    saved = sessions.reschedule(
        work.db,
        session_id=id,
        starts_at=body.starts_at,
        place=_place(body),
        override_reason=body.override_reason,
        by=work.by,
        now=work.now,
    )
    return answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/confirm",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state",),
)
def confirm(work: Working, id: PathId) -> Answer:
    """Note that the patient confirmed the booking."""
    return answer(work, sessions.confirm(work.db, session_id=id, by=work.by, now=work.now))


@router.write(
    "POST",
    "/sessions/{id}/arrive",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state",),
)
def arrive(work: Working, id: PathId) -> Answer:
    """Note that the patient is here."""
    return answer(work, sessions.arrive(work.db, session_id=id, by=work.by, now=work.now))


@router.write(
    "POST",
    "/sessions/{id}/give",
    may="treatments:create",
    gives=SessionSaved,
    can=("wrong-state", "invalid-chart", "not-a-continuation"),
)
def give(work: Working, id: PathId, body: GivenIn) -> Answer:
    """Record that a booked session was given; now, unless another time is said."""
    saved = treatments.give(work.db, session_id=id, given=_given(body), by=work.by, now=work.now)
    return answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/cancel",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state",),
)
def cancel(work: Working, id: PathId, body: CancelIn) -> Answer:
    """Cancel a booking, saying by whom."""
    saved = sessions.cancel(
        work.db, session_id=id, side=body.by, reason=body.reason, by=work.by, now=work.now
    )
    return answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/no-show",
    may="sessions:update",
    gives=SessionSaved,
    can=("wrong-state",),
)
def no_show(work: Working, id: PathId, body: OptionalReasonIn | None = None) -> Answer:
    """Note that the patient did not come."""
    reason = body.reason if body else None
    saved = sessions.no_show(work.db, session_id=id, reason=reason, by=work.by, now=work.now)
    return answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/void",
    may="treatments:update",
    gives=SessionSaved,
    can=("wrong-state",),
)
def void(work: Working, id: PathId, body: ReasonIn) -> Answer:
    """Take a given session out of the record for good."""
    saved = sessions.void(work.db, session_id=id, reason=body.reason, by=work.by, now=work.now)
    return answer(work, saved)
