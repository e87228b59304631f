"""Locations: where treatment happens, each with the time zone its days are judged in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery

from app.api import crud
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import IdentifierOut, Identifiers, Resource, example, listing
from app.db.models import Location
from app.edge.input.fields import Body, PathId, Text, TimeZoneName
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter

router = ResourceRouter(tag="practice")
LOCATION = ResourceSpec(
    Location,
    "location",
    "locations",
    ("name", "time_zone", "active"),
    ("name", "time_zone", "active"),
)


class LocationIn(Body):
    model_config = example({"name": "Main Street", "time_zone": "America/New_York"})

    name: Text
    time_zone: TimeZoneName
    active: bool = True
    identifiers: Identifiers | None = None


class LocationPatch(Body):
    name: Text | None = None
    time_zone: TimeZoneName | None = None
    active: bool | None = None
    identifiers: Identifiers | None = None


class LocationOut(Resource):
    name: str
    time_zone: str
    active: bool
    identifiers: list[IdentifierOut]


@router.read(
    "/locations", permission="locations:search", patients=False, response_model=listing(LocationOut)
)
def list_locations(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the practice's locations."""
    return crud.page(ctx, LOCATION, query)


@router.write(
    "POST",
    "/locations",
    permission="locations:create",
    response_model=LocationOut,
    status=201,
    problems=("duplicate",),
)
def add_location(ctx: Ctx, body: LocationIn) -> Answer:
    """Add a location with its time zone, in which treatment days there are judged."""
    return crud.add(ctx, LOCATION, body)


@router.write(
    "POST",
    "/locations/upsert",
    permission="locations:create locations:update",
    response_model=LocationOut,
    may_create=True,
    problems=("duplicate",),
)
def upsert_location(ctx: Ctx, body: LocationIn) -> Answer:
    """Change the location with one of these identifiers, or add it (201)."""
    return crud.upsert(ctx, LOCATION, body)


@router.read(
    "/locations/{id}",
    permission="locations:read",
    patients=False,
    response_model=LocationOut,
    etag=True,
)
def show_location(ctx: Ctx, id: PathId) -> Answer:
    """Return one location."""
    return crud.one(ctx, LOCATION, id)


@router.write(
    "PATCH",
    "/locations/{id}",
    permission="locations:update",
    response_model=LocationOut,
    problems=("duplicate",),
)
def change_location(ctx: Ctx, id: PathId, body: LocationPatch) -> Answer:
    """Change a location; a new time zone changes no past date."""
    return crud.change(ctx, LOCATION, id, body)
