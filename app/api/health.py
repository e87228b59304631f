"""Whether the service lives and can work; public, and silent about data."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.edge.input.lazy_route import LazyRoute
from app.edge.problems.problems import answer

router = APIRouter(route_class=LazyRoute, tags=["operation"])


@router.get("/", include_in_schema=False)
async def home() -> Response:
    """Lead whoever opens the bare address to the pages made for people."""
    return RedirectResponse("/docs")


@router.get("/healthz")
async def healthz() -> Response:
    """Answer 200 while the process serves at all."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 200 when the database answers and its schema is the one this program knows."""
    state = await request.app.state.readiness.state()
    if state == "away":
        return answer("database-away")
    if state == "another schema":
        return answer(
            "unavailable",
            "The database's tables are not those of this program: run twelveweeks db upgrade.",
        )
    return JSONResponse({"status": "ready"})
