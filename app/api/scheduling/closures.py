"""Closures: closed days of a place, a person, both together, or the whole practice."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import crud
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import IdentifierOut, Identifiers, Record, Resource, example, listing
from app.db.models import Closure
from app.db.rows.scheduling import ClosureValues
from app.edge.input.fields import Body, Day, Id, PathId, Text
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.scheduling import closures

router = ResourceRouter(tag="practice")


def _check(ctx: RequestContext, values: Record) -> None:
    closures.check(ctx.db, values=cast("ClosureValues", values), practice_id=ctx.practice_id)


CLOSURE = ResourceSpec(
    Closure,
    "closure",
    "closures",
    ("location_id", "practitioner_id", "from", "until", "reason"),
    ("since", "until"),
    {"from": "starts_on", "until": "ends_on"},
    _check,
)


class ClosureIn(Body):
    """Closed days, both inclusive; with neither place nor person the whole practice is closed."""

    model_config = example({"from": "2026-12-24", "until": "2027-01-01", "reason": "holidays"})

    location_id: Id | None = None
    practitioner_id: Id | None = None
    since: Annotated[Day, Field(alias="from")]
    until: Day
    reason: Text | None = None
    identifiers: Identifiers | None = None


class ClosurePatch(Body):
    location_id: Id | None = None
    practitioner_id: Id | None = None
    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    reason: Text | None = None
    identifiers: Identifiers | None = None


class ClosureOut(Resource):
    location_id: str | None
    practitioner_id: str | None
    since: Annotated[date, Field(alias="from")]
    until: date
    reason: str | None
    identifiers: list[IdentifierOut]


@router.read(
    "/closures", permission="closures:search", patients=False, response_model=listing(ClosureOut)
)
def list_closures(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List closed days."""
    return crud.page(ctx, CLOSURE, query)


@router.write(
    "POST",
    "/closures",
    permission="closures:create",
    response_model=ClosureOut,
    status=201,
    problems=("duplicate",),
)
def add_closure(ctx: Ctx, body: ClosureIn) -> Answer:
    """Add closed days; suggested bookings then fall on the first open day after them."""
    return crud.add(ctx, CLOSURE, body)


@router.write(
    "POST",
    "/closures/upsert",
    permission="closures:create closures:update",
    response_model=ClosureOut,
    may_create=True,
    problems=("duplicate",),
)
def upsert_closure(ctx: Ctx, body: ClosureIn) -> Answer:
    """Change the closure with one of these identifiers, or add it (201)."""
    return crud.upsert(ctx, CLOSURE, body)


@router.read(
    "/closures/{id}",
    permission="closures:read",
    patients=False,
    response_model=ClosureOut,
    etag=True,
)
def show_closure(ctx: Ctx, id: PathId) -> Answer:
    """Return one closure."""
    return crud.one(ctx, CLOSURE, id)


@router.write(
    "PATCH",
    "/closures/{id}",
    permission="closures:update",
    response_model=ClosureOut,
    problems=("duplicate",),
)
def change_closure(ctx: Ctx, id: PathId, body: ClosurePatch) -> Answer:
    """Change closed days."""
    return crud.change(ctx, CLOSURE, id, body)
