"""Two practices in one house, everyone who may knock, and every route there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from app import api
from app.db.engine.engine import Database
from app.db.models import Staff
from app.db.rows.access import StaffValues
from app.domain.access.access import PERMISSIONS
from app.domain.ids import new_id
from app.edge.requests.request_context import RoutePolicy
from app.services import records
from app.services.access import keys
from tests.support.clinic import Clinic
from tests.support.issuer import ec_key
from tests.support.seeded import BODIES, Seeded, load, own_protocol, seed
from tests.support.signing import Signing, a_signing_clinic

CSV = "POST /v1/imports/history"
KEY = ec_key("c1", "P-384")
ALL = " ".join(sorted(PERMISSIONS))
ID = re.compile(r"(?<=/)[0-9a-f-]{36}(?=/|$)")
IN_PATHS = {"id", "subject_id", "code", "number"}


class Route(NamedTuple):
    method: str
    path: str
    policy: RoutePolicy

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> str:
        """The first part of its path: the noun whose id it names."""
        return self.path.split("/")[2]


def routes() -> list[Route]:
    """Every route that wants a credential, from the application's own table."""
    return [
        Route(method, route.path, route.policy)  # type: ignore[attr-defined]
        for router in api.routers()
        for route in router.routes
        for method in sorted(route.methods)  # type: ignore[attr-defined]
    ]


def without_a_row(seeded: Seeded) -> set[str]:
    """The routes for which these tests have no request: there must be none."""
    missing = set()
    for route in routes():
        takes_body = route.method != "GET" and route.name != CSV
        if takes_body and route.name not in BODIES:
            missing.add(route.name)
        if "{id}" in route.path and not seeded.ids.get(route.kind):
            missing.add(route.name)
        if set(re.findall(r"{(\w+)}", route.path)) - IN_PATHS:
            missing.add(route.name)
    return missing


def staff_key(
    clinic: Clinic,
    *roles: str,
    scopes: list[str] | None = None,
    active: bool = True,
    lasts: timedelta | None = None,
) -> str:
    """A key of a new member of staff with these roles; of a system where there are none."""
    now, by = clinic.clock(), clinic.by
    with clinic.database.write(clinic.practice_id) as db:
        staff_id, member = None, None
        if roles:
            values = StaffValues(name="Kim", roles=list(roles), active=True)
            member = records.create(db, Staff, values, kind="staff", by=by, now=now)
            staff_id = member["id"]
        _, key = keys.create(
            db,
            name="theirs",
            staff_id=staff_id,
            scopes=scopes,
            expires_at=now + lasts if lasts else None,
            by=by,
            now=now,
        )
        if member and not active:
            off = StaffValues(active=False)
            records.change(db, Staff, member, off, kind="staff", action="change", by=by, now=now)
    return key


