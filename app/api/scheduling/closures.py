"""Closures: closed days of a place, a person, both together, or the whole practice."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import plain
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import IdentifierOut, Identifiers, Record, Resource, example, listing
from app.db.models import Closure
from app.edge.input.fields import Body, Day, Id, PathId, Text
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services.scheduling import closures

router = Door(tag="practice")


def _check(work: Work, values: Record) -> None:
    closures.check(work.db, values=values, practice_id=work.practice_id)


CLOSURE = Noun(
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


@router.read("/closures", may="closures:search", patients=False, gives=listing(ClosureOut))
def list_closures(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List closed days."""
    return plain.page(work, CLOSURE, query)


@router.write(
    "POST", "/closures", may="closures:create", gives=ClosureOut, status=201, can=("duplicate",)
)
def add_closure(work: Working, body: ClosureIn) -> Answer:
    """Add closed days; suggested bookings then fall on the first open day after them."""
    return plain.add(work, CLOSURE, body)


@router.write(
    "POST",
    "/closures/upsert",
    may="closures:create closures:update",
    gives=ClosureOut,
    may_create=True,
    can=("duplicate",),
)
def upsert_closure(work: Working, body: ClosureIn) -> Answer:
    """Change the closure with one of these identifiers, or add it (201)."""
    return plain.upsert(work, CLOSURE, body)


@router.read("/closures/{id}", may="closures:read", patients=False, gives=ClosureOut, tagged=True)
def show_closure(work: Working, id: PathId) -> Answer:
    """Return one closure."""
    return plain.one(work, CLOSURE, id)


@router.write(
    "PATCH", "/closures/{id}", may="closures:update", gives=ClosureOut, can=("duplicate",)
)
def change_closure(work: Working, id: PathId, body: ClosurePatch) -> Answer:
    """Change closed days."""
    return plain.change(work, CLOSURE, id, body)
