"""The worklist, its counts, its CSV, and the demand of the coming weeks."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field

from app.api import pages
from app.api.scheduling.schedules import action_shown, booking_shown
from app.api.shapes import ActionOut, BookingOut, Record, Shape, Source, listing
from app.db.queries.scheduling.worklist import Filters
from app.domain.scheduling import worklist as rules
from app.edge.input import paging
from app.edge.input.fields import Body, Day, Id, Query, Text, comma_list, query_count, to_number
from app.edge.requests.routing import Door
from app.edge.requests.streams import Streamed
from app.edge.requests.work import Answer, Working
from app.services.scheduling import demand as demands
from app.services.scheduling import worklist, worklist_csv
from app.services.scheduling.worklist import Asked, Row

router = Door(tag="worklist")


class WorklistQuery(Query):
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

    def asked(self) -> Asked:
        filters = Filters(
            self.status,
            self.booking,
            self.due_from,
            self.due_to,
            self.location_id,
            self.practitioner_id,
            self.q,
        )
        return Asked(filters, self.flag, self.action, self.act_by)


class WorklistPageQuery(WorklistQuery, pages.PageQuery):
    pass


class WorklistSearch(WorklistQuery, Body):
    """The same filters in a body, as strict as any body."""

    limit: pages.BodyLimit = paging.DEFAULT_LIMIT
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


@router.read("/worklist", may="worklist:search", gives=listing(WorklistRowOut))
def show(work: Working, query: Annotated[WorklistPageQuery, FromQuery()]) -> Answer:
    """List open courses by due date: who is due, since when, why, and what to do next.

    Closed courses only with `status=closed`. The cursor pins `on` and the filters.
    """
    setting = worklist.setting(work.db, practice_id=work.practice_id, on=query.on or work.today)
    key = setting.practice["cursor_key"]
    cursor = pages.begin(query, key, listing="worklist", on=query.on)
    after = None
    if cursor:
        after = (date.fromisoformat(str(cursor.position[0])), str(cursor.position[1]))
        setting.on = date.fromisoformat(cursor.on or "")
    found, place = worklist.listed(
        work.db, setting=setting, asked=query.asked(), after=after, limit=query.limit
    )
    position = (place[0].isoformat(), place[1]) if place else None
    work.saw(*(row.stored.patient_id for row in found))
    items = [row_shown(row, work.practice_id) for row in found]
    return pages.page(work, query, items, position, key=key, listing="worklist", on=setting.on)


@router.search("/worklist/search", may="worklist:search", gives=listing(WorklistRowOut))
def search(work: Working, body: WorklistSearch) -> Answer:
    """List as above with the filters in the body, so that no address holds a name."""
    return show(work, WorklistPageQuery.model_construct(**body.__dict__))


@router.read("/worklist/summary", may="worklist:search", gives=SummaryOut)
def summary(work: Working, query: Annotated[WorklistQuery, FromQuery()]) -> Answer:
    """Count the same rows by status, booking state and flag, zeros included."""
    setting = worklist.setting(work.db, practice_id=work.practice_id, on=query.on or work.today)
    work.saw()
    if query.q:
        # A count of one is an answer about someone.
        rows = worklist.stream(work.db, setting=setting, asked=query.asked())
        work.saw(*(row.stored.patient_id for row in rows))
    return Answer(worklist.summary(work.db, setting=setting, asked=query.asked()))


@router.read(
    "/worklist.csv",
    may="worklist:search",
    openapi_extra={"responses": {"200": {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def as_csv(work: Working, query: Annotated[WorklistQuery, FromQuery()]) -> Streamed:
    """Stream the same rows as CSV; cells that a spreadsheet would run are quoted.

    Each piece is in the log, with whom it shows, before it is sent.
    """
    on = query.on or work.today
    setting = worklist.setting(work.db, practice_id=work.practice_id, on=on)
    pieces = worklist_csv.pieces(work.lend, setting=setting, asked=query.asked())
    first = next(pieces)
    work.saw(*first.patient_ids)
    lines = chain((first.text,), (work.told(piece.patient_ids, piece.text) for piece in pieces))
    name = f"worklist-{on.isoformat()}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Streamed(lines, work.surroundings, headers=headers, media_type="text/csv; charset=utf-8")


@router.read("/demand", may="worklist:search", patients=False, gives=DemandOut)
def demand(work: Working, query: Annotated[DemandQuery, FromQuery()]) -> Answer:
    """Return sessions, chair time, units and vials expected per week and location."""
    setting = worklist.setting(work.db, practice_id=work.practice_id, on=work.today)
    since = query.since or work.today
    weeks = demands.of_weeks(work.db, setting=setting, since=since, weeks=query.weeks)
    for week in weeks:
        week["units"] = to_number(week.pop("hundredths"))
    return Answer({"from": since, "weeks": weeks})


def row_shown(row: Row, practice_id: str) -> Record:
    """Return a row as it is shown."""
    stored, stands = row.stored, row.standing
    actions = [action_shown(a, stored.id) for a in stands.actions]
    return {
        "course_id": stored.id,
        "patient": {
            "id": stored.patient_id,
            "mrn": stored.mrn,
            "family_name": stored.family_name,
            "given_name": stored.given_name,
            "birth_date": stored.birth_date,
            "phone": stored.phone,
        },
        "protocol": stored.protocol,
        "cycle": stored.cycle,
        "status": stands.status,
        "days_overdue": stands.days_overdue,
        "anchor_on": stored.anchor_on,
        "earliest_on": stored.earliest_on,
        "due_on": stored.due_on,
        "overdue_from": stands.overdue_from,
        "suggested_on": stands.suggested_on,
        "booking": booking_shown(stands.booking, stands.booked),
        "flags": stands.flags,
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "location_id": stands.location_id,
        "practitioner_id": stands.practitioner_id,
        "decisive_reason": _decisive(row, practice_id),
    }


def _decisive(row: Row, practice_id: str) -> Record | None:
    stored = row.stored
    if stored.due_rule is None:
        return None
    own = {"course": stored.id, "practice": practice_id}
    source_id = own.get(stored.due_source_type, stored.due_source_id)
    return {
        "rule": stored.due_rule,
        "on": stored.due_on,
        "source": {"type": stored.due_source_type, "id": source_id},
        "text": worklist.why(row),
    }
