"""Issuers: outside services whose tokens are taken, and whom their subjects act as."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import pages, plain
from app.api.access.clients import Scopes
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import Record, Resource, example, listing, patch
from app.db.models import Issuer, IssuerSubject
from app.db.queries.access import tokens as subject_rows
from app.domain.errors import Invalid
from app.edge.input.fields import Body, Id, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services import records
from app.services.access import issuers

router = Door(tag="tokens")
Algorithm = Literal["RS256", "RS384", "PS256", "ES256", "ES384"]
Algorithms = Annotated[list[Algorithm], Field(min_length=1, max_length=5)]
# What a token claims is compared letter by letter, and has an upper limit there.
Claimed = Annotated[Text, Field(max_length=255)]
ISSUER = Noun(
    Issuer,
    issuers.KIND,
    "issuers",
    ("name", "url", "audience", "jwks_url", "algorithms", "form", "active"),
    ("name", "jwks_url", "algorithms", "form", "active"),
    identified=False,
)
SUBJECT = Noun(
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


@router.read("/issuers", may="issuers:search", patients=False, gives=listing(IssuerOut))
def list_issuers(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the issuers, inactive ones too."""
    return plain.page(work, ISSUER, query)


@router.write("POST", "/issuers", may="issuers:create", gives=IssuerOut, status=201)
def add_issuer(work: Working, body: IssuerIn) -> Answer:
    """Take the tokens of an issuer that are for one audience, which becomes this practice's."""
    own = work.surroundings.public_url
    if own is not None and body.url == own:
        raise Invalid(("/url", "is this service itself"))
    made = issuers.register(
        work.db,
        body.model_dump(),
        allowed=work.surroundings.allowed_hosts,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, ISSUER, made, created=True)


@router.read("/issuers/{id}", may="issuers:read", patients=False, gives=IssuerOut, tagged=True)
def show_issuer(work: Working, id: PathId) -> Answer:
    """Return one issuer."""
    return plain.one(work, ISSUER, id)


@router.write("PATCH", "/issuers/{id}", may="issuers:update", gives=IssuerOut)
def change_issuer(work: Working, id: PathId, body: IssuerPatch) -> Answer:
    """Change an issuer; the tokens of one that is not active are refused within 60 seconds."""
    issuer = _issuer(work, id)
    work.require_match(etag(issuer["version"]))
    changed = issuers.change(
        work.db,
        issuer=issuer,
        values=patch(body, *ISSUER.required),
        allowed=work.surroundings.allowed_hosts,
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, ISSUER, changed)


@router.read(
    "/issuers/{id}/subjects", may="issuers:search", patients=False, gives=listing(SubjectOut)
)
def list_subjects(work: Working, id: PathId, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List whom the issuer's subjects act as."""
    _issuer(work, id)

    def fetch(after: str | None, limit: int) -> list[Record]:
        return subject_rows.subjects(
            work.db, practice_id=work.practice_id, issuer_id=id, after=after, limit=limit
        )

    def show(found: list[Record]) -> list[Record]:
        return plain.shown(work, SUBJECT, found)

    return pages.by_id(work, query, listing=f"issuers/{id}", fetch=fetch, show=show)


@router.write(
    "POST",
    "/issuers/{id}/subjects",
    may="issuers:create",
    gives=SubjectOut,
    status=201,
    can=("duplicate",),
)
def add_subject(work: Working, id: PathId, body: SubjectIn) -> Answer:
    """Say whom a subject acts as: a member of staff, or a system with scopes."""
    made = issuers.add_subject(
        work.db,
        issuer=_issuer(work, id),
        values=body.model_dump(),
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, SUBJECT, made, created=True)


@router.read(
    "/subjects/{id}",
    may="issuers:read",
    patients=False,
    gives=SubjectOut,
    tagged=True,
)
def show_subject(work: Working, id: PathId) -> Answer:
    """Return one subject."""
    return plain.one(work, SUBJECT, id)


@router.write("PATCH", "/subjects/{id}", may="issuers:update", gives=SubjectOut)
def change_subject(work: Working, id: PathId, body: SubjectPatch) -> Answer:
    """Change whom a subject acts as; one that is not active is refused within 60 seconds."""
    subject = records.load(work.db, IssuerSubject, practice_id=work.practice_id, id=id)
    work.require_match(etag(subject["version"]))
    changed = issuers.change_subject(
        work.db,
        subject=subject,
        values=patch(body, *SUBJECT.required),
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, SUBJECT, changed)


def _issuer(work: Work, id: str) -> Record:
    return records.load(work.db, Issuer, practice_id=work.practice_id, id=id)
