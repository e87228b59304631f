"""API keys: who or what calls this service, how far each key goes, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query as FromQuery

from app.api import lists
from app.api.key_shapes import ApiKeyMadeOut, ApiKeyOut, Scopes, shown
from app.api.lists import PageQuery
from app.api.shapes import Record, example, listing
from app.db.models import ApiKey
from app.db.queries import table_rows as rows
from app.db.rows.access import ApiKeyRow
from app.edge.input.fields import Body, Id, Instant, PathId, Text, count
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.access import keys

router = ResourceRouter(tag="access")


class ApiKeyIn(Body):
    """It acts as a member of staff, or else as the system it is named for.

    Without `scopes` it may do all that whoever it acts as may do.
    """

    model_config = example({"name": "Waiting room", "scopes": ["worklist:search"]})

    name: Text
    staff_id: Id | None = None
    scopes: Scopes | None = None
    expires_at: Instant | None = None


class RotateIn(Body):
    overlap_hours: Annotated[int, count(0, 168)] = int(keys.OVERLAP / timedelta(hours=1))


@router.read("/keys", permission="keys:search", patients=False, response_model=listing(ApiKeyOut))
def list_keys(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the practice's keys, revoked ones too; never the secrets."""

    def fetch(after: str | None, limit: int) -> list[ApiKeyRow]:
        return rows.page(ctx.db, ApiKey, practice_id=ctx.practice_id, after=after, limit=limit)

    def show(api_keys: list[ApiKeyRow]) -> list[Record]:
        return [shown(key) for key in api_keys]

    return lists.by_id(ctx, query, listing="keys", fetch=fetch, show=show)


@router.write("POST", "/keys", permission="keys:create", response_model=ApiKeyMadeOut, status=201)
def make_key(ctx: Ctx, body: ApiKeyIn) -> Answer:
    """Make a key with no more rights than its maker; `key` is shown this once."""
    made, secret = keys.create(
        ctx.db,
        **body.model_dump(),
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    where = f"/v1/keys/{made['id']}"
    return Answer(shown(made) | {"key": secret}, 201, location=where, secret="key")  # noqa: S106


@router.read("/keys/{id}", permission="keys:read", patients=False, response_model=ApiKeyOut)
def show_key(ctx: Ctx, id: PathId) -> Answer:
    """Return one key, with when it was last used (noted within a minute)."""
    return Answer(shown(records.load(ctx.db, ApiKey, practice_id=ctx.practice_id, id=id)))


@router.write(
    "POST",
    "/keys/{id}/rotate",
    permission="keys:update",
    response_model=ApiKeyMadeOut,
    problems=("wrong-state",),
)
def rotate_key(ctx: Ctx, id: PathId, body: RotateIn | None = None) -> Answer:
    """Give the key a new secret, shown this once; the old one works `overlap_hours` more."""
    changed, secret = keys.rotate(
        ctx.db,
        key_id=id,
        overlap=timedelta(hours=(body or RotateIn()).overlap_hours),
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    ctx.forget_callers()
    return Answer(shown(changed) | {"key": secret}, secret="key")  # noqa: S106


@router.write("POST", "/keys/{id}/revoke", permission="keys:update", response_model=ApiKeyOut)
def revoke_key(ctx: Ctx, id: PathId) -> Answer:
    """Revoke a key for good; it is refused within 60 seconds everywhere."""
    revoked = keys.revoke(ctx.db, key_id=id, by=ctx.by, now=ctx.now)
    ctx.forget_callers()
    return Answer(shown(revoked))
