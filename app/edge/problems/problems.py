"""RFC 9457 answers: every failure becomes `application/problem+json` that quotes nothing.

`install(app)` registers the handlers; `answer(code)` makes one such response by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from app.db.engine.failures import DatabaseAway, DatabaseBusy
from app.domain.errors import Invalid, NotFound, Refusal, TooManyRequests
from app.edge.input.validation import explain
from app.edge.observability import logs
from app.edge.problems.problem_kinds import OF_ERROR, OF_STATUS, PROBLEMS, ProblemKind
from app.edge.problems.problem_openapi import document

MEDIA_TYPE = "application/problem+json"

_HEADERS: dict[str, dict[str, str]] = {
    "unauthenticated": {"WWW-Authenticate": "Bearer"},
    "contended": {"Retry-After": "1"},
    "idempotency-pending": {"Retry-After": "1"},
    "database-busy": {"Retry-After": "1"},
    "database-away": {"Retry-After": "5"},
    "unavailable": {"Retry-After": "1"},
    "overloaded": {"Retry-After": "1"},
    "issuer-unreachable": {"Retry-After": "30"},
}
_DETAILS = {
    "database-busy": "The database is busy with other writes. Nothing was saved; try again.",
    "database-away": "The database cannot be reached. Try again shortly.",
    "internal-error": "The service failed; nothing was saved. Report it with the X-Request-ID.",
    "method-not-allowed": "This address does not take that method; Allow lists those it takes.",
    "not-found": NotFound.default,
    "bad-request": "The request is not valid HTTP.",
}


def _problem(
    kind: ProblemKind,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    fixed: dict[str, object] = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": kind.code,
    }
    if errors is not None:
        fixed["errors"] = errors
    # Twice: first for the order people read in, last so that no extension replaces them.
    body = {**fixed, **(facts or {}), **fixed}
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, default=str).encode()
    all_headers = {**_HEADERS.get(kind.code, {}), **(headers or {})}
    return Response(content, kind.status, all_headers, MEDIA_TYPE)


def answer(
    code: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **facts: object,
) -> Response:
    """The answer for one code of the registry; `facts` become extension members."""
    kind = PROBLEMS[code]
    return _problem(
        kind, detail or _DETAILS.get(code) or kind.explanation, facts=facts, headers=headers
    )


def of_refusal(refusal: Refusal) -> Response:
    """The answer to a refusal; one without a row in the table is a fault (500), not a guess."""
    for cls in type(refusal).__mro__:
        kind = OF_ERROR.get(cls)
        if kind is not None:
            errors = (
                [{"pointer": pointer, "detail": detail} for pointer, detail in refusal.errors]
                if isinstance(refusal, Invalid)
                else None
            )
            headers = (
                {"Retry-After": str(refusal.retry_after)}
                if isinstance(refusal, TooManyRequests)
                else None
            )
            return _problem(
                kind, refusal.detail, errors=errors, facts=refusal.facts, headers=headers
            )
    # The table is incomplete; the log must tell, for nothing else failed.
    logs.failure(refusal)
    return answer("internal-error")


def code_of(failure: Exception) -> str | None:
    """The code a failure is answered with when it is a refusal, None when it is a fault."""
    if isinstance(failure, Refusal):
        return failure.code
    if isinstance(failure, RequestValidationError):
        return Invalid.code
    if isinstance(failure, HTTPException) and 400 <= failure.status_code < 500:
        return OF_STATUS.get(failure.status_code, OF_STATUS[400]).code
    return None


# --- handlers: async, because starlette would send plain functions to a thread --------------------


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101
    return of_refusal(error)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return of_refusal(Invalid(*explain(error.errors(), error.body)))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 405:
        return answer("method-not-allowed", headers={"Allow": _allowed(request)})
    kind = OF_STATUS.get(error.status_code)
    if kind is None:
        if error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        kind = OF_STATUS[400 if error.status_code < 500 else 500]
    return answer(kind.code, headers=error.headers)


def _allowed(request: Request) -> str:
    """The methods of this address. The router names only those of the first route it met there."""
    routes = request.app.router.routes
    methods = [
        method
        for method in ("GET", "POST", "PATCH")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return ", ".join(methods)


async def _busy(request: Request, error: Exception) -> Response:
    return answer("database-busy")


async def _away(request: Request, error: Exception) -> Response:
    return answer("database-away")


async def unhandled(request: Request, error: Exception) -> Response:
    """500 without detail; the log gets the type and the frames, never a message or a value."""
    logs.failure(error, request_id=request.scope.get("state", {}).get("request_id"))
    return answer("internal-error")


def install(app: FastAPI) -> None:
    """Register all handlers and describe the problems in the app's OpenAPI document."""
    handlers: dict[Any, Any] = {
        Refusal: _refused,
        RequestValidationError: _malformed,
        HTTPException: _http,
        DatabaseBusy: _busy,
        DatabaseAway: _away,
        Exception: unhandled,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    document(app)
