"""The practice's sandbox: make it, make its keys, empty it. Only its own keys open it."""

from __future__ import annotations

from app.api.key_shapes import ApiKeyMadeOut, ApiKeyOut, Scopes
from app.api.key_shapes import shown as key_shown
from app.api.shapes import Record, Resource, example, stamps
from app.db.rows.base import picked
from app.db.rows.practice import PracticeRow
from app.edge.input.fields import Body, Instant, Text
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.practice import sandboxes

router = ResourceRouter(tag="sandbox")


class SandboxKeyIn(Body):
    """For a system of that name; without `scopes` it may do everything there."""

    model_config = example({"name": "EHR test", "scopes": ["worklist:search"]})

    name: Text
    scopes: Scopes | None = None
    expires_at: Instant | None = None


class SandboxOut(Resource):
    name: str
    time_zone: str
    keys: list[ApiKeyOut]


class ResetOut(SandboxOut):
    """`removed` counts what went, by kind."""

    removed: dict[str, int]


@router.read("/sandbox", permission="sandbox:read", patients=False, response_model=SandboxOut)
def show(ctx: Ctx) -> Answer:
    """Return the practice's sandbox with its keys; 404 where there is none yet."""
    sandbox = sandboxes.find(ctx.app_context.database, ctx.db, practice_id=ctx.practice_id)
    return Answer(_shown(ctx, sandbox))


@router.write(
    "POST",
    "/sandbox",
    permission="sandbox:create",
    response_model=SandboxOut,
    may_create=True,
    problems=("wrong-state",),
)
def found(ctx: Ctx) -> Answer:
    """Make the practice's sandbox (201), or return the one there is."""
    database = ctx.app_context.database
    sandbox, new = sandboxes.find_or_create(database, ctx.db, by=ctx.by, now=ctx.now)
    where = "/v1/sandbox" if new else None
    return Answer(_shown(ctx, sandbox), 201 if new else 200, location=where)


@router.write(
    "POST", "/sandbox/keys", permission="sandbox:create", response_model=ApiKeyMadeOut, status=201
)
def make_key(ctx: Ctx, body: SandboxKeyIn) -> Answer:
    """Make a key of the sandbox; `key` is shown this once."""
    made, key = sandboxes.make_key(
        ctx.app_context.database,
        ctx.db,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        by=ctx.by,
        now=ctx.now,
    )
    return Answer(key_shown(made) | {"key": key}, 201, location="/v1/sandbox", secret="key")  # noqa: S106


@router.write(
    "POST",
    "/sandbox/reset",
    permission="sandbox:update",
    response_model=ResetOut,
    problems=("wrong-state",),
)
def reset(ctx: Ctx) -> Answer:
    """Empty the sandbox; its keys, staff, log and published protocols stay."""
    sandbox, removed = sandboxes.reset(ctx.app_context.database, ctx.db, by=ctx.by, now=ctx.now)
    return Answer(_shown(ctx, sandbox) | {"removed": removed})


def _shown(ctx: RequestContext, sandbox: PracticeRow) -> Record:
    held = sandboxes.keys_of(ctx.app_context.database, ctx.db, sandbox=sandbox)
    shown = picked(sandbox, ("id", "name", "time_zone"))
    return shown | stamps(sandbox) | {"keys": [key_shown(key) for key in held]}
