"""Practitioners: the people who give treatments."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import crud
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import IdentifierOut, Identifiers, Resource, example, listing
from app.db.models import Practitioner
from app.edge.input.fields import Body, PathId, Text
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter

router = ResourceRouter(tag="practice")
Npi = Annotated[str, Field(pattern=r"^[0-9]{10}$")]
PRACTITIONER = ResourceSpec(
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
    "/practitioners",
    permission="practitioners:search",
    patients=False,
    response_model=listing(PractitionerOut),
)
def list_practitioners(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the people who give treatments."""
    return crud.page(ctx, PRACTITIONER, query)


@router.write(
    "POST",
    "/practitioners",
    permission="practitioners:create",
    response_model=PractitionerOut,
    status=201,
    problems=("duplicate",),
)
def add_practitioner(ctx: Ctx, body: PractitionerIn) -> Answer:
    """Add a practitioner."""
    return crud.add(ctx, PRACTITIONER, body)


@router.write(
    "POST",
    "/practitioners/upsert",
    permission="practitioners:create practitioners:update",
    response_model=PractitionerOut,
    may_create=True,
    problems=("duplicate",),
)
def upsert_practitioner(ctx: Ctx, body: PractitionerIn) -> Answer:
    """Change the practitioner with one of these identifiers, or add one (201)."""
    return crud.upsert(ctx, PRACTITIONER, body)


@router.read(
    "/practitioners/{id}",
    permission="practitioners:read",
    patients=False,
    response_model=PractitionerOut,
    etag=True,
)
def show_practitioner(ctx: Ctx, id: PathId) -> Answer:
    """Return one practitioner."""
    return crud.one(ctx, PRACTITIONER, id)


@router.write(
    "PATCH",
    "/practitioners/{id}",
    permission="practitioners:update",
    response_model=PractitionerOut,
    problems=("duplicate",),
)
def change_practitioner(ctx: Ctx, id: PathId, body: PractitionerPatch) -> Answer:
    """Change a practitioner."""
    return crud.change(ctx, PRACTITIONER, id, body)
