"""Floor (e): two endpoints written by hand on FastAPI and asyncpg, for a fair comparison.

The same work with nothing around it: key check, practice scope, settings and closures, the
history read, the rules of `app.domain`, the audit row, the schedule rewritten, the same answer.
No SQLAlchemy, no layers, no metrics, no strictness beyond FastAPI's own.

Run as `python -m benchmarks.floor_raw URL`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from fastapi import FastAPI, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.domain.dates import local_day
from app.domain.ids import new_id
from app.edge.input import cursors
from benchmarks import floor_edge, floor_session, floor_worklist
from benchmarks.floor_edge import Caller
from benchmarks.floor_shapes import SessionIn

_POOL = 8
_NO_FILTERS = dict.fromkeys(("status", "booking", "flag", "action"), "()")
_KEY = """
SELECT k.practice_id::text, p.time_zone, k.id::text, k.name
FROM credential c JOIN api_key k ON k.practice_id = c.practice_id AND k.id = c.holder_id
JOIN practice p ON p.id = k.practice_id
WHERE c.digest = $1 AND k.revoked_at IS NULL
"""
_SEEN = """
INSERT INTO audit_event (practice_id, id, at, by_type, by_name, credential_id, action, outcome,
    resource_type, patients, request_id, address, changes)
VALUES ($1, $2, $3, 'system', $4, $5, 'worklist.show', 'shown', 'worklist', $6, $7, $8, '{}')
"""


async def _nothing(connection: Any) -> None:
    """asyncpg asks the server to forget everything after each use; nothing here needs that."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        sys.argv[1],
        min_size=_POOL,
        max_size=_POOL,
        reset=_nothing,
        server_settings={"timezone": "UTC", "jit": "off"},
    ) as pool:

        async def look_up(digest: bytes) -> Caller | None:
            row = await pool.fetchrow(_KEY, digest)
            return Caller(*row) if row else None

        app.state.pool = pool
        app.state.keys = floor_edge.Keys(look_up)
        floor_edge.settle_collector()
        yield


app = FastAPI(lifespan=_lifespan, openapi_url=None)


@asynccontextmanager
async def _of_practice(caller: Caller) -> AsyncIterator[Any]:
    """A transaction confined to the practice: begun in one message, saved unless it fails."""
    async with app.state.pool.acquire() as db:
        await db.execute(
            f"BEGIN; SET LOCAL ROLE twelveweeks_app; SET LOCAL app.practice_id = "
            f"'{caller.practice_id}'"
        )
        try:
            yield db
        except BaseException:
            await db.execute("ROLLBACK")
            raise
        await db.execute("COMMIT")


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(content), status, headers, "application/json")


@app.get("/v1/worklist")
async def worklist(request: Request, limit: int = 50, cursor: str | None = None) -> Response:
    caller: Caller | None = await app.state.keys.of(request.headers.get("authorization"))
    if caller is None:
        return Response(status_code=401)
    request.scope["state"]["caller"] = caller
    now = datetime.now(UTC)
    on = local_day(now, caller.time_zone)
    async with _of_practice(caller) as db:
        setting = await db.fetchrow(floor_worklist.SETTING, caller.practice_id)
        arguments: tuple[Any, ...] = (caller.practice_id, on, limit + 1)
        statement = floor_worklist.PAGE
        if cursor is not None:
            found = cursors.decode(setting["cursor_key"], cursor, _NO_FILTERS, listing="worklist")
            on = date.fromisoformat(found.on or "")
            position = date.fromisoformat(str(found.position[0])), found.position[1]
            arguments = (caller.practice_id, on, limit + 1, *position)
            statement = floor_worklist.PAGE_AFTER
        rows = await db.fetch(statement, *arguments)
        seen = bytes.fromhex(
            "".join(dict.fromkeys(r["patient_id"] for r in rows[:limit])).replace("-", "")
        )
        state = request.scope["state"]
        await db.execute(
            _SEEN, caller.practice_id, new_id(now), now, caller.key_name, caller.key_id,
            seen, state["request_id"], state["address"],
        )  # fmt: skip
    plan, closures = floor_worklist.plan_of(setting), floor_worklist.closures_of(setting)
    items = [floor_worklist.item(row, on, plan, closures) for row in rows[:limit]]
    if len(rows) <= limit:
        return _json({"items": items, "next_cursor": None})
    last = rows[limit - 1]
    following = cursors.encode(
        setting["cursor_key"],
        (last["sort_on"].isoformat(), last["id"]),
        _NO_FILTERS,
        listing="worklist",
        on=on.isoformat(),
    )
    params = {name: value for name, value in request.query_params.items() if name != "cursor"}
    link = cursors.link_header(request.url.path, params, following)
    return _json({"items": items, "next_cursor": following}, 200, {"link": link})


@app.post("/v1/courses/{id}/sessions")
async def add_session(request: Request, id: str, body: SessionIn) -> Response:
    caller: Caller | None = await app.state.keys.of(request.headers.get("authorization"))
    if caller is None:
        return Response(status_code=401)
    state = request.scope["state"]
    state["caller"] = caller
    now = datetime.now(UTC)
    async with _of_practice(caller) as db:
        came = state["request_id"], state["address"]
        saved = await floor_session.give(db, caller, id, body, now, came)
    if isinstance(saved, int):
        return Response(status_code=saved)
    headers = {"etag": saved.etag, "location": f"/v1/sessions/{saved.body['id']}"}
    return _json(saved.body, 201, headers)


if __name__ == "__main__":
    floor_edge.serve(floor_edge.Logged(app))
