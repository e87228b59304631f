"""The audit log of the practice: who saw, changed or was refused what."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import lists
from app.api.lists import PageQuery
from app.api.shapes import Shape, Source, example, listing
from app.db.models import AuditEvent
from app.db.queries.audit import audit as rows
from app.db.rows.audit import AuditEventRow
from app.domain.audit import sealing
from app.domain.errors import Invalid
from app.edge.input.fields import Body, Code, Day, Id, PathId, QueryFlag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.audit import audit_trail
from app.services.audit.audit_trail import Entry
from app.services.practice import practices

router = ResourceRouter(tag="audit")


class ByOut(Shape):
    """A member of staff, or the system a credential is named for."""

    type: str
    id: str | None
    name: str


class AuditEventOut(Shape):
    """`outcome` is `done` (changed), `shown` (read), or the code of a refusal.

    `changes` is `{field: [before, after]}`; null where it tells of a patient and the reader may
    not read patients. `reason`: why emergency access (Break-Glass) was used.
    """

    id: str
    at: datetime
    by: ByOut
    credential_id: str | None
    address: str | None
    action: str
    outcome: str
    reason: str | None
    resource: Source
    patient_ids: list[str]
    request_id: str | None
    changes: dict[str, Any] | None


class SealOut(Shape):
    """The newest seal; `head` is what is to be noted elsewhere. All null before the first."""

    number: int | None
    sealed_at: datetime | None
    head: str | None


class AuditSearch(Body):
    """The list's filters in a body; `from` and `until` are days of the practice, both in it."""

    model_config = example({"from": "2026-03-01", "to": "2026-03-31", "outcome": "forbidden"})

    since: Annotated[Day | None, Field(alias="from")] = None
    until: Annotated[Day | None, Field(alias="to")] = None
    by_id: Id | None = None
    credential_id: Id | None = None
    action: Code | None = None
    outcome: Code | None = None
    resource_id: Id | None = None
    patient_id: Id | None = None
    break_glass: bool | None = None
    limit: lists.BodyLimit = 50
    cursor: str | None = None


class AuditQuery(PageQuery):
    since: Annotated[Day | None, Field(alias="from")] = None
    until: Annotated[Day | None, Field(alias="to")] = None
    by_id: Id | None = None
    credential_id: Id | None = None
    action: Code | None = None
    outcome: Code | None = None
    resource_id: Id | None = None
    patient_id: Id | None = None
    break_glass: QueryFlag | None = None


_EQUAL = ("by_id", "credential_id", "action", "outcome", "resource_id")


@router.read("/audit-events", permission="audit:search", response_model=listing(AuditEventOut))
def list_events(ctx: Ctx, query: Annotated[AuditQuery, FromQuery()]) -> Answer:
    """List the log, the newest first; `from` and `to` are days of the practice, both in it."""
    return _listed(ctx, query)


@router.search(
    "/audit-events/search", permission="audit:search", response_model=listing(AuditEventOut)
)
def search(ctx: Ctx, body: AuditSearch) -> Answer:
    """List the log by filters in the body."""
    return _listed(ctx, AuditQuery.model_construct(**body.__dict__))


@router.read("/audit-events/seal", permission="audit:read", patients=False, response_model=SealOut)
def newest_seal(ctx: Ctx) -> Answer:
    """Return the newest seal: kept elsewhere, it proves later that nothing was cut off."""
    last = rows.last_seal(ctx.db, practice_id=ctx.practice_id)
    if last is None:
        return Answer({"number": None, "sealed_at": None, "head": None})
    number, head = last["number"], sealing.head(last["number"], bytes(last["digest"]))
    return Answer({"number": number, "sealed_at": last["sealed_at"], "head": head})


@router.read("/audit-events/{id}", permission="audit:read", response_model=AuditEventOut)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one event."""
    event = records.load(ctx.db, AuditEvent, practice_id=ctx.practice_id, id=id)
    return Answer(_shown(ctx, [event])[0])


def in_order(since: date | None, until: date | None) -> None:
    """Refuse a range that ends before it begins."""
    if since and until and until < since:
        raise Invalid(("?to", "must not lie before from"))


def _listed(ctx: RequestContext, query: AuditQuery) -> Answer:
    in_order(query.since, query.until)
    key = practices.load(ctx.db, practice_id=ctx.practice_id)["cursor_key"]
    cursor = lists.begin(query, key, listing="audit-events")
    since, until = audit_trail.instants(query.since, query.until, ctx.caller.time_zone)
    asked = {name: getattr(query, name) for name in _EQUAL}
    page = rows.page(
        ctx.db,
        practice_id=ctx.practice_id,
        since=since,
        until=until,
        equal={name: value for name, value in asked.items() if value is not None},
        patient_id=query.patient_id,
        broken_glass=query.break_glass,
        before=str(cursor.position[0]) if cursor else None,
        limit=query.limit + 1,
    )
    events = page[: query.limit]
    position = (events[-1]["id"],) if len(page) > query.limit else None
    return lists.page(ctx, query, _shown(ctx, events), position, key=key, listing="audit-events")


def _shown(ctx: RequestContext, events: list[AuditEventRow]) -> list[Entry]:
    patients = "patients:read" in ctx.caller.permissions
    ctx.saw()
    if patients:
        for event in events:
            if audit_trail.shows_patients(event):
                ctx.saw(*audit_trail.patients_of(event))
    return [audit_trail.shown(event, patients=patients) for event in events]