@dataclass
class House:
    """`ours` is asked about by `theirs`; `planted` is what no answer to them may hold."""

    ours: Seeded
    theirs: Seeded
    planted: list[str] = field(default_factory=list)
    signing: Signing | None = None

    def of(self, whose: Seeded) -> Signing:
        """What signs tokens for that practice, and takes those of the issuer beside."""
        assert self.signing
        made = copy(self.signing)
        made.clinic = whose.clinic
        return made

    def client(self, whose: Seeded) -> tuple[str, str]:
        """A new client of the practice that may do everything; its id, and a token of it."""
        signing = self.of(whose)
        id = signing.a_client(KEY, sorted(PERMISSIONS))["id"]
        return id, signing.token(KEY, id, ALL)

    def person(self, whose: Seeded, subject: str, *roles: str, **claims: Any) -> tuple[str, str]:
        """A new member of staff who comes by the issuer beside; their id, and a token of it.

        The practice has its issuer by an audience of its own.
        """
        signing, now = self.of(whose), int(self.clinic.clock().timestamp())
        audience = f"https://{whose.clinic.practice_id}.example.com"
        known = [
            one for one in signing.clinic.get("/issuers")["items"] if one["audience"] == audience
        ]
        issuer = known[0] if known else signing.an_issuer(audience=audience)
        member = signing.a_member(*roles)
        body = {"subject": subject, "name": subject, "staff_id": member}
        signing.clinic.post(f"/issuers/{issuer['id']}/subjects", body)
        said = {"aud": audience, "sub": subject, "iat": now, "exp": now + 300, "scope": ALL}
        return member, signing.outside(**said | claims)

    @property
    def clinic(self) -> Clinic:
        return self.ours.clinic

    def ask(self, route: Route, path: str, body: Any, key: str | None, **headers: str) -> Any:
        """Send it with that key; the answer holds nothing planted, whatever it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        content: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, bytes):
            content = {"content": body}
            sent.setdefault("content-type", "application/json")
        if route.method == "PATCH":
            sent.setdefault("if-match", "*")
        answer = self.clinic.client.request(route.method, f"/v1{path}", headers=sent, **content)
        told = answer.text + repr(answer.headers)
        assert not [one for one in self.planted if one in told], (route.name, answer.status_code)
        return answer

    def foreign(self, route: Route) -> list[str]:
        """The route's path to what is ours, to what nobody has, and from theirs on to ours."""
        if "{code}" in route.path:
            path = route.path.removeprefix("/v1").replace("{number}", "1")
            return [path.replace("{code}", "ours-only"), path.replace("{code}", "nobodys")]
        there, own = self.ours.address(route.path), self.theirs.address(route.path)
        of_ours, of_theirs = ID.findall(there), ID.findall(own)
        nowhere = ID.sub(lambda _: new_id(self.clinic.clock()), there)
        between = [own.replace(of_theirs[1], of_ours[1])] if len(of_ours) > 1 else []
        return [there, nowhere, *between]

    def body(self, route: Route, whose: Seeded) -> Any:
        """What the route would carry out."""
        if route.name == CSV:
            return b"MRN,Last name,First name\n1,A,B\n"
        return None if route.method == "GET" else whose.body(route.name)

    def send(self, route: Route, whose: Seeded, key: str, **headers: str) -> Any:
        """Have the route carried out for its own practice."""
        if route.name == CSV:
            return load(whose.clinic, "MRN,Last name\n1,A\n")
        return self.ask(route, whose.address(route.path), self.body(route, whose), key, **headers)


PLANTED = ("mrn", "family_name", "given_name", "phone", "email")


@contextmanager
def a_house(database: Database, folder: Path) -> Iterator[House]:
    """Both practices filled; ours holds fifty strings that would be known again anywhere."""
    with a_signing_clinic(database, folder) as signing:
        clinic = signing.clinic
        house = House(seed(clinic), seed(clinic.neighbour()), signing=signing)
        for number in range(10):
            said = {name: f"Zq{number}x{name.replace('_', '')}" for name in PLANTED}
            said["email"] += "@example.org"
            said["phone"] = f"555-77{number:02}-{number + 4311}"
            clinic.a_patient(**said)
            house.planted += said.values()
        found = clinic.call("GET", "/patients?limit=100").text
        assert len(house.planted) == 50
        assert all(one in found for one in house.planted)
        # What our own patient in every path is called, for what leads to it.
        clinic.patch(
            f"/patients/{house.ours.ids['patients'][0]}", {"family_name": house.planted[1]}
        )
        clinic.post("/protocols", own_protocol() | {"code": "ours-only", "name": house.planted[0]})
        yield house


def id_fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The fields of an operation's body that name something else by its id."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    found: list[str] = []
    for one in schema.get("anyOf", schema.get("oneOf", [schema])):
        named = one.get("$ref", "").rpartition("/")[2]
        shape = document["components"]["schemas"].get(named, one)
        found += [name for name in shape.get("properties", {}) if re.search(r"_id$", name)]
    return sorted(set(found))
