"""Tokens for systems: the endpoint, its public keys, and what SMART clients look for first."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.access.token_endpoint import Denied, TokenEndpoint
from app.domain.access import smart
from app.domain.errors import NotFound
from app.edge.auth.tokens import ASSERTION_ALGORITHMS
from app.edge.input.lazy_route import LazyRoute
from app.edge.problems.problem_openapi import responses_for

router = APIRouter(route_class=LazyRoute, tags=["tokens"])

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CACHED = {"Cache-Control": "public, max-age=60"}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": [
                        "grant_type",
                        "client_assertion_type",
                        "client_assertion",
                        "scope",
                    ],
                    "properties": {
                        "grant_type": {"type": "string", "const": "client_credentials"},
                        "client_assertion_type": {
                            "type": "string",
                            "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                        },
                        "client_assertion": {
                            "type": "string",
                            "maxLength": 8192,
                            "description": "A JWT that the client signed, good for one token.",
                        },
                        "scope": {
                            "type": "string",
                            "maxLength": 4000,
                            "description": "Scopes with spaces between, as system/Patient.rs.",
                        },
                    },
                }
            }
        },
    }
}


_TOKEN = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": {"type": "string"},
        "token_type": {"type": "string", "const": "bearer"},
        "expires_in": {"type": "integer", "description": "Seconds."},
        "scope": {"type": "string", "description": "Granted: all scopes asked for, or some."},
    },
}
_ERROR = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "string"}},
            }
        }
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The token.", "content": {"application/json": {"schema": _TOKEN}}},
    400: {"description": "The form cannot be read, or asks for what is not granted.", **_ERROR},
    401: {"description": "The client did not sign in.", **_ERROR},
}
_CAN = ("not-found", "too-many-requests")


def _endpoint(request: Request) -> TokenEndpoint:
    endpoint: TokenEndpoint | None = request.app.state.token_endpoint
    if endpoint is None:
        raise NotFound("This service makes no tokens: TWELVEWEEKS_PUBLIC_URL is not set.")
    return endpoint


@router.post(
    "/oauth/token",
    operation_id="oauth.token",
    summary="Give a client a token for the scopes it asks for",
    openapi_extra=_FORM,
    responses=responses_for(*_CAN, "content-too-large", "overloaded") | _ANSWERS,
)
async def token(request: Request) -> Response:
    """Give a client a token for the scopes it asks for; it signs in with a signed assertion."""
    endpoint = _endpoint(request)
    try:
        answer = await endpoint.answer(request, request.app.state.app_context.clock())
    except Denied as denied:
        waiting = {"Retry-After": "30"} if denied.status == 503 else {}
        return JSONResponse({"error": denied.error}, denied.status, _NOT_STORED | waiting)
    return JSONResponse(answer, headers=_NOT_STORED)


@router.get(
    "/.well-known/jwks.json",
    operation_id="oauth.keys",
    summary="Return the public keys of the tokens made here",
    responses=responses_for(*_CAN),
)
async def keys(request: Request) -> Response:
    """Return the public keys of the tokens made here."""
    return JSONResponse(await _endpoint(request).own.published(), headers=_CACHED)


@router.get(
    "/.well-known/smart-configuration",
    operation_id="oauth.configuration",
    summary="Return where and how to get tokens",
    responses=responses_for(*_CAN),
)
async def configuration(request: Request) -> Response:
    """Return where and how to get tokens (SMART App Launch 2.2)."""
    own = _endpoint(request).own
    told: dict[str, Any] = {
        "issuer": own.url,
        "jwks_uri": f"{own.url}/.well-known/jwks.json",
        "token_endpoint": own.endpoint,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": sorted(ASSERTION_ALGORITHMS),
        "scopes_supported": [
            f"system/{resource}.{''.join(letter for letter in 'cruds' if letter in table)}"
            for resource, table in smart.RESOURCES.items()
        ],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
    return JSONResponse(told, headers=_CACHED)
