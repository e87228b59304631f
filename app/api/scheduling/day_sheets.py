"""Lists of sessions: the day sheet of a practice, the history of a course."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Query as FromQuery

from app.api import lists
from app.api.lists import PageQuery
from app.api.scheduling.session_answers import whole
from app.api.scheduling.session_shapes import SessionOut
from app.api.shapes import Record, Shape, listing
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.scheduling import sessions as rows
from app.edge.input.fields import Body, Day, Id, PathId, comma_list
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.practice import practices
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Saved

router = ResourceRouter(tag="sessions")

STATUSES = ("booked", "given", "cancelled", "no_show", "voided")


class SessionQuery(PageQuery):
    """Filters of the day sheet; days are inclusive."""

    status: Annotated[tuple[str, ...], comma_list(*STATUSES)] = ()
    given_from: Day | None = None
    given_to: Day | None = None
    starts_from: Day | None = None
    starts_to: Day | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None


class SessionSearch(Body):
    """The same filters in a body."""

    status: Annotated[tuple[str, ...], comma_list(*STATUSES)] = ()
    given_from: Day | None = None
    given_to: Day | None = None
    starts_from: Day | None = None
    starts_to: Day | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    limit: lists.BodyLimit = 50
    cursor: str | None = None


class DaySheetPatient(Shape):
    id: str
    mrn: str
    family_name: str
    given_name: str
    birth_date: date


class DaySheetOut(SessionOut):
    """A session with the patient it is for."""

    patient: DaySheetPatient


@router.read("/sessions", permission="sessions:search", response_model=listing(DaySheetOut))
def day_sheet(ctx: Ctx, query: Annotated[SessionQuery, FromQuery()]) -> Answer:
    """List sessions in the order of the day, with the patients they are for."""
    return _listed(ctx, query, None)


@router.search(
    "/sessions/search", permission="sessions:search", response_model=listing(DaySheetOut)
)
def search(ctx: Ctx, body: SessionSearch) -> Answer:
    """List as above with the filters in the body."""
    return _listed(ctx, SessionQuery.model_construct(**body.__dict__), None)


@router.read(
    "/courses/{id}/sessions", permission="sessions:search", response_model=listing(DaySheetOut)
)
def of_course(ctx: Ctx, id: PathId, query: Annotated[SessionQuery, FromQuery()]) -> Answer:
    """List a course's sessions, oldest first."""
    course_dates.facts_of_course(ctx.db, practice_id=ctx.practice_id, course_id=id)
    return _listed(ctx, query, id)


def _listed(ctx: RequestContext, query: SessionQuery, course_id: str | None) -> Answer:
    key = practices.load(ctx.db, practice_id=ctx.practice_id)["cursor_key"]
    name = f"sessions:{course_id or ''}"
    cursor = lists.begin(query, key, listing=name)
    after: tuple[datetime, str] | None = None
    if cursor:
        after = (datetime.fromisoformat(str(cursor.position[0])), str(cursor.position[1]))
    found = rows.page(
        ctx.db,
        practice_id=ctx.practice_id,
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
    return lists.page(ctx, query, _lines(ctx, items), position, key=key, listing=name)


_PATIENT = ("mrn", "family_name", "given_name", "birth_date")


def _lines(ctx: RequestContext, found: list[Record]) -> list[Record]:
    """Return the page's sessions whole: their courses' facts come in one statement more."""
    courses = course_dates.facts_of_courses(
        ctx.db, practice_id=ctx.practice_id, course_ids=[s["course_id"] for s in found]
    )
    named = identifier_rows.of(
        ctx.db, practice_id=ctx.practice_id, kind=sessions.KIND, ids=[s["id"] for s in found]
    )
    lines = []
    ctx.saw()
    for session in found:
        saved = Saved(session, courses[session["course_id"]], named.get(session["id"], []))
        patient = {"id": session["patient_id"]} | {name: session[name] for name in _PATIENT}
        lines.append(whole(ctx, saved) | {"patient": patient})
    return lines
