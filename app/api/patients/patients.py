"""Patients."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Query as FromQuery

from app.api import lists
from app.api.lists import PageQuery
from app.api.shapes import (
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    changes_of,
    example,
    listing,
    pairs,
    stamps,
    values_of,
)
from app.db.models import Patient
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.patients import patients as rows
from app.db.rows.base import picked
from app.db.rows.patients import PatientRow, PatientValues
from app.edge.input.fields import Body, Code, Day, Mrn, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.patients import patients
from app.services.practice import practices

router = ResourceRouter(tag="patients")
Sex = Literal["female", "male", "other", "unknown"]


class PatientIn(Body):
    model_config = example(
        {"mrn": "A-1042", "family_name": "Larsen", "given_name": "Mia", "birth_date": "1984-03-09"}
    )

    mrn: Mrn
    family_name: Text
    given_name: Text
    birth_date: Day
    sex: Sex | None = None
    phone: Text | None = None
    email: Text | None = None
    language: Code | None = None
    active: bool = True
    identifiers: Identifiers | None = None


class PatientPatch(Body):
    mrn: Mrn | None = None
    family_name: Text | None = None
    given_name: Text | None = None
    birth_date: Day | None = None
    sex: Sex | None = None
    phone: Text | None = None
    email: Text | None = None
    language: Code | None = None
    active: bool | None = None
    identifiers: Identifiers | None = None


class DeceasedIn(Body):
    model_config = example({"on": "2026-03-01"})

    on: Day


class PatientOut(Resource):
    mrn: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str | None
    phone: str | None
    email: str | None
    language: str | None
    active: bool
    deceased_on: date | None
    merged_into: str | None
    identifiers: list[IdentifierOut]


class PatientSearch(Body):
    """The list's filters in a body, where no address or log can show them."""

    model_config = example({"q": "larsen"})

    q: Text | None = None
    mrn: Mrn | None = None
    birth_date: Day | None = None
    limit: lists.BodyLimit = 50
    cursor: str | None = None


class PatientQuery(PageQuery):
    q: Text | None = None
    mrn: Mrn | None = None
    birth_date: Day | None = None


_FIELDS = (
    "id",
    "mrn",
    "family_name",
    "given_name",
    "birth_date",
    "sex",
    "phone",
    "email",
    "language",
    "active",
    "deceased_on",
)


def _shown(patients_found: list[PatientRow], ctx: RequestContext) -> list[Record]:
    ids = [p["id"] for p in patients_found]
    ctx.saw(*ids)
    named = identifier_rows.of(ctx.db, practice_id=ctx.practice_id, kind=patients.KIND, ids=ids)
    return [
        picked(p, _FIELDS)
        | {"merged_into": None, "identifiers": named.get(p["id"], [])}
        | stamps(p)
        for p in patients_found
    ]


def _answer(ctx: RequestContext, patient: PatientRow, *, created: bool = False) -> Answer:
    where = f"/v1/patients/{patient['id']}" if created else None
    status = 201 if created else 200
    return Answer(_shown([patient], ctx)[0], status, etag(patient["version"]), where)


def _listed(ctx: RequestContext, query: PatientQuery) -> Answer:
    key = practices.load(ctx.db, practice_id=ctx.practice_id)["cursor_key"]
    cursor = lists.begin(query, key, listing="patients")
    after = (str(cursor.position[0]), str(cursor.position[1])) if cursor else None
    page = rows.page(
        ctx.db,
        practice_id=ctx.practice_id,
        q=query.q,
        mrn_key=patients.mrn_key(query.mrn) if query.mrn else None,
        birth_date=query.birth_date,
        after=after,
        limit=query.limit + 1,
    )
    items = page[: query.limit]
    position = (items[-1]["family_key"], items[-1]["id"]) if len(page) > query.limit else None
    return lists.page(ctx, query, _shown(items, ctx), position, key=key, listing="patients")


@router.read("/patients", permission="patients:search", response_model=listing(PatientOut))
def list_patients(ctx: Ctx, query: Annotated[PatientQuery, FromQuery()]) -> Answer:
    """List patients by family name; `q` looks in names and MRN."""
    return _listed(ctx, query)


@router.search("/patients/search", permission="patients:search", response_model=listing(PatientOut))
def search(ctx: Ctx, body: PatientSearch) -> Answer:
    """List patients by filters in the body, so that no address holds a name."""
    return _listed(ctx, PatientQuery.model_construct(**body.__dict__))


@router.write(
    "POST",
    "/patients",
    permission="patients:create",
    response_model=PatientOut,
    status=201,
    problems=("duplicate",),
)
def register(ctx: Ctx, body: PatientIn) -> Answer:
    """Register a patient; MRNs are unique in a practice, whatever their case."""
    values = values_of(body, PatientValues)
    made = patients.register(
        ctx.db, values=values, identified=pairs(body.identifiers), by=ctx.by, now=ctx.now
    )
    return _answer(ctx, made, created=True)


@router.write(
    "POST",
    "/patients/upsert",
    permission="patients:create patients:update",
    response_model=PatientOut,
    may_create=True,
    problems=("duplicate",),
)
def upsert(ctx: Ctx, body: PatientIn) -> Answer:
    """Update the patient with one of these identifiers or this MRN; register a new one (201)."""
    values = values_of(body, PatientValues, sent=True)
    patient, new = patients.upsert(
        ctx.db, values=values, identified=pairs(body.identifiers), by=ctx.by, now=ctx.now
    )
    return _answer(ctx, patient, created=new)


@router.read("/patients/{id}", permission="patients:read", response_model=PatientOut, etag=True)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one patient."""
    return _answer(ctx, _load(ctx, id))


@router.write(
    "PATCH",
    "/patients/{id}",
    permission="patients:update",
    response_model=PatientOut,
    problems=("duplicate",),
)
def change(ctx: Ctx, id: PathId, body: PatientPatch) -> Answer:
    """Change a patient's details; `identifiers` replaces them all."""
    patient = _load(ctx, id)
    ctx.require_match(etag(patient["version"]))
    required = ("mrn", "family_name", "given_name", "birth_date", "active")
    values = changes_of(body, PatientValues, *required)
    identified = None if body.identifiers is None else pairs(body.identifiers)
    changed = patients.change(
        ctx.db, patient=patient, values=values, identified=identified, by=ctx.by, now=ctx.now
    )
    return _answer(ctx, changed)


@router.write(
    "POST",
    "/patients/{id}/deceased",
    permission="patients:update",
    response_model=PatientOut,
    problems=("wrong-state",),
)
def deceased(ctx: Ctx, id: PathId, body: DeceasedIn) -> Answer:
    """Record a patient's death: all courses close and all bookings are cancelled with it."""
    patient = patients.deceased(
        ctx.db,
        patient_id=id,
        on=body.on,
        time_zone=ctx.caller.time_zone,
        by=ctx.by,
        now=ctx.now,
    )
    return _answer(ctx, patient)


def _load(ctx: RequestContext, id: str) -> PatientRow:
    return records.load(ctx.db, Patient, practice_id=ctx.practice_id, id=id)
