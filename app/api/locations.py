"""Locations, practitioners and closures: three alike nouns, one set of routes each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import pages
from app.api.pages import PageQuery
from app.api.shapes import Record, Resource, listing, patch, stamps
from app.db.base import Base
from app.db.models import Closure, Location, Practitioner
from app.db.queries import records as rows
from app.edge.fields import Body, Day, Id, PathId, Text, TimeZoneName
from app.edge.preconditions import etag
from app.edge.routing import Door
from app.edge.work import Answer, Work, Working
from app.services import locations, records

router = Door(tag="practice")
Npi = Annotated[str, Field(pattern=r"^[0-9]{10}$")]
Listed = Annotated[PageQuery, FromQuery()]


class LocationIn(Body):
    name: Text
    time_zone: TimeZoneName
    active: bool = True


class LocationPatch(Body):
    name: Text | None = None
    time_zone: TimeZoneName | None = None
    active: bool | None = None


class LocationOut(Resource):
    name: str
    time_zone: str
    active: bool


class PractitionerIn(Body):
    name: Text
    npi: Npi | None = None
    active: bool = True


class PractitionerPatch(Body):
    name: Text | None = None
    npi: Npi | None = None
    active: bool | None = None


class PractitionerOut(Resource):
    name: str
    npi: str | None
    active: bool


class ClosureIn(Body):
    """Closed days, both inclusive; with neither place nor person the whole practice is closed."""

    location_id: Id | None = None
    practitioner_id: Id | None = None
    since: Annotated[Day, Field(alias="from")]
    until: Day
    reason: Text | None = None


class ClosurePatch(Body):
    location_id: Id | None = None
    practitioner_id: Id | None = None
    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    reason: Text | None = None


class ClosureOut(Resource):
    location_id: str | None
    practitioner_id: str | None
    since: Annotated[str, Field(alias="from")]
    until: str
    reason: str | None


_DAYS = {"since": "starts_on", "until": "ends_on"}


def _columns(values: Record) -> Record:
    return {_DAYS.get(name, name): value for name, value in values.items()}


def _shown(record: Record, fields: tuple[str, ...]) -> Record:
    return {name: record[name] for name in ("id", *fields)} | stamps(record)


def _location(record: Record) -> Record:
    return _shown(record, ("name", "time_zone", "active"))


def _practitioner(record: Record) -> Record:
    return _shown(record, ("name", "npi", "active"))


def _closure(record: Record) -> Record:
    days = {"from": record["starts_on"], "until": record["ends_on"]}
    return _shown(record, ("location_id", "practitioner_id", "reason")) | days


def _tagged(record: Record, show: Callable[[Record], Record], path: str | None = None) -> Answer:
    where = f"/v1/{path}/{record['id']}" if path else None
    status = 201 if path else 200
    return Answer(show(record), status, etag(record["version"]), where)


def _page(
    work: Work, query: PageQuery, model: type[Base], show: Callable[[Record], Record]
) -> Answer:
    def fetch(after: str | None, limit: int) -> list[Record]:
        return rows.page(work.db, model, practice_id=work.practice_id, after=after, limit=limit)

    name = model.__tablename__
    return pages.by_id(
        work, query, listing=name, fetch=fetch, show=lambda found: [show(r) for r in found]
    )


def _load(work: Work, model: type[Base], id: str) -> Record:
    return records.load(work.db, model, practice_id=work.practice_id, id=id)


def _change(work: Work, model: type[Base], kind: str, id: str, values: Record) -> Record:
    record = _load(work, model, id)
    work.require_match(etag(record["version"]))
    return records.change(work.db, model, record, values, kind=kind, by=work.by, now=work.now)


@router.read("/locations", may="practice:read", gives=listing(LocationOut))
def list_locations(work: Working, query: Listed) -> Answer:
    """List the practice's locations."""
    return _page(work, query, Location, _location)


@router.write("POST", "/locations", may="practice:write", gives=LocationOut, status=201)
def add_location(work: Working, body: LocationIn) -> Answer:
    """Add a location with its time zone, in which treatment days there are judged."""
    values: dict[str, Any] = body.model_dump()
    made = records.create(work.db, Location, values, kind="location", by=work.by, now=work.now)
    return _tagged(made, _location, "locations")


@router.read("/locations/{id}", may="practice:read", gives=LocationOut, tagged=True)
def show_location(work: Working, id: PathId) -> Answer:
    """Return one location."""
    return _tagged(_load(work, Location, id), _location)


@router.write("PATCH", "/locations/{id}", may="practice:write", gives=LocationOut)
def change_location(work: Working, id: PathId, body: LocationPatch) -> Answer:
    """Change a location; a new time zone changes no past date."""
    values = patch(body, "name", "time_zone", "active")
    return _tagged(_change(work, Location, "location", id, values), _location)


@router.read("/practitioners", may="practice:read", gives=listing(PractitionerOut))
def list_practitioners(work: Working, query: Listed) -> Answer:
    """List the people who give treatments."""
    return _page(work, query, Practitioner, _practitioner)


@router.write("POST", "/practitioners", may="practice:write", gives=PractitionerOut, status=201)
def add_practitioner(work: Working, body: PractitionerIn) -> Answer:
    """Add a practitioner."""
    made = records.create(
        work.db, Practitioner, body.model_dump(), kind="practitioner", by=work.by, now=work.now
    )
    return _tagged(made, _practitioner, "practitioners")


@router.read("/practitioners/{id}", may="practice:read", gives=PractitionerOut, tagged=True)
def show_practitioner(work: Working, id: PathId) -> Answer:
    """Return one practitioner."""
    return _tagged(_load(work, Practitioner, id), _practitioner)


@router.write("PATCH", "/practitioners/{id}", may="practice:write", gives=PractitionerOut)
def change_practitioner(work: Working, id: PathId, body: PractitionerPatch) -> Answer:
    """Change a practitioner."""
    values = patch(body, "name", "active")
    return _tagged(_change(work, Practitioner, "practitioner", id, values), _practitioner)


@router.read("/closures", may="practice:read", gives=listing(ClosureOut))
def list_closures(work: Working, query: Listed) -> Answer:
    """List closed days."""
    return _page(work, query, Closure, _closure)


@router.write("POST", "/closures", may="practice:write", gives=ClosureOut, status=201)
def add_closure(work: Working, body: ClosureIn) -> Answer:
    """Add closed days; suggested bookings then fall on the first open day after them."""
    values = _columns(body.model_dump())
    made = locations.close(work.db, values=values, by=work.by, now=work.now)
    return _tagged(made, _closure, "closures")


@router.read("/closures/{id}", may="practice:read", gives=ClosureOut, tagged=True)
def show_closure(work: Working, id: PathId) -> Answer:
    """Return one closure."""
    return _tagged(_load(work, Closure, id), _closure)


@router.write("PATCH", "/closures/{id}", may="practice:write", gives=ClosureOut)
def change_closure(work: Working, id: PathId, body: ClosurePatch) -> Answer:
    """Change closed days."""
    closure = _load(work, Closure, id)
    work.require_match(etag(closure["version"]))
    values = _columns(patch(body, "since", "until"))
    changed = locations.change_closure(
        work.db, closure=closure, values=values, by=work.by, now=work.now
    )
    return _tagged(changed, _closure)
