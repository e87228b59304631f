"""A small application behind the real edge, without keys: its routes read as strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.db.engine.failures import DatabaseAway, DatabaseBusy
from app.domain import errors
from app.edge.http.limits import Limits
from app.edge.http.request_log import RequestLog
from app.edge.input import fields
from app.edge.input.strict_route import StrictInputRoute
from app.edge.observability.metrics import Metrics
from app.edge.problems import problem_pages, problems
from tests.support.app_client import AppClient

UUID = "018f2f64-5c3a-7b1e-9d2f-0123456789ab"


class Omit(fields.Body):
    site: fields.Code
    reason: fields.LongText | None = None


class Chart(fields.Body):
    omit: list[Omit] = Field(default=[], max_length=40)


class Booked(fields.Body):
    status: Literal["booked"]
    starts_at: fields.Instant


class Given(fields.Body):
    status: Literal["given"]
    given_on: fields.Day


class Everything(fields.Body):
    name: fields.Text
    note: fields.LongText | None = None
    day: fields.Day | None = None
    at: fields.Instant | None = None
    units: fields.Units | None = None
    count: Annotated[int, fields.count(0, 10)] | None = None
    owner: fields.Id | None = None
    zone: fields.TimeZoneName | None = None
    sex: Literal["female", "male"] | None = None
    active: bool | None = None
    chart: Chart | None = None
    visit: Annotated[Booked | Given, Field(discriminator="status")] | None = None


class Filters(fields.Query):
    due_from: fields.Day | None = None
    limit: Annotated[int, fields.query_count(1, 200)] = 50
    status: Annotated[tuple[str, ...] | None, fields.comma_list("overdue", "due")] = None


def build() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.router.route_class = StrictInputRoute
    metrics = Metrics()

    @app.post("/v1/things")
    def make(body: Everything) -> JSONResponse:
        shown = body.model_dump(mode="json", exclude_unset=True)
        if body.units is not None:
            shown["hundredths"] = body.units
            shown["units"] = fields.to_number(body.units)
        return JSONResponse(shown, 201)

    @app.patch("/v1/things/{thing_id}")
    def change(thing_id: fields.PathId, body: Everything) -> dict[str, str]:
        return {"id": thing_id}

    @app.get("/v1/things/{thing_id}")
    def read(thing_id: fields.PathId) -> dict[str, str]:
        return {"id": thing_id}

    @app.get("/v1/things")
    def listed(query: Annotated[Filters, Query()]) -> dict[str, Any]:
        return query.model_dump(mode="json")

    # As the import of a spreadsheet does: they read the body themselves.
    own_body: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}

    @app.post("/v1/imports/history", openapi_extra=own_body)
    async def load(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/v1/raw", openapi_extra=own_body)
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    failures: dict[str, Callable[[], Exception]] = {
        "crash": lambda: RuntimeError("Jane Canary 123-45-6789"),
        "busy": lambda: DatabaseBusy("Jane Canary"),
        "away": lambda: DatabaseAway("Jane Canary"),
        "duplicate": lambda: errors.Duplicate(existing_id=UUID),
        "early": lambda: errors.BookedTooEarly(
            "Before 2026-03-30.", earliest_on=None, rule="interval", override=True
        ),
        "unauthenticated": errors.Unauthenticated,
        "unlisted": lambda: errors.Refusal("Nobody gave this a status."),
        "cursor": errors.BadCursor,
        "forbidden": lambda: HTTPException(403, "Jane Canary"),
        "teapot": lambda: HTTPException(418, "Jane Canary"),
        "limited": lambda: HTTPException(429, headers={"Retry-After": "7"}),
    }

    @app.get("/v1/fail/{how}")
    def fail(how: str) -> None:
        raise failures[how]()

    app.router.routes += problem_pages.router.routes
    app.add_api_route("/metrics", metrics.answer, include_in_schema=False)
    problems.install(app)
    app.add_middleware(Limits)
    app.add_middleware(RequestLog, metrics=metrics)
    return app


def client() -> AppClient:
    """A client that re-raises nothing: what leaves the app is what a caller meets."""
    return AppClient(build())


def post(at: AppClient, body: bytes | dict[str, Any], kind: str = "application/json") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return at.post("/v1/things", content=content, headers={"content-type": kind})
