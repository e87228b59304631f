"""Locations: where treatment happens, each with the time zone its days are judged in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery

from app.api import plain
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import IdentifierOut, Identifiers, Resource, example, listing
from app.db.models import Location
from app.edge.input.fields import Body, PathId, Text, TimeZoneName
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Working

router = Door(tag="practice")
LOCATION = Noun(
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


@router.read("/locations", may="locations:search", patients=False, gives=listing(LocationOut))
def list_locations(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the practice's locations."""
    return plain.page(work, LOCATION, query)


@router.write(
    "POST", "/locations", may="locations:create", gives=LocationOut, status=201, can=("duplicate",)
)
def add_location(work: Working, body: LocationIn) -> Answer:
    """Add a location with its time zone, in which treatment days there are judged."""
    return plain.add(work, LOCATION, body)


@router.write(
    "POST",
    "/locations/upsert",
    may="locations:create locations:update",
    gives=LocationOut,
    may_create=True,
    can=("duplicate",),
)
def upsert_location(work: Working, body: LocationIn) -> Answer:
    """Change the location with one of these identifiers, or add it (201)."""
    return plain.upsert(work, LOCATION, body)


@router.read(
    "/locations/{id}", may="locations:read", patients=False, gives=LocationOut, tagged=True
)
def show_location(work: Working, id: PathId) -> Answer:
    """Return one location."""
    return plain.one(work, LOCATION, id)


@router.write(
    "PATCH", "/locations/{id}", may="locations:update", gives=LocationOut, can=("duplicate",)
)
def change_location(work: Working, id: PathId, body: LocationPatch) -> Answer:
    """Change a location; a new time zone changes no past date."""
    return plain.change(work, LOCATION, id, body)
