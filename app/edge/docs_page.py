"""`/docs`: the OpenAPI document for people, with every file of it served from here."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from app.domain.errors import NotFound
from app.edge.input.lazy_route import LazyRoute

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(prefix="/docs", route_class=LazyRoute, include_in_schema=False)


@cache
def _page() -> tuple[bytes, str]:
    html = bytes(
        get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Twelveweeks API",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
            # Without this the page would ask a public service to judge the document.
            swagger_ui_parameters={"validatorUrl": None},
        ).body
    )
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in _SCRIPT.findall(html.decode())
    )
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return html, policy


@cache
def _asset(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()


@router.get("")
async def page() -> HTMLResponse:
    """The page; it runs no script but its own, which the policy names by hash."""
    html, policy = _page()
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


@router.get("/{name}")
async def asset(name: str) -> Response:
    """One of the page's files."""
    if name not in _ASSETS:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(_asset(name), headers=headers, media_type=_ASSETS[name])
