"""T-14: every route, whoever knocks, whatever names what another practice owns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import event

from app import api
from app.db.engine.engine import Database
from app.domain.access.access import PERMISSIONS, ROLES
from app.domain.ids import new_id
from app.edge.auth.tokens import opened
from app.services.access import keys
from tests.support.issuer import ec_key, signed
from tests.support.routes import PUBLIC, flat
from tests.support.seeded import operations
from tests.support.signing import ISS
from tests.support.tenants import (
    KEY,
    House,
    Route,
    a_house,
    id_fields,
    routes,
    staff_key,
    without_a_row,
)

pytestmark = pytest.mark.verify

ROUTES = routes()
PARENTS = {("POST /v1/courses/upsert", "patient_id"), ("POST /v1/sessions/upsert", "course_id")}
NAMING = [route for route in ROUTES if "{" in route.path]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with a_house(database, tmp_path) as made:
        yield made


def test_every_route_is_asked_about(house: House) -> None:
    assert without_a_row(house.ours) == set()
    private = {id(route) for router in api.routers() for route in router.routes}
    app: Any = house.clinic.app
    for route in flat(app.routes):
        assert id(route) in private or PUBLIC.match(route.path), route.path
    told = {(method, path) for method, path, _ in operations(house.clinic)}
    assert told == {(route.method, route.path) for route in ROUTES}


def tokens(house: House) -> dict[str, str]:
    """Tokens in their time, of somebody who is known or claims to be."""
    signing = house.of(house.ours)
    revoked, of_revoked = house.client(house.ours)
    signing.clinic.patch(f"/clients/{revoked}", {"active": False})
    left, of_left = house.person(house.ours, "b", "administrator")
    signing.leaves(left)
    _, good = house.client(house.ours)
    # What is refused below is refused for the one thing that is wrong with it.
    for token in (good, house.person(house.ours, "f", "administrator")[1]):
        assert signing.get(token).status_code == 200
    claims, kid = dict(opened(good).claims), opened(good).kid
    stranger = ec_key(kid)
    named = {"alg": "ES256", "kid": kid}
    moved = claims | {"practice": house.theirs.clinic.practice_id}
    payload = signed(stranger, moved, typ="at+jwt", **named).split(".")[1]
    head, _, signature = good.split(".")
    return {
        "of a revoked client": of_revoked,
        "of a person who left": of_left,
        "of a subject of nobody": house.person(house.ours, "c", sub="nobody")[1],
        "of an issuer that is none of ours": house.person(house.ours, "d", iss=f"{ISS}/2")[1],
        "of two practices": house.person(house.ours, "e", aud=audiences(house))[1],
        "signed by a stranger": signed(stranger, claims, typ="at+jwt", **named),
        "of a client, moved to another practice": f"{head}.{payload}.{signature}",
        "a client's assertion": signing.assertion(KEY, revoked),
    }


def audiences(house: House) -> list[str]:
    """Those of the issuers of both practices."""
    house.person(house.theirs, "e")
    both = (house.ours, house.theirs)
    return [f"https://{one.clinic.practice_id}.example.com" for one in both]


def credentials(house: House) -> dict[str, dict[str, str]]:
    clinic = house.clinic
    revoked, ended = staff_key(clinic), staff_key(clinic, "clinician", lasts=timedelta(hours=1))
    found = keys.find(clinic.database, digest=keys.hashed(revoked))
    assert found
    with clinic.database.write(clinic.practice_id) as db:
        keys.revoke(db, key_id=found.key["id"], by=clinic.by, now=clinic.clock())
    left = staff_key(clinic, "administrator", active=False)
    made_up = f"tw_00000000_{'A' * 43}"
    client_ended, person_ended = house.client(house.ours)[1], house.person(house.ours, "a")[1]
    clinic.clock.now += timedelta(hours=1)
    bearers = {
        "garbage": "Bearer x' OR 1=1 --",
        "never made": f"Bearer {made_up}{keys.checksum(made_up)}",
        "revoked": f"Bearer {revoked}",
        "expired": f"Bearer {ended}",
        "of someone who left": f"Bearer {left}",
        "a client's, expired": f"Bearer {client_ended}",
        "an issuer's, expired": f"Bearer {person_ended}",
        **{what: f"Bearer {token}" for what, token in tokens(house).items()},
        "another scheme": f"Basic {clinic.key}",
        "twice": f"Bearer {clinic.key}, Bearer {clinic.key}",
    }
    return {"none": {}} | {what: {"authorization": said} for what, said in bearers.items()}


def test_without_a_good_credential_no_route_opens(house: House) -> None:
    answers = set()
    for what, headers in credentials(house).items():
        for route in ROUTES:
            path = house.ours.address(route.path)
            answer = house.ask(route, path, b"{", None, **headers)
            assert answer.status_code == 401, (route.name, what, answer.text)
            answers.add(answer.content)
    # Nobody learns that a key was good once.
    assert len(answers) == 1


def test_what_is_another_practices_is_as_absent_as_what_nobody_has(house: House) -> None:
    theirs, asked = house.theirs.clinic, 0
    callers = {
        "administrator": staff_key(theirs, "administrator", "clinician"),
        "clinician": staff_key(theirs, "clinician"),
        "system": theirs.key,
        "client": house.client(house.theirs)[1],
        "person": house.person(house.theirs, "theirs", "administrator", "clinician")[1],
    }
    has = {"system": PERMISSIONS, "client": PERMISSIONS, "clinician": ROLES["clinician"]}
    tags = {
        route.path: house.clinic.call("GET", house.foreign(route)[0]).headers.get("etag", "*")
        for route in NAMING
        if route.method == "GET"
    }
    house.clinic.post("/locations", {"name": "x", "time_zone": "UTC"}, idempotency_key="k-ours")
    for route in NAMING:
        places = house.foreign(route)
        body = house.body(route, house.theirs)
        variants: list[dict[str, str]] = [{}]
        if route.method == "PATCH":
            variants = [{"if_match": "*"}, {"if_match": tags.get(route.path, "*")}]
        elif route.method == "POST":
            variants.append({"idempotency_key": "k-ours"})
        else:
            variants.append({"if_none_match": tags.get(route.path, "*")})
            variants.append({"break_glass": "an emergency of ours"})
        for who, key in callers.items():
            may = has.get(who, ROLES["administrator"] | ROLES["clinician"])
            for headers in variants:
                answers = [house.ask(route, at, body, key, **headers) for at in places]
                expected = 404 if route.policy.permissions <= may else 403
                assert {a.status_code for a in answers} == {expected}, (
                    *(route.name, who, headers),
                    *(a.text for a in answers),
                )
                assert len({a.content for a in answers}) == 1, route.name
                for answer in answers:
                    assert "idempotency-replayed" not in answer.headers
                    assert "etag" not in answer.headers
                asked += 1
    assert asked >= 200


def kind_of(name: str) -> str:
    """What a field of a body or a query names by its id."""
    kinds = {"continues_session_id": "sessions", "staff_id": "staff", "by_id": "staff"}
    kinds |= {"resource_id": "patients", "credential_id": "keys"}
    return kinds.get(name, f"{name.removesuffix('_id')}s")


def test_ids_in_bodies_of_another_practice_are_as_unknown_as_anyones(house: House) -> None:
    document = house.clinic.client.get("/openapi.json").json()
    asked = 0
    for method, path, operation in operations(house.clinic):
        [route] = [r for r in ROUTES if (r.method, r.path) == (method, path)]
        for name in id_fields(document, operation):
            kind = kind_of(name)
            assert kind in house.ours.ids, (route.name, name)
            own = house.body(route, house.theirs)
            answers = [
                house.ask(
                    route, house.theirs.address(path), own | {name: id}, house.theirs.clinic.key
                )
                for id in (house.ours.ids[kind][0], new_id(house.clinic.clock()))
            ]
            # A filter by what nobody has finds nothing; an upsert's parent is like one in a path.
            expected = 200 if route.policy.reads else 404 if (route.name, name) in PARENTS else 422
            assert [a.status_code for a in answers] == [expected] * 2, (route.name, name)
            assert answers[0].content == answers[1].content, (route.name, name)
            asked += 1
    assert asked >= 10


def test_ids_and_cursors_in_queries_lead_nowhere_else(house: House) -> None:
    clinic, key = house.clinic, house.theirs.clinic.key
    cursors = ids = 0
    for method, path, operation in operations(clinic):
        [route] = [r for r in ROUTES if (r.method, r.path) == (method, path)]
        asked = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        if method != "GET":
            continue
        if "cursor" in asked:
            page = clinic.get(f"{house.ours.address(path)}?limit=1")
            if page["next_cursor"]:
                own = house.theirs.address(path)
                answer = house.ask(route, f"{own}?limit=1&cursor={page['next_cursor']}", None, key)
                assert answer.status_code == 422, (path, answer.text)
                cursors += 1
        for name in (one for one in asked if one.endswith("_id")):
            kind = kind_of(name)
            own = house.theirs.address(path)
            answers = [
                house.ask(route, f"{own}?{name}={id}", None, key)
                for id in (house.ours.ids[kind][0], new_id(clinic.clock()))
            ]
            assert answers[0].status_code == answers[1].status_code
            assert answers[0].content == answers[1].content, (path, name)
            ids += 1
    assert cursors >= 4
    assert ids >= 4


def test_a_key_for_retries_is_each_practices_own(house: House) -> None:
    body = {"name": "One", "time_zone": "UTC"}
    ours = house.clinic.call("POST", "/locations", body, idempotency_key="k-1")
    theirs = house.theirs.clinic.call("POST", "/locations", body, idempotency_key="k-1")
    assert ours.status_code == theirs.status_code == 201
    assert "idempotency-replayed" not in theirs.headers
    assert ours.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_the_table_says(house: House, role: str) -> None:
    """The body is no JSON at all: whoever may not is told so before it is read."""
    key = staff_key(house.clinic, role)
    planted, house.planted = house.planted, []
    for route in ROUTES:
        may = route.policy.permissions <= ROLES[role]
        body = None if route.method == "GET" else b"{"
        if not may:
            house.planted = planted
        answer = house.ask(route, house.ours.address(route.path), body, key)
        house.planted = []
        if not may:
            assert answer.status_code == 403, (route.name, answer.text)
            assert answer.json()["code"] == "forbidden"
        elif route.method == "GET":
            assert answer.status_code == 200, (route.name, answer.text)
        else:
            assert answer.status_code in (200, 201, 400, 415, 422), (route.name, answer.text)


def test_a_scope_opens_its_routes_and_no_other(house: House) -> None:
    made: dict[frozenset[str], str] = {}
    house.planted = []

    def status(route: Route, scopes: frozenset[str]) -> int:
        if scopes not in made:
            made[scopes] = staff_key(house.clinic, scopes=sorted(scopes))
        body = None if route.method == "GET" else b"{"
        answer = house.ask(route, house.ours.address(route.path), body, made[scopes])
        return int(answer.status_code)

    for route in ROUTES:
        assert status(route, route.policy.permissions) not in (401, 403), route.name
        for one in route.policy.permissions:
            assert status(route, PERMISSIONS - {one}) == 403, (route.name, one)


def test_an_injection_needs_more_than_a_booking(house: House) -> None:
    key = staff_key(house.clinic, "coordinator")
    given = {"status": "given", "given_on": "2026-03-19", "chart": {"plan": "as_protocol"}}
    course = house.ours.ids["courses"][1]
    [add] = [r for r in ROUTES if r.name == "POST /v1/courses/{id}/sessions"]
    before = house.clinic.get(f"/courses/{course}/sessions")
    refused = house.ask(add, f"/courses/{course}/sessions", given, key)
    assert refused.status_code == 403
    assert house.clinic.get(f"/courses/{course}/sessions") == before


TIMED = ("/v1/patients/{id}", "/v1/courses/{id}", "/v1/sessions/{id}", "/v1/locations/{id}")


@pytest.mark.parametrize("path", TIMED)
def test_how_long_it_takes_tells_nothing(house: House, path: str) -> None:
    """Medians of 120, taken in turn; a busy machine gets further tries."""
    [route] = [r for r in ROUTES if r.name == f"GET {path}"]
    places, key, house.planted = house.foreign(route), house.theirs.clinic.key, []
    apart = []
    for _ in range(6):
        taken: tuple[list[float], list[float]] = ([], [])
        for turn in range(240):
            began = perf_counter()
            house.ask(route, places[turn % 2], None, key)
            taken[turn % 2].append(perf_counter() - began)
        there, nowhere = median(taken[0]), median(taken[1])
        apart.append(abs(there - nowhere) / max(there, nowhere))
        if apart[-1] <= 0.2:
            break
    print(f"{path}: {apart[-1]:.1%} apart")
    assert apart[-1] <= 0.2, apart


def test_the_guard_refuses_nothing_that_a_route_sends(house: House) -> None:
    """A refusal is answered by 500. What was sent is proved as well, as after every test."""
    database, scoped = house.clinic.database, 0

    def count(db: Any, *_: Any) -> None:
        nonlocal scoped
        scoped += isinstance(db.info.get("scope"), str)

    event.listen(database.engine, "before_cursor_execute", count)
    house.planted = []
    try:
        for route in ROUTES:
            for headers in ({}, {"idempotency_key": new_id(house.clinic.clock())}):
                answer = house.send(route, house.ours, house.clinic.key, **headers)
                assert answer.status_code < 500, (route.name, answer.text)
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    assert scoped > 100
