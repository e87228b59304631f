"""Protocols and their versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body as FromBody
from pydantic import BaseModel

from app.api.shapes import Shape
from app.edge.input.fields import PathCode, path_number
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.charting import protocols

router = ResourceRouter(tag="protocols")


class ProtocolRef(Shape):
    code: str
    version: int
    name: str
    state: str
    built_in: bool


class ProtocolList(BaseModel):
    items: list[ProtocolRef]
    next_cursor: str | None


class ProtocolOut(ProtocolRef):
    """A version: areas in injection order, sites with schematic positions, limits in units."""

    product: str
    interval: dict[str, Any]
    areas: list[dict[str, Any]]
    sites: list[dict[str, Any]]
    limits: dict[str, Any]


VersionNumber = Annotated[int, path_number(1, 32_000)]


@router.read(
    "/protocols", permission="protocols:search", patients=False, response_model=ProtocolList
)
def list_protocols(ctx: Ctx) -> Answer:
    """List every version the practice can use, the built-in ones first."""
    items = protocols.listed(ctx.db, practice_id=ctx.practice_id)
    return Answer({"items": items, "next_cursor": None})


@router.read(
    "/protocols/{code}/versions/{number}",
    permission="protocols:read",
    patients=False,
    response_model=ProtocolOut,
    etag=True,
)
def show(ctx: Ctx, code: PathCode, number: VersionNumber) -> Answer:
    """Return one version whole."""
    return _answer(ctx, code, number)


@router.write(
    "POST",
    "/protocols",
    permission="protocols:create",
    response_model=ProtocolOut,
    status=201,
    problems=("invalid-protocol", "duplicate"),
)
def draft(ctx: Ctx, body: Annotated[dict[str, Any], FromBody()]) -> Answer:
    """Save a definition as the draft of its version; it can be replaced until it is published."""
    definition = {n: v for n, v in body.items() if n not in ("state", "built_in")}
    row = protocols.draft(ctx.db, definition, by=ctx.by, now=ctx.now)
    answer = _answer(ctx, row["code"], row["number"])
    answer.status = 201
    answer.location = f"/v1/protocols/{row['code']}/versions/{row['number']}"
    return answer


@router.write(
    "POST",
    "/protocols/{code}/versions/{number}/publish",
    permission="protocols:update",
    response_model=ProtocolOut,
    problems=("protocol-published",),
)
def publish(ctx: Ctx, code: PathCode, number: VersionNumber) -> Answer:
    """Publish a draft: new courses use it, and it never changes again."""
    protocols.publish(ctx.db, code=code, number=number, by=ctx.by, now=ctx.now)
    return _answer(ctx, code, number)


def _answer(ctx: RequestContext, code: str, number: int) -> Answer:
    shown, version = protocols.definition(
        ctx.db, practice_id=ctx.practice_id, code=code, number=number
    )
    return Answer(shown, etag=etag(version))
