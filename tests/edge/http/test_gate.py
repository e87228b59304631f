"""What is turned away at the gate, what every answer carries, and who may ask from a browser."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from app.db.engine.engine import LOOK_UPS, Database, open_database
from app.db.engine.scope import OWNER
from app.domain.errors import Overloaded
from app.edge.observability.readiness import Readiness
from app.edge.requests.streams import Streamed
from app.main import create_app
from app.settings import Settings
from tests.support.app_client import AppClient
from tests.support.clinic import NOW, Clinic, Moment

KEY = "tw_0123abcd_" + "x" * 43 + "000000"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
ORIGIN = "https://staff.example"


@contextmanager
def serving(database: Database, host: str = "127.0.0.1", **values: Any) -> Iterator[AppClient]:
    app = create_app(Settings(**values), clock=Moment(NOW), database=database)
    with AppClient(app, raise_failures=False, client=(host, 5000)) as client:
        yield client


@pytest.fixture
def http(sqlite: Database) -> Iterator[AppClient]:
    with serving(sqlite) as client:
        yield client


# --- no secrets in addresses


@pytest.mark.parametrize(
    "query",
    [
        *(f"{name}=x" for name in ("access_token", "api_key", "apikey", "key", "token", "secret")),
        *(f"{name}=x" for name in ("client_secret", "client_assertion", "password", "API-Key")),
        f"q={KEY}",
        f"q={TOKEN}",
        f"q=Bearer%20{KEY}",
        f"limit=1&q={TOKEN}",
        "limit=1&Authorization=Bearer+x",
    ],
)
@pytest.mark.parametrize("path", ["/v1/patients", "/docs", "/nowhere"])
def test_a_secret_in_the_address_is_refused_and_not_repeated(
    http: AppClient, path: str, query: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = http.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "secret-in-address")
    _, logged = capsys.readouterr()
    for hidden in (KEY, TOKEN, query):
        assert hidden not in answer.text
        assert hidden not in logged


@pytest.mark.parametrize("query", ["q=token", "q=keys", "q=Monkey%3D", "q=tw_", "mrn=eyJ", "q=a.b"])
def test_ordinary_words_are_no_secrets(http: AppClient, query: str) -> None:
    assert http.get(f"/v1/patients?{query}").status_code == 401


def test_no_query_string_is_logged(http: AppClient, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("/v1/patients", "/healthz", "/docs", "/nowhere", "/v1/worklist.csv"):
        http.get(f"{path}?q=Canary")
        http.get(f"{path}?Canary=1")
    _, logged = capsys.readouterr()
    assert len(logged.splitlines()) == 10
    assert "Canary" not in logged


# --- headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", path, 200) for path in ("/docs", "/healthz", "/readyz", "/metrics")),
        *(("GET", path, 200) for path in ("/problems/", "/openapi.json", "/docs/swagger-ui.css")),
        *(("GET", path, 404) for path in ("/nowhere", "/docs/x", "/problems/x")),
        ("GET", "/v1/me", 401),
        ("PUT", "/v1/patients", 405),
        ("GET", "/v1/me?key=1", 400),
        ("GET", "/", 307),
        ("OPTIONS", "/v1/me", 405),
    ],
)
def test_headers_of_every_answer(http: AppClient, method: str, path: str, status: int) -> None:
    answer = http.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    for name, value in {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
    }.items():
        assert answer.headers.get_list(name) == [value]
    [policy] = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "camera=()" in answer.headers["permissions-policy"]
    if path.startswith("/v1"):
        assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


# --- scripts of other origins


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "if-match"}


def test_no_other_origin_may_ask_unless_it_is_named(http: AppClient) -> None:
    answer = http.options("/v1/patients", headers={"origin": ORIGIN} | PREFLIGHT)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_origin_that_is_named(sqlite: Database) -> None:
    with serving(sqlite, cors_origins=ORIGIN, rate_per_address=3) as client:
        named = {"origin": ORIGIN}
        asked = client.options("/v1/patients", headers=named | PREFLIGHT)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in asked.headers
        assert asked.headers["x-content-type-options"] == "nosniff"
        answers = [client.get("/v1/me", headers=named) for _ in range(4)]
        assert [a.status_code for a in answers] == [401] * 3 + [429]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            shown = answer.headers["access-control-expose-headers"].split(", ")
            assert {"ETag", "Location", "Link", "Retry-After", "X-Request-ID"} < set(shown)
            assert "Idempotency-Replayed" in shown
        other = client.options("/v1/me", headers={"origin": "https://other.example"} | PREFLIGHT)
        assert other.status_code == 400
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "wrong", ["*", "null", "https://*.example", "http://staff.example", "https://a/", "staff"]
)
def test_origins_are_exact(wrong: str) -> None:
    with pytest.raises(ValueError, match="exact origins"):
        Settings(cors_origins=f"https://good.example,{wrong}")


# --- too much at once


def test_what_would_wait_too_long_is_told_at_once(sqlite: Database) -> None:
    """Four requests are held at the database, four wait; the ninth is refused, health is not."""
    url = sqlite.engine.url.render_as_string(hide_password=False)
    database = open_database(url, pool_size=4, spare=2, busy_timeout=20)
    with serving(database, most_waiting=8) as http, ThreadPoolExecutor(8) as threads:
        clinic = Clinic(http, database, Moment(NOW), "UTC")
        assert clinic.call("GET", "/me").status_code == 200
        limit = http.app.state.app_context.concurrency  # type: ignore[attr-defined]
        held = threading.Event()
        answers: list[Any] = []
        with sqlite.write(OWNER):  # no other write gets its turn meanwhile
            body = {"name": "Main", "time_zone": "UTC"}
            tasks = [threads.submit(clinic.call, "POST", "/locations", body) for _ in range(8)]
            while limit.inside < 8 and not held.wait(0.01):
                pass
            answers += [clinic.call("GET", "/me"), clinic.call("POST", "/locations", body)]
            health = [http.get(path).status_code for path in ("/healthz", "/readyz") * 3]
        assert [task.result().status_code for task in tasks] == [201] * 8
        assert health == [200] * 6
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
        assert clinic.call("GET", "/me").status_code == 200
        assert limit.inside == 0
    database.dispose()


def test_ready_while_every_connection_of_requests_is_taken(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    small = open_database(url, pool_size=2, spare=1, busy_timeout=0.2)
    assert small.connections == 2
    at = [1000.0]
    with serving(small) as http:
        http.app.state.readiness = Readiness(small, timer=lambda: at[0])  # type: ignore[attr-defined]
        with small.read(OWNER), small.read(OWNER):
            assert http.get("/readyz").status_code == 200
        with small.read(OWNER), small.read(OWNER), small.read(OWNER):
            # However many ask, the database is asked once a second.
            at[0] += 0.9
            assert http.get("/readyz").status_code == 200
            at[0] += 0.1
            assert http.get("/readyz").status_code == 503
        assert http.get("/readyz").status_code == 503
        at[0] += 1
        assert http.get("/readyz").status_code == 200
    small.dispose()


def test_whoever_is_known_waits_for_no_look_up(sqlite: Database) -> None:
    with serving(sqlite) as http:
        clinic = Clinic(http, sqlite, Moment(NOW), "UTC")
        stranger = clinic.neighbour()
        assert clinic.call("GET", "/me").status_code == 200
        callers = http.app.state.app_context.callers  # type: ignore[attr-defined]
        free = threading.Event()
        with ThreadPoolExecutor(1) as beside:
            for _ in range(LOOK_UPS):
                callers._threads.submit(free.wait)
            late = beside.submit(stranger.call, "GET", "/me")
            known = [clinic.call("GET", path) for path in ("/me", "/worklist.csv")]
            health = http.get("/readyz")
            waits = not late.done()
            free.set()
            assert [answer.status_code for answer in (*known, health)] == [200] * 3
            assert waits
            assert late.result().status_code == 200


def test_a_table_takes_room_until_it_has_been_read(sqlite: Database) -> None:
    with serving(sqlite, most_waiting=1) as http:
        clinic = Clinic(http, sqlite, Moment(NOW), "UTC")
        around = http.app.state.app_context  # type: ignore[attr-defined]
        inside: list[int] = []

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            async def sent(message: Any) -> None:
                inside.append(around.concurrency.inside)
                await send(message)

            await http.app(scope, receive, sent)

        headers = {"authorization": f"Bearer {clinic.key}"}
        answer = AppClient(watched).get("/v1/worklist.csv", headers=headers)
        assert (answer.status_code, set(inside), around.concurrency.inside) == (200, {1}, 0)

        # Someone came in between: nothing of the table has been sent yet.
        streamed = Streamed(iter(["a"]), around, headers={}, media_type="text/csv")
        with around.concurrency, pytest.raises(Overloaded):
            asyncio.run(streamed({}, None, None))  # type: ignore[arg-type]


def test_a_failure_leaves_the_room_empty(sqlite: Database) -> None:
    with serving(sqlite, most_waiting=1) as http:
        clinic = Clinic(http, sqlite, Moment(NOW), "UTC")
        for _ in range(3):
            assert clinic.call("GET", "/patients/nothing").status_code == 404
            assert clinic.call("GET", "/worklist?cursor=x").status_code == 422
        assert clinic.call("GET", "/me").status_code == 200


@pytest.mark.parametrize("depth", [65, 100_000])
def test_nesting(sqlite: Database, depth: int) -> None:
    with serving(sqlite) as http:
        clinic = Clinic(http, sqlite, Moment(NOW), "UTC")
        sent = {"authorization": f"Bearer {clinic.key}", "content-type": "application/json"}
        answer = http.post("/v1/patients", content=b"[" * depth + b"]" * depth, headers=sent)
        assert (answer.status_code, json.loads(answer.text)["code"]) == (400, "bad-json")


def test_every_operation_with_a_key_says_that_it_can_be_too_much(http: AppClient) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    found = [op for path in paths.values() for op in path.values() if op.get("security")]
    assert len(found) > 50
    for operation in found:
        assert "Retry-After" in operation["responses"]["429"]["headers"]
        assert "overloaded" in operation["responses"]["503"]["description"]
