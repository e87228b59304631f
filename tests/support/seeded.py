"""A clinic with one of everything, and for every operation a request that it would carry out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from app.data import builtin_protocols
from app.db.engine.scope import OWNER
from app.domain.charting.protocol import to_definition
from app.domain.ids import new_id
from tests.support.clinic import Clinic, ok
from tests.support.verbs import client_of, issuer_of, subject_of


@dataclass
class Seeded:
    """`ids` names what may stand in a path, by the part of the path before it."""

    clinic: Clinic
    ids: dict[str, list[str]] = field(default_factory=dict)

    def address(self, template: str) -> str:
        """Fill a path of the API with something that is there, first of its kind."""
        kind = template.split("/")[2]
        known = self.ids.get(kind, [""])
        if template.startswith("/v1/sessions/"):
            verb = template.rpartition("/")[2]
            given = verb in ("void", "{id}")
            known = self.ids["sessions"][0 if given else 1 :]
        path = template.replace("{id}", known[0])
        return path.replace("{code}", "own").replace("{number}", "1").removeprefix("/v1")

    def body(self, name: str) -> Any:
        """The body of an operation, such as `POST /v1/courses/upsert`, with what it refers to."""
        refers = {
            "POST /v1/courses/upsert": {"patient_id": self.ids["patients"][0]},
            "POST /v1/sessions/upsert": {"course_id": self.ids["courses"][0]},
            # An issuer with its audience can be registered once in the whole house.
            "POST /v1/issuers": {"audience": new_id(self.clinic.clock())},
        }
        return BODIES[name] | refers.get(name, {})

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table, but for what looking leaves behind and servers tend."""
        held = {}
        with self.clinic.database.read(OWNER) as db:
            for table in TABLES:
                found = db.execute(text(f"SELECT * FROM {table}")).mappings()
                held[table] = sorted(
                    repr({name: value for name, value in row.items() if name not in TENDED})
                    for row in found
                    if row.get("outcome", "done") == "done"
                )
        return held


TENDED = {"settled_revision", "last_used_at"}
TABLES = (
    *("practice", "location", "practitioner", "closure", "protocol_version", "patient"),
    *("course", "hold", "session", "outside_session", "identifier", "audit_event"),
    *("import_batch", "import_row", "api_key", "credential", "staff"),
    *("client", "client_assertion", "issuer", "issuer_subject", "signing_key"),
)


def seed(clinic: Clinic) -> Seeded:
    """Fill the clinic; everything can be changed still."""
    place = clinic.post("/locations", {"name": "Room", "time_zone": "America/New_York"})
    person = clinic.post("/practitioners", {"name": "Dr Example", "npi": "1234567893"})
    closure = clinic.post("/closures", {"from": "2026-12-24", "until": "2026-12-26"})
    clinic.post("/protocols", own_protocol())
    patients = [
        clinic.a_patient(identifiers=[{"system": "ehr", "value": f"P{n}"}]) for n in range(3)
    ]
    courses = [
        clinic.a_course("2025-12-01", patient_id=patient["id"], planned_start_on="2025-12-01")
        for patient in patients
    ]
    given = clinic.a_session(courses[0]["id"], "2026-03-02", location_id=place["id"])
    booked = [
        clinic.a_booking(courses[0]["id"], f"2026-06-{day:02}T09:00:00-04:00") for day in (1, 2, 3)
    ]
    outside = clinic.post(
        f"/courses/{courses[1]['id']}/outside-sessions", {"given_on": "2025-06-02", "units": 155}
    )
    loaded = ok(load(clinic, history()))
    member = clinic.post("/staff", {"name": "Kim Lund", "roles": ["front_desk"]})
    key = clinic.post("/keys", {"name": "EHR", "staff_id": member["id"]})
    issuer = issuer_of(clinic)
    clinic.call("POST", "/sandbox")  # a sandbox has none
    return Seeded(
        clinic,
        {
            "locations": [place["id"]],
            "practitioners": [person["id"]],
            "closures": [closure["id"]],
            "patients": [patient["id"] for patient in patients],
            "courses": [course["id"] for course in courses],
            "sessions": [given["id"], *(session["id"] for session in booked)],
            "outside-sessions": [outside["id"]],
            "imports": [loaded["id"]],
            "staff": [member["id"]],
            "keys": [key["id"]],
            "clients": [client_of(clinic)["id"]],
            "issuers": [issuer["id"]],
            "subjects": [subject_of(clinic, issuer)["id"]],
            "audit-events": [clinic.audit()[0]["id"]],
        },
    )


def load(clinic: Clinic, content: str, query: str = "") -> Any:
    return clinic.client.post(
        f"/v1/imports/history{query}",
        content=content.encode(),
        headers={"authorization": f"Bearer {clinic.key}", "content-type": "text/csv"},
    )


HEADINGS = "MRN,Last name,First name,DOB,Injector,Site,Dx,Treated on,Units"


def history(*rows: str) -> str:
    """A spreadsheet of treatments, with one row of its own unless others are given."""
    usual = "SHEET-1,Example,Sheet,12/15/1977,Dr Sheet,Main St,G43.719,9/18/2025,155"
    return "\n".join([HEADINGS, *(rows or (usual,))]) + "\n"


