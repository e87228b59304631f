"""T-15: what a client may not set cannot be set, by any operation there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from tests.support.clinic import a_clinic
from tests.support.seeded import BODIES, Seeded, operations, seed

pytestmark = pytest.mark.verify

NO_JSON = {"POST /v1/imports/history"}
# Of what the tables and the answers hold, with a value that would do harm were it taken.
FORBIDDEN: dict[str, Any] = {
    "practice_id": "01a2cb7d-0d87-7d35-a62b-9d2a56654034",
    "id": "01a2cb7d-0d87-7d35-a62b-9d2a56654034",
    "version": 1,
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "role": "admin",
    "scopes": ["*"],
    "state": "completed",
    "status": "given",
    "deceased_on": "2026-01-01",
    "merged_into": "01a2cb7d-0d87-7d35-a62b-9d2a56654034",
    "due_on": "2030-01-01",
    "cycle": 9,
    "findings": [],
    "injections": [],
    "units_administered": 155,
}


@pytest.fixture
def seeded(database: Database) -> Iterator[Seeded]:
    with a_clinic(database) as clinic:
        yield seed(clinic)


def _known(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """The fields of an operation's body, in whatever form; none where there is no body."""
    content = operation.get("requestBody", {}).get("content", {})
    found = content.get("application/json", {}).get("schema", {})
    fields: set[str] = set()
    for one in found.get("anyOf", found.get("oneOf", [found])):
        named = one.get("$ref", "").rpartition("/")[2]
        shape = document["components"]["schemas"].get(named, one)
        fields |= shape.get("properties", {}).keys()
    return fields


def test_no_operation_takes_a_field_it_does_not_name(seeded: Seeded) -> None:
    clinic = seeded.clinic
    document = clinic.client.get("/openapi.json").json()
    columns = {column.name for table in metadata.sorted_tables for column in table.c}
    harmful = {name: FORBIDDEN.get(name, "2030-01-01") for name in sorted(columns | {*FORBIDDEN})}
    before = seeded.everything()
    tried = 0
    for method, path, operation in operations(clinic):
        name = f"{method} {path}"
        if method == "GET" or name in NO_JSON:
            continue
        known = _known(document, operation)
        address = seeded.address(path)
        tag = {"if_match": "*"} if method == "PATCH" else {}
        for field in harmful.keys() - known:
            body = {**seeded.body(name), field: harmful[field]}
            if name == "POST /v1/protocols" and field in (*BODIES[name], "state"):
                continue  # a definition's own fields; `state` may stand there as it is shown
            refused = clinic.call(method, address, body, **tag)
            assert refused.status_code == 422, (name, field, refused.text)
            pointers = [error["pointer"] for error in refused.json()["errors"]]
            assert pointers in ([f"/{field}"], [""]), (name, field, refused.text)
            tried += 1
    assert seeded.everything() == before
    print(f"\n{tried} assignments refused")


def test_nor_inside_a_body(seeded: Seeded) -> None:
    clinic = seeded.clinic
    before = seeded.everything()
    course, patient = seeded.ids["courses"][0], seeded.ids["patients"][0]
    given = {"status": "given", "given_on": "2026-03-19"}
    dose = {"site": "FRO-L1", "units": 5}
    inside: list[tuple[str, str, Any, str]] = [
        (
            "POST",
            f"/courses/{course}/sessions",
            {**given, "chart": {"plan": "as_protocol", "administered": 1}},
            "/chart/administered",
        ),
        (
            "POST",
            f"/courses/{course}/sessions",
            {**given, "chart": {"injections": [{**dose, "planned": 5}]}},
            "/chart/injections/0/planned",
        ),
        (
            "PATCH",
            f"/patients/{patient}",
            {"identifiers": [{"system": "a", "value": "b", "resource_id": course}]},
            "/identifiers/0/resource_id",
        ),
    ]
    for method, path, body, pointer in inside:
        refused = clinic.call(method, path, body, if_match="*")
        assert refused.status_code == 422, refused.text
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert seeded.everything() == before


def test_every_body_of_this_test_would_be_taken(seeded: Seeded) -> None:
    """Else a refusal could have another reason than the field."""
    clinic = seeded.clinic
    written = {
        f"{method} {path}": path for method, path, _ in operations(clinic) if method != "GET"
    }
    assert written.keys() == BODIES.keys() | NO_JSON
    for name in BODIES:
        body = seeded.body(name)
        method = name.split()[0]
        with clinic.database.write(OWNER) as db:
            saved = db.execute(text("SELECT count(*) FROM audit_event")).scalar_one()
        headers = {"if_match": "*"} if method == "PATCH" else {}
        if name == "POST /v1/courses/{id}/resume":
            hold = {"from": "2026-03-01", "review_on": "2026-05-01", "reason": "B"}
            clinic.post(f"/courses/{seeded.ids['courses'][0]}/hold", hold)
        if name.endswith("/no-show"):
            clinic.clock.now += timedelta(days=120)  # its time has passed
        answer = clinic.call(method, seeded.address(written[name]), body or None, **headers)
        assert answer.status_code < 300, (name, answer.text)
        if name.endswith("/search"):
            continue
        with clinic.database.read(OWNER) as db:
            assert db.execute(text("SELECT count(*) FROM audit_event")).scalar_one() > saved, name
        _again(seeded, name)


def _again(seeded: Seeded, name: str) -> None:
    """Put something in the place of what the request used up."""
    clinic = seeded.clinic
    if name.endswith(("/deceased", "/stop")):
        course = clinic.a_course("2026-01-05")
        seeded.ids["patients"].insert(0, course["patient_id"])
        seeded.ids["courses"].insert(0, course["id"])
        seeded.ids["sessions"][0] = clinic.a_session(course["id"], "2026-03-02")["id"]
    if name.endswith(("/give", "/cancel", "/no-show", "/deceased", "/stop")):
        start = {"starts_at": "2026-07-08T09:00:00-04:00", "override_reason": "as agreed"}
        path = f"/courses/{seeded.ids['courses'][0]}/sessions"
        booked = clinic.post(path, {"status": "booked", **start})
        seeded.ids["sessions"].insert(1, booked["id"])
