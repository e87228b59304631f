"""The worklist, its counts, its CSV, and the demand of the coming weeks."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field

from app.api import lists
from app.api.shapes import ActionOut, BookingOut, Shape, Source, listing
from app.db.queries.scheduling.worklist import Filters
from app.domain.scheduling import worklist as rules
from app.edge.input import cursors
from app.edge.input.fields import Body, Day, Id, Query, Text, comma_list, query_count, to_number
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.edge.requests.streams import Streamed
from app.services.scheduling import demand as demands
from app.services.scheduling import documents, worklist, worklist_csv
from app.services.scheduling.worklist import WorklistQuery

router = ResourceRouter(tag="worklist")


class WorklistParams(Query):
    """What narrows the list; several words of one filter are separated by commas."""

    on: Day | None = None
    status: Annotated[tuple[str, ...], comma_list(*rules.STATUSES)] = ()
    booking: Annotated[tuple[str, ...], comma_list(*rules.BOOKINGS)] = ()
    flag: Annotated[tuple[str, ...], comma_list(*rules.FLAGS)] = ()
    action: Annotated[tuple[str, ...], comma_list(*rules.ACTIONS)] = ()
    act_by: Day | None = None
    due_from: Day | None = None
    due_to: Day | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    q: Text | None = None

    def asked(self) -> WorklistQuery:
        filters = Filters(
            self.status,
            self.booking,
            self.due_from,
            self.due_to,
            self.location_id,
            self.practitioner_id,
            self.q,
        )
        return WorklistQuery(filters, self.flag, self.action, self.act_by)


class WorklistPageQuery(WorklistParams, lists.PageQuery):
    pass


class WorklistSearch(WorklistParams, Body):
    """The same filters in a body, as strict as any body."""

    limit: lists.BodyLimit = cursors.DEFAULT_LIMIT
    cursor: str | None = None


class WorklistPatient(Shape):
    id: str
    mrn: str
    family_name: str
    given_name: str
    birth_date: date
    phone: str | None


class DecisiveReason(Shape):
    rule: str
    on: date | None
    source: Source
    text: str


class WorklistRowOut(Shape):
    course_id: str
    patient: WorklistPatient
    protocol: str
    cycle: int
    status: str
    days_overdue: Annotated[int, Field(description="Days past `due_on` when overdue or lapsed.")]
    anchor_on: date | None
    earliest_on: date | None
    due_on: date | None
    overdue_from: date | None
    suggested_on: date | None
    booking: BookingOut
    flags: list[str]
    next_action: ActionOut | None
    actions: list[ActionOut]
    location_id: str | None
    practitioner_id: str | None
    decisive_reason: DecisiveReason | None


class SummaryOut(BaseModel):
    on: date
    total: int
    statuses: dict[str, int]
    bookings: dict[str, int]
    flags: dict[str, int]


class DemandQuery(Query):
    since: Annotated[Day | None, Field(alias="from")] = None
    weeks: Annotated[int, query_count(1, 52)] = 12


class DemandWeek(Shape):
    week_start: date
    location_id: str | None
    sessions: int
    booked: int
    not_booked: int
    chair_minutes: int
    units: float
    vials: int


class DemandOut(BaseModel):
    since: Annotated[date, Field(alias="from")]
    weeks: list[DemandWeek]


@router.read("/worklist", permission="worklist:search", response_model=listing(WorklistRowOut))
def show(ctx: Ctx, query: Annotated[WorklistPageQuery, FromQuery()]) -> Answer:
    """List open courses by due date: who is due, since when, why, and what to do next.

    Closed courses only with `status=closed`. The cursor pins `on` and the filters.
    """
    setting = worklist.load_context(ctx.db, practice_id=ctx.practice_id, on=query.on or ctx.today)
    key = setting.practice["cursor_key"]
    cursor = lists.begin(query, key, listing="worklist", on=query.on)
    after = None
    if cursor:
        after = (date.fromisoformat(str(cursor.position[0])), str(cursor.position[1]))
        setting.on = date.fromisoformat(cursor.on or "")
    found, place = worklist.listed(
        ctx.db, setting=setting, asked=query.asked(), after=after, limit=query.limit
    )
    position = (place[0].isoformat(), place[1]) if place else None
    ctx.saw(*(row.stored.patient_id for row in found))
    items = [documents.worklist_row(row) for row in found]
    return lists.page(ctx, query, items, position, key=key, listing="worklist", on=setting.on)


@router.search(
    "/worklist/search", permission="worklist:search", response_model=listing(WorklistRowOut)
)
def search(ctx: Ctx, body: WorklistSearch) -> Answer:
    """List as above with the filters in the body, so that no address holds a name."""
    return show(ctx, WorklistPageQuery.model_construct(**body.__dict__))


@router.read("/worklist/summary", permission="worklist:search", response_model=SummaryOut)
def summary(ctx: Ctx, query: Annotated[WorklistParams, FromQuery()]) -> Answer:
    """Count the same rows by status, booking state and flag, zeros included."""
    setting = worklist.load_context(ctx.db, practice_id=ctx.practice_id, on=query.on or ctx.today)
    ctx.saw()
    if query.q:
        # A count of one is an answer about someone.
        rows = worklist.stream(ctx.db, setting=setting, asked=query.asked())
        ctx.saw(*(row.stored.patient_id for row in rows))
    counted = worklist.summary(ctx.db, setting=setting, asked=query.asked())
    return Answer(
        {
            "on": counted.on,
            "total": counted.total,
            "statuses": counted.statuses,
            "bookings": counted.bookings,
            "flags": counted.flags,
        }
    )


@router.read(
    "/worklist.csv",
    permission="worklist:search",
    openapi_extra={"responses": {"200": {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def as_csv(ctx: Ctx, query: Annotated[WorklistParams, FromQuery()]) -> Streamed:
    """Stream the same rows as CSV; cells that a spreadsheet would run are quoted.

    Each piece is in the log, with whom it shows, before it is sent.
    """
    on = query.on or ctx.today
    setting = worklist.load_context(ctx.db, practice_id=ctx.practice_id, on=on)
    pieces = worklist_csv.pieces(ctx.lend, setting=setting, asked=query.asked())
    first = next(pieces)
    ctx.saw(*first.patient_ids)
    lines = chain(
        (first.text,), (ctx.audited_chunk(piece.patient_ids, piece.text) for piece in pieces)
    )
    name = f"worklist-{on.isoformat()}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Streamed(lines, ctx.app_context, headers=headers, media_type="text/csv; charset=utf-8")


@router.read("/demand", permission="worklist:search", patients=False, response_model=DemandOut)
def demand(ctx: Ctx, query: Annotated[DemandQuery, FromQuery()]) -> Answer:
    """Return sessions, chair time, units and vials expected per week and location."""
    setting = worklist.load_context(ctx.db, practice_id=ctx.practice_id, on=ctx.today)
    since = query.since or ctx.today
    found = demands.of_weeks(ctx.db, setting=setting, since=since, weeks=query.weeks)
    weeks = [
        {
            "week_start": week.week_start,
            "location_id": week.location_id,
            "sessions": week.sessions,
            "booked": week.booked,
            "not_booked": week.not_booked,
            "chair_minutes": week.chair_minutes,
            "units": to_number(week.hundredths),
            "vials": week.vials,
        }
        for week in found
    ]
    return Answer({"from": since, "weeks": weeks})