def own_protocol(version: int = 1) -> dict[str, Any]:
    """The built-in protocol under a code of the practice's own."""
    built_in = builtin_protocols()[0]
    return {**to_definition(built_in), "code": "own", "version": version}


def operations(clinic: Clinic) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation behind the key: method, path template, its part of the document."""
    document = clinic.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                yield method.upper(), path, operation


# A request that each operation would carry out; {} where the body may be left out.
BODIES: dict[str, Any] = {
    "PATCH /v1/practice": {"name": "B"},
    "POST /v1/locations": {"name": "B", "time_zone": "UTC"},
    "POST /v1/locations/upsert": {
        "name": "B",
        "time_zone": "UTC",
        "identifiers": [{"system": "a", "value": "1"}],
    },
    "PATCH /v1/locations/{id}": {"name": "B"},
    "POST /v1/practitioners": {"name": "B"},
    "POST /v1/practitioners/upsert": {
        "name": "B",
        "identifiers": [{"system": "a", "value": "1"}],
    },
    "PATCH /v1/practitioners/{id}": {"name": "B"},
    "POST /v1/closures": {"from": "2026-05-01", "until": "2026-05-02"},
    "POST /v1/closures/upsert": {
        "from": "2026-05-01",
        "until": "2026-05-02",
        "identifiers": [{"system": "a", "value": "1"}],
    },
    "PATCH /v1/closures/{id}": {"reason": "B"},
    "POST /v1/protocols": own_protocol() | {"name": "B"},
    "POST /v1/protocols/{code}/versions/{number}/publish": {},
    "POST /v1/patients": {
        "mrn": "B",
        "family_name": "B",
        "given_name": "B",
        "birth_date": "1980-05-17",
    },
    "POST /v1/patients/search": {"q": "B"},
    "POST /v1/patients/upsert": {
        "mrn": "C",
        "family_name": "B",
        "given_name": "B",
        "birth_date": "1980-05-17",
    },
    "PATCH /v1/patients/{id}": {"family_name": "B"},
    "POST /v1/patients/{id}/deceased": {"on": "2026-03-19"},
    "POST /v1/patients/{id}/courses": {"protocol": "preempt", "indication": "G43.709"},
    "POST /v1/courses/upsert": {
        "protocol": "preempt",
        "indication": "G43.709",
        "identifiers": [{"system": "a", "value": "1"}],
    },
    "PATCH /v1/courses/{id}": {"baseline_headache_days": 3},
    "POST /v1/courses/{id}/hold": {"from": "2026-04-01", "review_on": "2026-05-01", "reason": "B"},
    "POST /v1/courses/{id}/resume": {},
    "POST /v1/courses/{id}/stop": {"outcome": "completed"},
    "POST /v1/courses/{id}/outside-sessions": {"given_on": "2024-06-03"},
    "POST /v1/outside-sessions/{id}/void": {"reason": "B"},
    "POST /v1/courses/{id}/sessions": {
        "status": "given",
        "given_on": "2026-03-19",
        "chart": {"plan": "as_protocol"},
    },
    "POST /v1/sessions/search": {"status": "booked"},
    "POST /v1/sessions/upsert": {
        "status": "booked",
        "starts_at": "2027-09-01T09:00:00-04:00",
        "identifiers": [{"system": "a", "value": "1"}],
    },
    "PATCH /v1/sessions/{id}": {"product": "B"},
    "POST /v1/sessions/{id}/reschedule": {"starts_at": "2026-07-01T09:00:00-04:00"},
    "POST /v1/sessions/{id}/confirm": {},
    "POST /v1/sessions/{id}/arrive": {},
    "POST /v1/sessions/{id}/give": {"chart": {"plan": "as_protocol"}},
    "POST /v1/sessions/{id}/cancel": {"by": "patient"},
    "POST /v1/sessions/{id}/no-show": {},
    "POST /v1/sessions/{id}/void": {"reason": "B"},
    "POST /v1/worklist/search": {"status": "due"},
    "POST /v1/sandbox": {},
    "POST /v1/sandbox/keys": {"name": "B"},
    "POST /v1/sandbox/reset": {},
    "POST /v1/audit-events/search": {"outcome": "shown"},
    "POST /v1/imports/{id}/revert": {},
    "POST /v1/staff": {"name": "B", "roles": ["read_only"]},
    "PATCH /v1/staff/{id}": {"roles": ["injector"]},
    "POST /v1/staff/{id}/deactivate": {},
    "POST /v1/staff/{id}/reactivate": {},
    "POST /v1/keys": {"name": "B"},
    "POST /v1/keys/{id}/rotate": {},
    "POST /v1/keys/{id}/revoke": {},
    "POST /v1/clients": {
        "name": "B",
        "jwks_url": "https://keys.example.org/",
        "scopes": ["practice:read"],
    },
    "PATCH /v1/clients/{id}": {"name": "B"},
    "POST /v1/issuers": {
        "name": "B",
        "url": "https://login.example.org",
        "jwks_url": "https://login.example.org/keys",
        "algorithms": ["RS256"],
    },
    "PATCH /v1/issuers/{id}": {"name": "B"},
    "POST /v1/issuers/{id}/subjects": {
        "subject": "B",
        "name": "B",
        "scopes": ["practice:read"],
    },
    "PATCH /v1/subjects/{id}": {"name": "B"},
}
