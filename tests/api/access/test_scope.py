"""Whose data it is: the key decides the practice, and what others own is not there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app import api
from app.domain.access.access import PERMISSIONS
from app.domain.ids import new_id
from app.edge.requests.routing import StrictRoute
from app.services.access import keys
from tests.support.clinic import Clinic
from tests.support.routes import PUBLIC, flat
from tests.support.verbs import client_of, issuer_of, subject_of

FULL = {"plan": "as_protocol"}


def ids_of(clinic: Clinic) -> dict[str, str]:
    """One record of each kind, by the path that leads to it."""
    course = clinic.a_course("2025-12-15")
    outside = clinic.post(f"/courses/{course['id']}/outside-sessions", {"given_on": "2025-06-01"})
    closure = clinic.post("/closures", {"from": "2026-04-06", "until": "2026-04-06"})
    definition = clinic.get("/protocols/preempt/versions/1") | {"code": "house"}
    clinic.post("/protocols", definition)
    issuer = issuer_of(clinic)
    return {
        "clients": client_of(clinic)["id"],
        "issuers": issuer["id"],
        "subjects": subject_of(clinic, issuer)["id"],
        "locations": clinic.a_location()["id"],
        "practitioners": clinic.a_practitioner()["id"],
        "closures": closure["id"],
        "patients": course["patient_id"],
        "courses": course["id"],
        "sessions": clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")["id"],
        "outside-sessions": outside["id"],
        "imports": new_id(clinic.clock()),
        "staff": clinic.a_member("coordinator")["id"],
        "keys": clinic.post("/keys", {"name": "EHR"})["id"],
        "audit-events": clinic.audit()[-1]["id"],
    }


# A body that would be taken, so that only the id stands in the way.
BODIES: dict[str, Any] = {
    "PATCH": {},
    "/deceased": {"on": "2026-03-19"},
    "/patients/{id}/courses": {"protocol": "preempt", "indication": "G43.709"},
    "/courses/{id}/sessions": {"status": "given", "given_on": "2026-03-19", "chart": FULL},
    "/courses/{id}/outside-sessions": {"given_on": "2026-03-19"},
    "/hold": {"from": "2026-03-19", "until": "2026-03-31", "reason": "travels"},
    "/stop": {"outcome": "stopped"},
    "/reschedule": {"starts_at": "2026-03-31T09:00:00-04:00"},
    "/give": {"chart": FULL},
    "/cancel": {"by": "clinic"},
    "/void": {"reason": "wrong patient"},
    "/subjects": {"subject": "another", "name": "engine", "scopes": ["practice:read"]},
}


def body_for(method: str, path: str) -> Any:
    if method == "GET":
        return None
    if method == "PATCH":
        return BODIES["PATCH"]
    return next((body for end, body in BODIES.items() if path.endswith(end)), None)


def operations(clinic: Clinic) -> list[tuple[str, str, Any]]:
    paths = clinic.client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, operation)
        for path, found in paths.items()
        for method, operation in found.items()
    ]


def test_what_another_practice_owns_is_not_there(clinic: Clinic) -> None:
    ids, stranger = ids_of(clinic), clinic.neighbour()
    absent = new_id(clinic.clock())
    asked = 0
    for method, path, _ in operations(clinic):
        if "{" not in path or path.startswith("/problems"):
            continue
        noun = path.split("/")[2]
        inside = path.removeprefix("/v1")
        if noun == "protocols":
            there = inside.replace("{code}", "house").replace("{number}", "1")
            nowhere = inside.replace("{code}", "nothing").replace("{number}", "1")
        else:
            there, nowhere = (inside.replace("{id}", id) for id in (ids[noun], absent))
        body = body_for(method, inside)
        answers = [stranger.call(method, place, body, if_match="*") for place in (there, nowhere)]
        assert [a.status_code for a in answers] == [404, 404], (method, path, answers[0].text)
        assert answers[0].json() == answers[1].json()
        assert noun == "imports" or clinic.call(method, there, body, if_match="*").status_code in (
            200,
            201,
            409,
        ), (method, path)
        asked += 1
    assert asked >= 40


@pytest.mark.parametrize("name", ["location_id", "practitioner_id", "continues_session_id"])
def test_another_practices_ids_in_a_body_are_not_there_either(clinic: Clinic, name: str) -> None:
    other = clinic.neighbour()
    id = {
        "location_id": lambda: other.a_location()["id"],
        "practitioner_id": lambda: other.a_practitioner()["id"],
        "continues_session_id": lambda: other.a_session(other.a_course()["id"], "2026-03-16")["id"],
    }[name]()
    course = clinic.a_course()
    body = {"status": "given", "given_on": "2026-03-19", "chart": FULL, name: id}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/sessions", body)
    assert refusal["status"] == 422
    assert refusal["errors"][0]["pointer"] == f"/{name}"


def test_lists_hold_the_own_practice_only(clinic: Clinic) -> None:
    ids_of(clinic)
    stranger = clinic.neighbour()
    for noun in (
        "locations",
        "practitioners",
        "closures",
        "patients",
        "sessions",
        "worklist",
        "staff",
    ):
        assert stranger.get(f"/{noun}")["items"] == [], noun
    assert stranger.get("/worklist/summary")["total"] == 0
    assert stranger.table() == []
    assert stranger.get("/demand")["weeks"] == []
    assert [p["code"] for p in stranger.get("/protocols")["items"]] == ["preempt"]


def test_no_door_opens_without_a_key(clinic: Clinic) -> None:
    wrong = {
        "none": "",
        "another scheme": f"Basic {clinic.key}",
        "no key at all": "Bearer ",
        "one letter changed": f"Bearer {clinic.key[:-1]}{'0' if clinic.key[-1] != '0' else '1'}",
        "well-formed, never made": "Bearer " + _never_made(),
    }
    for method, path, _ in operations(clinic):
        if PUBLIC.match(path):
            continue
        place = re.sub(r"\{\w+\}", "x", path)
        for what, header in wrong.items():
            headers = {"authorization": header} if header else {}
            answer = clinic.client.request(method, place, headers=headers)
            assert answer.status_code == 401, (method, path, what)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == "unauthenticated"


def _never_made() -> str:
    text = "tw_00000000_" + "A" * 43
    return text + keys.checksum(text)


def test_a_revoked_key_opens_nothing_after_its_cache_time(clinic: Clinic) -> None:
    assert clinic.call("GET", "/me").status_code == 200
    found = keys.find(clinic.database, digest=keys.hashed(clinic.key))
    assert found
    with clinic.database.write(clinic.practice_id) as db:
        keys.revoke(db, key_id=found.key["id"], by=clinic.by, now=clinic.clock())
    clinic.forget()
    assert clinic.refusal("GET", "/me")["status"] == 401


def test_every_route_has_a_key_or_is_on_the_public_list(clinic: Clinic) -> None:
    private = [route for router in api.routers() for route in router.routes]
    for route in private:
        assert isinstance(route, StrictRoute)
        assert route.policy.permissions <= PERMISSIONS, route.path
    app = clinic.app
    others = [route for route in flat(app.routes) if route not in private]
    assert len(others) + len(private) == len(flat(app.routes))
    for route in others:
        assert PUBLIC.match(route.path), route.path


def test_every_operation_says_what_it_needs(clinic: Clinic) -> None:
    for method, path, operation in operations(clinic):
        if PUBLIC.match(path):
            assert "x-permission" not in operation
            continue
        needed = set(operation["x-permission"].split())
        assert needed <= PERMISSIONS, path
        asks = method == "GET" or path.endswith("/search")
        assert all(p.endswith((":read", ":search")) is asks for p in needed), (method, path)
        assert "403" in operation["responses"], (method, path)
