"""T-13: requests made up from the OpenAPI document itself, and every answer checked against it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.engine.engine import Database
from app.services.scheduling import verification
from tests.support.clinic import Clinic
from tests.support.issuer import ec_key
from tests.support.seeded import BODIES, Seeded, history, seed
from tests.support.signing import Signing, a_signing_clinic

pytestmark = pytest.mark.verify

EXAMPLES = 100
SEED = 20
# A rule may refuse what the schema allows, and says so in one of these ways.
RULES = [404, 409, 412, 422, 428]
# What no schema describes: an address that another one's template also matches.
SHADOWED = r"/(search|upsert|history|seal)$"
# Fields whose schema cannot say all that they must be, with something that is.
SENSIBLE = {
    "time_zone": "Pacific/Kiritimati",
    "protocol": "preempt",
    "birth_date": "1980-05-17",
    "given_on": "2026-01-05",
    "given_at": "2026-01-05T15:00:00Z",
    "starts_at": "2026-09-01T15:00:00Z",
    "site": "FRO-L1",
    "chart": {"plan": "as_protocol"},
}

HOLD = {"from": "2026-03-01", "review_on": "2026-05-01", "reason": "travel"}


@pytest.fixture
def signing(database: Database, tmp_path: Path) -> Iterator[Signing]:
    with a_signing_clinic(database, tmp_path) as made:
        yield made


@pytest.fixture
def seeded(signing: Signing) -> Seeded:
    return seed(signing.clinic)


class Sense:
    """Puts things that are there into some of the requests, so that they get further."""

    def __init__(self, seeded: Seeded, signing: Signing) -> None:
        self._chance = random.Random(SEED)
        self._seeded, self._clinic, self._ids = seeded, seeded.clinic, seeded.ids
        self._signing, self._secret = signing, ec_key("c1", "P-384")
        self._client = signing.a_client(self._secret, ["practice:read"])["id"]
        self._own_key = seeded.clinic.get("/me")["key"]["id"]

    def put(self, case: Any) -> None:
        negative = case.meta is not None and case.meta.generation.mode.is_negative
        kind = case.path.split("/")[2] if case.path.startswith("/v1/") else ""
        if "id" in case.path_parameters and kind in self._ids and self._chance.random() < 0.7:
            case.path_parameters["id"] = self._chance.choice(self._ids[kind])
        if "subject_id" in case.path_parameters and self._chance.random() < 0.7:
            case.path_parameters["subject_id"] = self._ids["subjects"][0]
        if case.path_parameters.get("id") == self._own_key:
            # Answers name it, and revoking it would end the test.
            case.path_parameters["id"] = self._ids["keys"][0]
        if "number" in case.path_parameters and self._chance.random() < 0.7:
            case.path_parameters |= self._chance.choice(
                [{"code": "preempt", "number": 1}, {"code": "own", "number": 1}]
            )
        if negative:
            return
        if case.method == "PATCH" and self._chance.random() < 0.6:
            case.headers["If-Match"] = "*"
        if self._chance.random() < 0.2:
            self._carried_out(case)
        elif isinstance(case.body, dict):
            case.body = self._better(case.body)

    def _carried_out(self, case: Any) -> None:
        """Make it a request that nothing speaks against."""
        name = f"{case.method} {case.path}"
        if case.media_type == "text/csv":
            case.body = history()
        elif BODIES.get(name):
            case.body = self._seeded.body(name)
        if case.path.startswith("/v1/sessions/") and not case.path.endswith(("/void", "/search")):
            # Some request before may have handed the bookings to the EHR.
            self._clinic.patch("/practice", {"booking_master": "twelveweeks"})
            course = self._clinic.a_course()["id"]
            if case.path.endswith("/upsert"):
                case.body = {**case.body, "course_id": course}
            else:
                booked = self._clinic.a_booking(course, "2026-03-20T09:00:00-04:00")
                case.path_parameters["id"] = booked["id"]
        elif case.path.startswith("/v1/keys/"):
            # Some request before may have revoked those that were there.
            case.path_parameters["id"] = self._clinic.post("/keys", {"name": "B"})["id"]
        elif case.path == "/oauth/token":
            assertion = self._signing.assertion(self._secret, self._client)
            case.body = self._signing.form(assertion, "practice:read")
        elif case.path.endswith(("/hold", "/resume", "/stop")):
            case.path_parameters["id"] = course = self._clinic.a_course()["id"]
            if case.path.endswith("/resume"):
                self._clinic.post(f"/courses/{course}/hold", HOLD)

    def _better(self, body: dict[str, Any]) -> dict[str, Any]:
        better = {}
        for name, value in body.items():
            if isinstance(value, dict):
                value = self._better(value)
            elif isinstance(value, list):
                value = [self._better(v) if isinstance(v, dict) else v for v in value]
            if value is not None and self._chance.random() < 0.7:
                noun = name.removesuffix("_id") + "s"
                if name.endswith("_id") and noun in self._ids:
                    value = self._chance.choice(self._ids[noun])
                value = SENSIBLE.get(name, value)
            better[name] = value
        return better


def running(app: ASGIApp) -> ASGIApp:
    """The application without its start and end, which the test has seen to."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for turn in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{turn}.complete"})

    return run


