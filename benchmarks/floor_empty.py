"""Floor (f): FastAPI without a database, sending bytes of the same size.

Run as `python -m benchmarks.floor_empty WORKLIST SESSION`, two files with the answers.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response

from benchmarks import floor_edge
from benchmarks.floor_shapes import SessionIn


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    floor_edge.settle_collector()
    yield


app = FastAPI(lifespan=_lifespan, openapi_url=None)


@app.get("/v1/worklist")
async def worklist(limit: int = 50, cursor: str | None = None) -> Response:
    return Response(app.state.worklist, media_type="application/json")


@app.post("/v1/courses/{id}/sessions")
async def add_session(id: str, body: SessionIn) -> Response:
    return Response(app.state.session, 201, media_type="application/json")


if __name__ == "__main__":
    app.state.worklist, app.state.session = (Path(name).read_bytes() for name in sys.argv[1:3])
    floor_edge.serve(app)
