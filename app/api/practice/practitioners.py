"""Practitioners: the people who give treatments."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import plain
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import IdentifierOut, Identifiers, Resource, example, listing
from app.db.models import Practitioner
from app.edge.input.fields import Body, PathId, Text
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Working

router = Door(tag="practice")
Npi = Annotated[str, Field(pattern=r"^[0-9]{10}$")]
PRACTITIONER = Noun(
    Practitioner, "practitioner", "practitioners", ("name", "npi", "active"), ("name", "active")
)


class PractitionerIn(Body):
    model_config = example({"name": "Dr. A. Okafor"})

    name: Text
    npi: Npi | None = None
    active: bool = True
    identifiers: Identifiers | None = None


class PractitionerPatch(Body):
    name: Text | None = None
    npi: Npi | None = None
    active: bool | None = None
    identifiers: Identifiers | None = None


class PractitionerOut(Resource):
    name: str
    npi: str | None
    active: bool
    identifiers: list[IdentifierOut]


@router.read(
    "/practitioners", may="practitioners:search", patients=False, gives=listing(PractitionerOut)
)
def list_practitioners(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the people who give treatments."""
    return plain.page(work, PRACTITIONER, query)


@router.write(
    "POST",
    "/practitioners",
    may="practitioners:create",
    gives=PractitionerOut,
    status=201,
    can=("duplicate",),
)
def add_practitioner(work: Working, body: PractitionerIn) -> Answer:
    """Add a practitioner."""
    return plain.add(work, PRACTITIONER, body)


@router.write(
    "POST",
    "/practitioners/upsert",
    may="practitioners:create practitioners:update",
    gives=PractitionerOut,
    may_create=True,
    can=("duplicate",),
)
def upsert_practitioner(work: Working, body: PractitionerIn) -> Answer:
    """Change the practitioner with one of these identifiers, or add one (201)."""
    return plain.upsert(work, PRACTITIONER, body)


@router.read(
    "/practitioners/{id}",
    may="practitioners:read",
    patients=False,
    gives=PractitionerOut,
    tagged=True,
)
def show_practitioner(work: Working, id: PathId) -> Answer:
    """Return one practitioner."""
    return plain.one(work, PRACTITIONER, id)


@router.write(
    "PATCH",
    "/practitioners/{id}",
    may="practitioners:update",
    gives=PractitionerOut,
    can=("duplicate",),
)
def change_practitioner(work: Working, id: PathId, body: PractitionerPatch) -> Answer:
    """Change a practitioner."""
    return plain.change(work, PRACTITIONER, id, body)
