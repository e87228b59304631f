"""A patient's disclosures: who was shown or changed something of them, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import lists
from app.api.audit.audit_events import ByOut, in_order
from app.api.lists import PageQuery
from app.api.shapes import Shape, Source, listing
from app.db.models import Patient
from app.edge.input.fields import Day, PathId
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.audit import audit_trail
from app.services.practice import practices

router = ResourceRouter(tag="audit")


class DisclosureOut(Shape):
    """`what` is `shown` or `changed`; `patients` counts those of the same list.

    `reason`: why emergency access (Break-Glass) was used.
    """

    id: str
    at: datetime
    what: str
    by: ByOut
    credential_id: str | None
    address: str | None
    action: str
    reason: str | None
    resource: Source
    patients: int
    request_id: str | None


class DisclosureQuery(PageQuery):
    since: Annotated[Day | None, Field(alias="from")] = None
    until: Annotated[Day | None, Field(alias="to")] = None


@router.read(
    "/patients/{id}/disclosures", permission="audit:search", response_model=listing(DisclosureOut)
)
def list_disclosures(
    ctx: Ctx, id: PathId, query: Annotated[DisclosureQuery, FromQuery()]
) -> Answer:
    """List who saw or changed the patient's record, or a list with them on it; newest first."""
    in_order(query.since, query.until)
    records.load(ctx.db, Patient, practice_id=ctx.practice_id, id=id)
    ctx.saw(id)
    key = practices.load(ctx.db, practice_id=ctx.practice_id)["cursor_key"]
    of_this = f"disclosures {id}"
    cursor = lists.begin(query, key, listing=of_this)
    since, until = audit_trail.instants(query.since, query.until, ctx.caller.time_zone)
    page = audit_trail.disclosures(
        ctx.db,
        practice_id=ctx.practice_id,
        patient_id=id,
        since=since,
        until=until,
        before=str(cursor.position[0]) if cursor else None,
        limit=query.limit + 1,
    )
    items = page[: query.limit]
    position = (items[-1].id,) if len(page) > query.limit else None
    return lists.page(ctx, query, items, position, key=key, listing=of_this)
