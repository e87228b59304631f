"""Tokens for systems: the endpoint, its public keys, and what SMART clients look for first."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.domain import smart
from app.domain.errors import NotFound
from app.edge.problem_openapi import responses_for
from app.edge.token_endpoint import Denied, TokenEndpoint
from app.edge.tokens import ASSERTION_ALGORITHMS

router = APIRouter(tags=["tokens"])

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
                        "grant_type": {"const": "client_credentials"},
                        "client_assertion_type": {
                            "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                        },
                        "client_assertion": {"type": "string", "maxLength": 8192},
                        "scope": {"type": "string", "maxLength": 4000},
                    },
                }
            }
        },
    }
}


class Token(BaseModel):
    """A token, and the scopes of those asked for that it has."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    scope: str


class Denial(BaseModel):
    """Why there is no token, in a word of RFC 6749."""

    error: Literal[
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "temporarily_unavailable",
        "unsupported_grant_type",
    ]


_NOT_HERE = responses_for("not-found")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    **_NOT_HERE,
    **responses_for("too-many-requests"),
    400: {"description": "The request is none, or asks for nothing it may have.", "model": Denial},
    401: {"description": "The client did not sign in.", "model": Denial},
    503: {"description": "Nothing can be signed or looked up just now.", "model": Denial},
}


def _endpoint(request: Request) -> TokenEndpoint:
    found: TokenEndpoint | None = request.app.state.token_endpoint
    if found is None:
        raise NotFound("Tokens are not made here: the service does not know its own address.")
    return found


@router.post(
    "/oauth/token",
    operation_id="oauth.token",
    openapi_extra=_FORM,
    response_model=Token,
    responses=_ANSWERS,
)
async def token(request: Request) -> Response:
    """Give a client a token for the scopes it asks for; it signs in with a signed assertion."""
    endpoint = _endpoint(request)
    try:
        answer = await endpoint.answer(request, request.app.state.surroundings.clock())
    except Denied as denied:
        waiting = {"Retry-After": "30"} if denied.status == 503 else {}
        return JSONResponse({"error": denied.error}, denied.status, _NOT_STORED | waiting)
    return JSONResponse(answer, headers=_NOT_STORED)


@router.get("/.well-known/jwks.json", operation_id="oauth.keys", responses=_NOT_HERE)
async def keys(request: Request) -> Response:
    """Return the public keys of the tokens made here."""
    return JSONResponse(await _endpoint(request).own.published(), headers=_CACHED)


@router.get(
    "/.well-known/smart-configuration", operation_id="oauth.configuration", responses=_NOT_HERE
)
async def configuration(request: Request) -> Response:
    """Return where and how tokens are to be had (SMART App Launch 2.2)."""
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
