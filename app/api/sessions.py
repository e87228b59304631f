"""Treatment sessions: booked, given, corrected; the day sheet."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Query as FromQuery

from app.api import pages
from app.api.pages import PageQuery
from app.api.schedules import schedule_of
from app.api.session_shapes import (
    CancelIn,
    GivenIn,
    OptionalReasonIn,
    ReasonIn,
    RescheduleIn,
    SessionIn,
    SessionOut,
    SessionPatch,
    SessionSaved,
    shown,
)
from app.api.shapes import Record, Shape, listing, pairs, patch
from app.db.queries import identifiers as identifier_rows
from app.db.queries import sessions as rows
from app.domain.errors import Invalid
from app.edge.fields import Day, Id, PathId, comma_list
from app.edge.preconditions import etag
from app.edge.routing import Door
from app.edge.work import Answer, Work, Working
from app.services import dates, practices, protocols, sessions, treatments
from app.services.sessions import Saved
from app.services.treatments import Given

router = Door(tag="sessions")

STATUSES = ("booked", "given", "cancelled", "no_show", "voided")
_PLANNING = ("booked-too-early", "not-booking-master", "course-closed", "patient-deceased")


class SessionQuery(PageQuery):
    """Filters of the day sheet; days are inclusive."""

    status: Annotated[tuple[str, ...], comma_list(*STATUSES)] = ()
    given_from: Day | None = None
    given_to: Day | None = None
    starts_from: Day | None = None
    starts_to: Day | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None


class DaySheetPatient(Shape):
    id: str
    mrn: str
    family_name: str
    given_name: str
    birth_date: date


class DaySheetOut(SessionOut):
    """A session with the patient it is for."""

    patient: DaySheetPatient


@router.read("/sessions", may="sessions:read", gives=listing(DaySheetOut))
def day_sheet(work: Working, query: Annotated[SessionQuery, FromQuery()]) -> Answer:
    """List sessions in the order of the day, with the patients they are for."""
    return _listed(work, query, None)


@router.read("/courses/{id}/sessions", may="sessions:read", gives=listing(DaySheetOut))
def of_course(work: Working, id: PathId, query: Annotated[SessionQuery, FromQuery()]) -> Answer:
    """List a course's sessions, oldest first."""
    dates.facts_of_course(work.db, practice_id=work.practice_id, course_id=id)
    return _listed(work, query, id)


def _listed(work: Work, query: SessionQuery, course_id: str | None) -> Answer:
    key = practices.load(work.db, practice_id=work.practice_id)["cursor_key"]
    name = f"sessions:{course_id or ''}"
    cursor = pages.begin(query, key, listing=name)
    after: tuple[datetime, str] | None = None
    if cursor:
        after = (datetime.fromisoformat(str(cursor.position[0])), str(cursor.position[1]))
    found = rows.page(
        work.db,
        practice_id=work.practice_id,
        course_id=course_id,
        statuses=query.status,
        given=(query.given_from, query.given_to),
        starts=(query.starts_from, query.starts_to),
        location_id=query.location_id,
        practitioner_id=query.practitioner_id,
        after=after,
        limit=query.limit + 1,
    )
    items = found[: query.limit]
    more = len(found) > query.limit
    position = (items[-1]["sort_at"].isoformat(), items[-1]["id"]) if more else None
    return pages.page(work, query, _lines(work, items), position, key=key, listing=name)


_PATIENT = ("mrn", "family_name", "given_name", "birth_date")


def _lines(work: Work, found: list[Record]) -> list[Record]:
    """Return the page's sessions whole: their courses' facts come in one statement more."""
    courses = dates.facts_of_courses(
        work.db, practice_id=work.practice_id, course_ids=[s["course_id"] for s in found]
    )
    named = identifier_rows.of(
        work.db, practice_id=work.practice_id, kind=sessions.KIND, ids=[s["id"] for s in found]
    )
    lines = []
    for session in found:
        saved = Saved(session, courses[session["course_id"]], named.get(session["id"], []))
        patient = {"id": session["patient_id"]} | {name: session[name] for name in _PATIENT}
        lines.append(_shown(work, saved) | {"patient": patient})
    return lines


@router.write(
    "POST",
    "/courses/{id}/sessions",
    may="sessions:write",
    gives=SessionSaved,
    status=201,
    can=("invalid-chart", "not-a-continuation", "duplicate", *_PLANNING),
)
def add(work: Working, id: PathId, body: SessionIn) -> Answer:
    """Book a session, or record one that was given; the answer holds the new schedule."""
    identified = pairs(body.identifiers)
    if body.status == "booked":
        _refuse(body, *_OF_GIVEN)
        if body.starts_at is None:
            raise Invalid(("/starts_at", "a booking needs its start"))
        saved = sessions.book(
            work.db,
            course_id=id,
            starts_at=body.starts_at,
            location_id=body.location_id,
            practitioner_id=body.practitioner_id,
            override_reason=body.override_reason,
            identified=identified,
            by=work.by,
            now=work.now,
        )
    else:
        _refuse(body, *_OF_BOOKED)
        given = _given(body)
        if given.given_at is None and given.given_on is None:
            raise Invalid(("/given_at", "say when it was given: given_at or given_on"))
        given.identified = identified
        saved = treatments.record(work.db, course_id=id, given=given, by=work.by, now=work.now)
    return _answer(work, saved, created=True)


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
    return Answer(_shown(work, saved), etag=_tag(saved))