def config(clinic: Clinic) -> dict[str, Any]:
    return {
        "seed": SEED,
        "auth": {"openapi": {"key": {"bearer": clinic.key}}},
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
        "phases": {"stateful": {"enabled": False}},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ["2xx", 304, *RULES]},
            "negative_data_rejection": {"expected-statuses": ["4xx"]},
        },
        "operations": [
            {
                "include-path-regex": SHADOWED,
                "checks": {
                    "unsupported_method": {"enabled": False},
                    "allow_header_conformance": {"enabled": False},
                },
            },
            # A form that is well written is no client that signs in.
            {
                "include-path": "/oauth/token",
                "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401]}},
            },
            # Anything at all may stand in a definition, also numbers that no machine holds.
            {
                "include-path": "/v1/protocols",
                "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, *RULES]}},
            },
        ],
    }


def test_every_operation_keeps_to_the_document(
    seeded: Seeded, signing: Signing, request: pytest.FixtureRequest
) -> None:
    # Seconds to load, so only where it is used.
    import schemathesis
    from schemathesis import engine
    from schemathesis.engine import events

    clinic = seeded.clinic
    settings = schemathesis.Config.from_dict(config(clinic))
    app = running(clinic.app)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=settings)
    sense = Sense(seeded, signing)

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        sense.put(case)

    schemathesis.hook(before_call)
    request.addfinalizer(lambda: schemathesis.hooks.unregister(before_call))

    cases: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    reached: dict[str, set[int]] = {}
    failures: dict[tuple[str, str, str], str] = {}
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            failures[event.label, "error", str(event.value)[:200]] = repr(event.info)
        if isinstance(event, events.FatalError):
            raise event.exception
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        if event.phase.value == "fuzzing":
            cases[recorder.label] += len(recorder.cases)
        for id, interaction in recorder.interactions.items():
            if interaction.response is not None:
                status = interaction.response.status_code
                statuses[status] += 1
                reached.setdefault(recorder.label, set()).add(status)
                if status >= 500:
                    failures[recorder.label, "status", str(status)] = repr(recorder.cases[id].value)
        for id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    told = str(check.failure_info.failure)[:300]
                    sent = repr(recorder.cases[id].value)[:600]
                    failures[recorder.label, check.name, told] = sent
    print(f"\n{sum(statuses.values())} requests, {sum(cases.values())} of them fuzzing: {statuses}")
    untouched = sorted(label for label, found in reached.items() if not any(s < 300 for s in found))
    assert untouched == [], "never carried out"
    assert failures == {}, "\n\n".join(f"{key}\n{sent}" for key, sent in failures.items())
    assert not any(status >= 500 for status in statuses)
    assert sum(statuses.values()) >= 5_000
    few = {label: count for label, count in cases.items() if count < EXAMPLES}
    # Where there are fewer different requests than that, all of them were made.
    assert all(not schema_has_choices(schema, label) for label in few), few

    checked = list(verification.check(clinic.database, practice_id=clinic.practice_id))
    assert [course for course in checked if course.differences] == []


def schema_has_choices(schema: Any, label: str) -> bool:
    """Whether an operation takes anything at all."""
    method, path = label.split(" ")
    operation = schema[path][method]
    return bool(list(operation.iter_parameters())) or bool(operation.body)
