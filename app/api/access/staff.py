"""Staff: who works for the practice and in which roles, and what a role may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import crud
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import (
    IdentifierOut,
    Identifiers,
    Resource,
    Shape,
    changes_of,
    example,
    listing,
    pairs,
    some_of,
    values_of,
)
from app.db.models import Staff
from app.db.rows.access import StaffRow, StaffValues
from app.domain.access import access
from app.edge.input.fields import Body, Id, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.access import staff

router = ResourceRouter(tag="access")
Email = Annotated[str, Field(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,120}$")]
Roles = Annotated[list[str], some_of(access.ROLES)]
STAFF = ResourceSpec(
    Staff,
    "staff",
    "staff",
    ("name", "roles", "email", "practitioner_id", "active"),
    ("name", "roles"),
)


class StaffIn(Body):
    model_config = example({"name": "Kim Lund", "roles": ["front_desk"]})

    name: Text
    roles: Roles
    email: Email | None = None
    practitioner_id: Id | None = None
    identifiers: Identifiers | None = None


class StaffPatch(Body):
    """`practitioner_id` says which of those who give treatments this is."""

    name: Text | None = None
    roles: Roles | None = None
    email: Email | None = None
    practitioner_id: Id | None = None
    identifiers: Identifiers | None = None


class StaffOut(Resource):
    name: str
    roles: list[str]
    email: str | None
    practitioner_id: str | None
    active: bool
    identifiers: list[IdentifierOut]


class RoleOut(Shape):
    name: str
    permissions: list[str]


@router.read("/roles", permission="staff:search", patients=False, response_model=listing(RoleOut))
def list_roles(ctx: Ctx) -> Answer:
    """List the roles with what each of them may do."""
    items = [
        {"name": role, "permissions": sorted(permissions)}
        for role, permissions in access.ROLES.items()
    ]
    return Answer({"items": items, "next_cursor": None})


@router.read("/staff", permission="staff:search", patients=False, response_model=listing(StaffOut))
def list_staff(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the people who work for the practice, inactive ones too."""
    return crud.page(ctx, STAFF, query)


@router.write(
    "POST",
    "/staff",
    permission="staff:create",
    response_model=StaffOut,
    status=201,
    problems=("duplicate",),
)
def add_staff(ctx: Ctx, body: StaffIn) -> Answer:
    """Add a member of staff, with roles that the caller may hand on."""
    made = staff.add(
        ctx.db,
        values=values_of(body, StaffValues),
        identified=pairs(body.identifiers),
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, STAFF, made, created=True)


@router.read(
    "/staff/{id}", permission="staff:read", patients=False, response_model=StaffOut, etag=True
)
def show_staff(ctx: Ctx, id: PathId) -> Answer:
    """Return one member of staff."""
    return crud.one(ctx, STAFF, id)


@router.write(
    "PATCH",
    "/staff/{id}",
    permission="staff:update",
    response_model=StaffOut,
    problems=("duplicate", "last-administrator"),
)
def change_staff(ctx: Ctx, id: PathId, body: StaffPatch) -> Answer:
    """Change a member of staff; other roles apply within 60 seconds everywhere."""
    member = _load(ctx, id)
    ctx.require_match(etag(member["version"]))
    values = changes_of(body, StaffValues, *STAFF.required)
    named = None if body.identifiers is None else pairs(body.identifiers)
    changed = staff.change(
        ctx.db,
        member=member,
        values=values,
        identified=named,
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return _changed(ctx, changed)


@router.write(
    "POST",
    "/staff/{id}/deactivate",
    permission="staff:update",
    response_model=StaffOut,
    problems=("last-administrator",),
)
def deactivate(ctx: Ctx, id: PathId) -> Answer:
    """End a member's access: their keys are refused within 60 seconds everywhere."""
    member = _load(ctx, id)
    changed = staff.deactivate(
        ctx.db, member=member, giver=ctx.caller.giver, by=ctx.by, now=ctx.now
    )
    return _changed(ctx, changed)


@router.write("POST", "/staff/{id}/reactivate", permission="staff:update", response_model=StaffOut)
def reactivate(ctx: Ctx, id: PathId) -> Answer:
    """Give a member their access back, with the roles and keys they had."""
    member = _load(ctx, id)
    changed = staff.reactivate(
        ctx.db, member=member, giver=ctx.caller.giver, by=ctx.by, now=ctx.now
    )
    return _changed(ctx, changed)


def _load(ctx: RequestContext, id: str) -> StaffRow:
    return records.load(ctx.db, Staff, practice_id=ctx.practice_id, id=id)


def _changed(ctx: RequestContext, member: StaffRow) -> Answer:
    # What this worker remembers of keys holds the roles of whoever they act as.
    ctx.forget_callers()
    return crud.answer(ctx, STAFF, member)
