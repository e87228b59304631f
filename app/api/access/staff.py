"""Staff: who works for the practice and in which roles, and what a role may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import plain
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import (
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    Shape,
    example,
    listing,
    pairs,
    patch,
    some_of,
)
from app.db.models import Staff
from app.domain.access import access
from app.edge.input.fields import Body, Id, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services import records
from app.services.access import staff

router = Door(tag="access")
Email = Annotated[str, Field(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,120}$")]
Roles = Annotated[list[str], some_of(access.ROLES)]
STAFF = Noun(
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


@router.read("/roles", may="staff:search", patients=False, gives=listing(RoleOut))
def list_roles(work: Working) -> Answer:
    """List the roles with what each of them may do."""
    items = [
        {"name": role, "permissions": sorted(permissions)}
        for role, permissions in access.ROLES.items()
    ]
    return Answer({"items": items, "next_cursor": None})


@router.read("/staff", may="staff:search", patients=False, gives=listing(StaffOut))
def list_staff(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the people who work for the practice, inactive ones too."""
    return plain.page(work, STAFF, query)


@router.write("POST", "/staff", may="staff:create", gives=StaffOut, status=201, can=("duplicate",))
def add_staff(work: Working, body: StaffIn) -> Answer:
    """Add a member of staff, with roles that the caller may hand on."""
    made = staff.add(
        work.db,
        values=body.model_dump(exclude={"identifiers"}),
        identified=pairs(body.identifiers),
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, STAFF, made, created=True)


@router.read("/staff/{id}", may="staff:read", patients=False, gives=StaffOut, tagged=True)
def show_staff(work: Working, id: PathId) -> Answer:
    """Return one member of staff."""
    return plain.one(work, STAFF, id)


@router.write(
    "PATCH",
    "/staff/{id}",
    may="staff:update",
    gives=StaffOut,
    can=("duplicate", "last-administrator"),
)
def change_staff(work: Working, id: PathId, body: StaffPatch) -> Answer:
    """Change a member of staff; other roles apply within 60 seconds everywhere."""
    member = _load(work, id)
    work.require_match(etag(member["version"]))
    values = patch(body, *STAFF.required, "identifiers")
    named = pairs(body.identifiers) if values.pop("identifiers", None) is not None else None
    changed = staff.change(
        work.db,
        member=member,
        values=values,
        identified=named,
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return _changed(work, changed)


@router.write(
    "POST",
    "/staff/{id}/deactivate",
    may="staff:update",
    gives=StaffOut,
    can=("last-administrator",),
)
def deactivate(work: Working, id: PathId) -> Answer:
    """End a member's access: their keys are refused within 60 seconds everywhere."""
    member = _load(work, id)
    changed = staff.deactivate(
        work.db, member=member, giver=work.caller.giver, by=work.by, now=work.now
    )
    return _changed(work, changed)


@router.write("POST", "/staff/{id}/reactivate", may="staff:update", gives=StaffOut)
def reactivate(work: Working, id: PathId) -> Answer:
    """Give a member their access back, with the roles and keys they had."""
    member = _load(work, id)
    changed = staff.reactivate(
        work.db, member=member, giver=work.caller.giver, by=work.by, now=work.now
    )
    return _changed(work, changed)


def _load(work: Work, id: str) -> Record:
    return records.load(work.db, Staff, practice_id=work.practice_id, id=id)


def _changed(work: Work, member: Record) -> Answer:
    # What this worker remembers of keys holds the roles of whoever they act as.
    work.forget_callers()
    return plain.answer(work, STAFF, member)