@router.write(
    "PATCH",
    "/sessions/{id}",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state", "invalid-chart", "duplicate"),
)
def correct(work: Working, id: PathId, body: SessionPatch) -> Answer:
    """Correct a session; everything that follows from it is derived again."""
    place = {"location_id": body.location_id, "practitioner_id": body.practitioner_id}
    saved = sessions.load(work.db, id, by=work.by, **place)
    work.require_match(_tag(saved))
    values = patch(body, "given_at", "given_on", "completeness", "product", "identifiers", "chart")
    if values.get("given_at") and values.get("given_on"):
        raise Invalid(("/given_on", "give either given_at or given_on"))
    if saved.session["status"] == "booked":
        wrong = values.keys() - {"location_id", "practitioner_id", "identifiers"}
        if wrong:
            raise Invalid(*((f"/{name}", "belongs to a given session") for name in sorted(wrong)))
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
    return _answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/reschedule",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state", *_PLANNING),
)
def reschedule(work: Working, id: PathId, body: RescheduleIn) -> Answer:
    """Move a booking to another time, place or person."""
    place: dict[str, str | None] = {
        name: getattr(body, name)
        for name in ("location_id", "practitioner_id")
        if name in body.model_fields_set
    }
    saved = sessions.reschedule(
        work.db,
        session_id=id,
        starts_at=body.starts_at,
        place=place,
        override_reason=body.override_reason,
        by=work.by,
        now=work.now,
    )
    return _answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/confirm",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state",),
)
def confirm(work: Working, id: PathId) -> Answer:
    """Note that the patient confirmed the booking."""
    return _answer(work, sessions.confirm(work.db, session_id=id, by=work.by, now=work.now))


@router.write(
    "POST",
    "/sessions/{id}/arrive",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state",),
)
def arrive(work: Working, id: PathId) -> Answer:
    """Note that the patient is here."""
    return _answer(work, sessions.arrive(work.db, session_id=id, by=work.by, now=work.now))


@router.write(
    "POST",
    "/sessions/{id}/give",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state", "invalid-chart", "not-a-continuation"),
)
def give(work: Working, id: PathId, body: GivenIn) -> Answer:
    """Record that a booked session was given; now, unless another time is said."""
    saved = treatments.give(work.db, session_id=id, given=_given(body), by=work.by, now=work.now)
    return _answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/cancel",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state",),
)
def cancel(work: Working, id: PathId, body: CancelIn) -> Answer:
    """Cancel a booking, saying by whom."""
    saved = sessions.cancel(
        work.db, session_id=id, side=body.by, reason=body.reason, by=work.by, now=work.now
    )
    return _answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/no-show",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state",),
)
def no_show(work: Working, id: PathId, body: OptionalReasonIn | None = None) -> Answer:
    """Note that the patient did not come."""
    reason = body.reason if body else None
    saved = sessions.no_show(work.db, session_id=id, reason=reason, by=work.by, now=work.now)
    return _answer(work, saved)


@router.write(
    "POST",
    "/sessions/{id}/void",
    may="sessions:write",
    gives=SessionSaved,
    can=("wrong-state",),
)
def void(work: Working, id: PathId, body: ReasonIn) -> Answer:
    """Take a given session out of the record for good."""
    saved = sessions.void(work.db, session_id=id, reason=body.reason, by=work.by, now=work.now)
    return _answer(work, saved)


def _answer(work: Work, saved: Saved, *, created: bool = False) -> Answer:
    """Return the session with its course's new schedule."""
    body = _shown(work, saved) | {"schedule": schedule_of(saved.facts, work.today)}
    where = f"/v1/sessions/{saved.session['id']}" if created else None
    return Answer(body, 201 if created else 200, _tag(saved), where)


def _tag(saved: Saved) -> str:
    # Its cycle and findings follow from the course's other sessions and the practice's numbers.
    parts = (saved.session, saved.facts.course, saved.facts.practice)
    return etag(".".join(str(part["version"]) for part in parts))


def _shown(work: Work, saved: Saved) -> Record:
    session, protocol = saved.session, None
    if session["protocol"]:
        protocol = protocols.version(
            work.db,
            practice_id=work.practice_id,
            code=session["protocol"],
            number=session["protocol_version"],
        )
    return shown(session, saved.facts, protocol, saved.identifiers)
