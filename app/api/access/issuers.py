"""Issuers: outside services whose tokens are taken, and whom their subjects act as."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import crud, lists
from app.api.access.clients import Scopes
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import Record, Resource, changes_of, example, listing, values_of
from app.db.models import Issuer, IssuerSubject
from app.db.queries.access import tokens as subject_rows
from app.db.rows.access import IssuerRow, IssuerSubjectRow, IssuerSubjectValues, IssuerValues
from app.domain.errors import Invalid
from app.edge.input.fields import Body, Id, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.access import issuers

router = ResourceRouter(tag="tokens")
Algorithm = Literal["RS256", "RS384", "PS256", "ES256", "ES384"]
Algorithms = Annotated[list[Algorithm], Field(min_length=1, max_length=5)]
# What a token claims is compared letter by letter, and has an upper limit there.
Claimed = Annotated[Text, Field(max_length=255)]
ISSUER = ResourceSpec(
    Issuer,
    issuers.KIND,
    "issuers",
    ("name", "url", "audience", "jwks_url", "algorithms", "form", "active"),
    ("name", "jwks_url", "algorithms", "form", "active"),
    identified=False,
)
SUBJECT = ResourceSpec(
    IssuerSubject,
    issuers.SUBJECT,
    "subjects",
    ("issuer_id", "subject", "name", "staff_id", "scopes", "fhir_user", "active"),
    ("name", "active"),
    identified=False,
)


class IssuerIn(Body):
    model_config = example(
        {
            "name": "Hospital sign-in",
            "url": "https://login.example.org/realms/clinic",
            "audience": "https://twelveweeks.example.org",
            "jwks_url": "https://login.example.org/realms/clinic/certs",
            "algorithms": ["RS256"],
        }
    )

    name: Text
    url: Claimed
    audience: Claimed
    jwks_url: Text
    algorithms: Algorithms
    form: Literal["at+jwt", "jwt"] = "at+jwt"


class IssuerPatch(Body):
    name: Text | None = None
    jwks_url: Text | None = None
    algorithms: Algorithms | None = None
    form: Literal["at+jwt", "jwt"] | None = None
    active: bool | None = None


class IssuerOut(Resource):
    name: str
    url: str
    audience: str
    jwks_url: str
    algorithms: list[str]
    form: str
    active: bool


class SubjectIn(Body):
    model_config = example(
        {
            "subject": "f3b1c2d4",
            "name": "Dr. A. Okafor",
            "staff_id": "018f2f64-5c3a-7b1e-9d2f-0123456789ab",
        }
    )

    subject: Claimed
    name: Text
    staff_id: Id | None = None
    scopes: Scopes | None = None
    fhir_user: Text | None = None


class SubjectPatch(Body):
    name: Text | None = None
    staff_id: Id | None = None
    scopes: Scopes | None = None
    fhir_user: Text | None = None
    active: bool | None = None


class SubjectOut(Resource):
    issuer_id: str
    subject: str
    name: str
    staff_id: str | None
    scopes: list[str] | None
    fhir_user: str | None
    active: bool


@router.read(
    "/issuers", permission="issuers:search", patients=False, response_model=listing(IssuerOut)
)
def list_issuers(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the issuers, inactive ones too."""
    return crud.page(ctx, ISSUER, query)


@router.write("POST", "/issuers", permission="issuers:create", response_model=IssuerOut, status=201)
def add_issuer(ctx: Ctx, body: IssuerIn) -> Answer:
    """Accept the tokens of an issuer for one audience, which then belongs to this practice."""
    own = ctx.app_context.public_url
    if own is not None and body.url == own:
        raise Invalid(("/url", "is this service's own address: name the issuer's"))
    made = issuers.register(
        ctx.db,
        values_of(body, IssuerValues),
        allowed=ctx.app_context.allowed_hosts,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, ISSUER, made, created=True)


@router.read(
    "/issuers/{id}", permission="issuers:read", patients=False, response_model=IssuerOut, etag=True
)
def show_issuer(ctx: Ctx, id: PathId) -> Answer:
    """Return one issuer."""
    return crud.one(ctx, ISSUER, id)


@router.write("PATCH", "/issuers/{id}", permission="issuers:update", response_model=IssuerOut)
def change_issuer(ctx: Ctx, id: PathId, body: IssuerPatch) -> Answer:
    """Change an issuer; the tokens of one that is not active are refused within 60 seconds."""
    issuer = _issuer(ctx, id)
    ctx.require_match(etag(issuer["version"]))
    changed = issuers.change(
        ctx.db,
        issuer=issuer,
        values=changes_of(body, IssuerValues, *ISSUER.required),
        allowed=ctx.app_context.allowed_hosts,
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, ISSUER, changed)


@router.read(
    "/issuers/{id}/subjects",
    permission="issuers:search",
    patients=False,
    response_model=listing(SubjectOut),
)
def list_subjects(ctx: Ctx, id: PathId, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List whom the issuer's subjects act as."""
    _issuer(ctx, id)

    def fetch(after: str | None, limit: int) -> list[IssuerSubjectRow]:
        return subject_rows.subjects(
            ctx.db, practice_id=ctx.practice_id, issuer_id=id, after=after, limit=limit
        )

    def show(subjects: list[IssuerSubjectRow]) -> list[Record]:
        return crud.shown(ctx, SUBJECT, subjects)

    return lists.by_id(ctx, query, listing=f"issuers/{id}", fetch=fetch, show=show)


@router.write(
    "POST",
    "/issuers/{id}/subjects",
    permission="issuers:create",
    response_model=SubjectOut,
    status=201,
    problems=("duplicate",),
)
def add_subject(ctx: Ctx, id: PathId, body: SubjectIn) -> Answer:
    """Say whom a subject acts as: a member of staff, or a system with scopes."""
    made = issuers.add_subject(
        ctx.db,
        issuer=_issuer(ctx, id),
        values=values_of(body, IssuerSubjectValues),
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, SUBJECT, made, created=True)


@router.read(
    "/subjects/{id}",
    permission="issuers:read",
    patients=False,
    response_model=SubjectOut,
    etag=True,
)
def show_subject(ctx: Ctx, id: PathId) -> Answer:
    """Return one subject."""
    return crud.one(ctx, SUBJECT, id)


@router.write("PATCH", "/subjects/{id}", permission="issuers:update", response_model=SubjectOut)
def change_subject(ctx: Ctx, id: PathId, body: SubjectPatch) -> Answer:
    """Change whom a subject acts as; one that is not active is refused within 60 seconds."""
    subject = records.load(ctx.db, IssuerSubject, practice_id=ctx.practice_id, id=id)
    ctx.require_match(etag(subject["version"]))
    changed = issuers.change_subject(
        ctx.db,
        subject=subject,
        values=changes_of(body, IssuerSubjectValues, *SUBJECT.required),
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, SUBJECT, changed)


def _issuer(ctx: RequestContext, id: str) -> IssuerRow:
    return records.load(ctx.db, Issuer, practice_id=ctx.practice_id, id=id)
