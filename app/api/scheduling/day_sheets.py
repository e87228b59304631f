"""Lists of sessions: the day sheet of a practice, the history of a course."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Query as FromQuery

from app.api import lists
from app.api.lists import PageQuery
from app.api.scheduling.session_shapes import SessionOut
from app.api.shapes import Shape, listing
from app.db.rows.base import JsonObject
from app.domain.scheduling.sessions import SessionStatus
from app.edge.input.fields import Body, Day, Id, PathId, comma_list
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.practice import practices
from app.services.scheduling import course_dates, day_sheets, documents
from app.services.scheduling.day_sheets import DaySheetLine, DaySheetQuery

router = ResourceRouter(tag="sessions")

STATUSES = tuple(status.value for status in SessionStatus)


class SessionQuery(PageQuery):
    """Filters of the day sheet; days are inclusive."""

    status: Annotated[tuple[str, ...], comma_list(*STATUSES)] = ()
    given_from: Day | None = None
    given_to: Day | None = None
    starts_from: Day | None = None
    starts_to: Day | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None

    def asked(self) -> DaySheetQuery:
        return DaySheetQuery(
            self.status,
            (self.given_from, self.given_to),
            (self.starts_from, self.starts_to),
            self.location_id,
            self.practitioner_id,
        )


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
    lines, place = day_sheets.listed(
        ctx.db,
        practice_id=ctx.practice_id,
        query=query.asked(),
        course_id=course_id,
        after=after,
        limit=query.limit,
    )
    ctx.saw(*(line.record.patient_id for line in lines))
    position = (place[0].isoformat(), place[1]) if place else None
    items = [_line(line) for line in lines]
    return lists.page(ctx, query, items, position, key=key, listing=name)


def _line(line: DaySheetLine) -> JsonObject:
    _, id, mrn, family_name, given_name, birth_date = line.patient
    patient = {
        "id": id,
        "mrn": mrn,
        "family_name": family_name,
        "given_name": given_name,
        "birth_date": birth_date,
    }
    return documents.session(line.record) | {"patient": patient}
