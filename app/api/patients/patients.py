"""Patients."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Query as FromQuery

from app.api import pages
from app.api.pages import PageQuery
from app.api.shapes import (
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    example,
    listing,
    pairs,
    patch,
    stamps,
)
from app.db.models import Patient
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.patients import patients as rows
from app.edge.input.fields import Body, Code, Day, Mrn, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services import records
from app.services.patients import patients
from app.services.practice import practices

router = Door(tag="patients")
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
    limit: pages.BodyLimit = 50
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


def _shown(patients_found: list[Record], work: Work) -> list[Record]:
    ids = [p["id"] for p in patients_found]
    work.saw(*ids)
    named = identifier_rows.of(work.db, practice_id=work.practice_id, kind=patients.KIND, ids=ids)
    return [
        {name: p[name] for name in _FIELDS}
        | {"merged_into": None, "identifiers": named.get(p["id"], [])}
        | stamps(p)
        for p in patients_found
    ]


def _answer(work: Work, patient: Record, *, created: bool = False) -> Answer:
    where = f"/v1/patients/{patient['id']}" if created else None
    status = 201 if created else 200
    return Answer(_shown([patient], work)[0], status, etag(patient["version"]), where)


def _listed(work: Work, query: PatientQuery) -> Answer:
    key = practices.load(work.db, practice_id=work.practice_id)["cursor_key"]
    cursor = pages.begin(query, key, listing="patients")
    after = (str(cursor.position[0]), str(cursor.position[1])) if cursor else None
    found = rows.page(
        work.db,
        practice_id=work.practice_id,
        q=query.q,
        mrn_key=patients.mrn_key(query.mrn) if query.mrn else None,
        birth_date=query.birth_date,
        after=after,
        limit=query.limit + 1,
    )
    items = found[: query.limit]
    position = (items[-1]["family_key"], items[-1]["id"]) if len(found) > query.limit else None
    return pages.page(work, query, _shown(items, work), position, key=key, listing="patients")


@router.read("/patients", may="patients:search", gives=listing(PatientOut))
def list_patients(work: Working, query: Annotated[PatientQuery, FromQuery()]) -> Answer:
    """List patients by family name; `q` looks in names and MRN."""
    return _listed(work, query)


@router.search("/patients/search", may="patients:search", gives=listing(PatientOut))
def search(work: Working, body: PatientSearch) -> Answer:
    """List patients by filters in the body, so that no address holds a name."""
    return _listed(work, PatientQuery.model_construct(**body.__dict__))


@router.write(
    "POST", "/patients", may="patients:create", gives=PatientOut, status=201, can=("duplicate",)
)
def register(work: Working, body: PatientIn) -> Answer:
    """Register a patient; MRNs are unique in a practice, whatever their case."""
    values = body.model_dump(exclude={"identifiers"})
    made = patients.register(
        work.db, values=values, identified=pairs(body.identifiers), by=work.by, now=work.now
    )
    return _answer(work, made, created=True)


@router.write(
    "POST",
    "/patients/upsert",
    may="patients:create patients:update",
    gives=PatientOut,
    may_create=True,
    can=("duplicate",),
)
def upsert(work: Working, body: PatientIn) -> Answer:
    """Update the patient with one of these identifiers or this MRN; register a new one (201)."""
    values = body.model_dump(exclude={"identifiers"}, exclude_unset=True)
    patient, new = patients.upsert(
        work.db, values=values, identified=pairs(body.identifiers), by=work.by, now=work.now
    )
    return _answer(work, patient, created=new)


@router.read("/patients/{id}", may="patients:read", gives=PatientOut, tagged=True)
def show(work: Working, id: PathId) -> Answer:
    """Return one patient."""
    return _answer(work, _load(work, id))


@router.write(
    "PATCH", "/patients/{id}", may="patients:update", gives=PatientOut, can=("duplicate",)
)
def change(work: Working, id: PathId, body: PatientPatch) -> Answer:
    """Change a patient's particulars; `identifiers` replaces them all."""
    patient = _load(work, id)
    work.require_match(etag(patient["version"]))
    values = patch(body, "mrn", "family_name", "given_name", "birth_date", "active", "identifiers")
    identified = pairs(body.identifiers) if "identifiers" in values else None
    values.pop("identifiers", None)
    changed = patients.change(
        work.db, patient=patient, values=values, identified=identified, by=work.by, now=work.now
    )
    return _answer(work, changed)


@router.write(
    "POST",
    "/patients/{id}/deceased",
    may="patients:update",
    gives=PatientOut,
    can=("wrong-state",),
)
def deceased(work: Working, id: PathId, body: DeceasedIn) -> Answer:
    """Note a patient's death: all courses close and all bookings are cancelled with it."""
    patient = patients.deceased(
        work.db,
        patient_id=id,
        on=body.on,
        time_zone=work.caller.time_zone,
        by=work.by,
        now=work.now,
    )
    return _answer(work, patient)


def _load(work: Work, id: str) -> Record:
    return records.load(work.db, Patient, practice_id=work.practice_id, id=id)
