"""Protocols and their versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body as FromBody
from pydantic import BaseModel

from app.api.shapes import Shape
from app.edge.input.fields import PathCode, path_number
from app.edge.input.preconditions import etag
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services.charting import protocols

router = Door(tag="protocols")


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


@router.read("/protocols", may="protocols:search", patients=False, gives=ProtocolList)
def list_protocols(work: Working) -> Answer:
    """List every version the practice can use, the built-in ones first."""
    items = protocols.listed(work.db, practice_id=work.practice_id)
    return Answer({"items": items, "next_cursor": None})


@router.read(
    "/protocols/{code}/versions/{number}",
    may="protocols:read",
    patients=False,
    gives=ProtocolOut,
    tagged=True,
)
def show(work: Working, code: PathCode, number: VersionNumber) -> Answer:
    """Return one version whole."""
    return _answer(work, code, number)


@router.write(
    "POST",
    "/protocols",
    may="protocols:create",
    gives=ProtocolOut,
    status=201,
    can=("invalid-protocol", "duplicate"),
)
def draft(work: Working, body: Annotated[dict[str, Any], FromBody()]) -> Answer:
    """Save a definition as the draft of its version; it can be replaced until it is published."""
    definition = {n: v for n, v in body.items() if n not in ("state", "built_in")}
    row = protocols.draft(work.db, definition, by=work.by, now=work.now)
    answer = _answer(work, row["code"], row["number"])
    answer.status = 201
    answer.location = f"/v1/protocols/{row['code']}/versions/{row['number']}"
    return answer


@router.write(
    "POST",
    "/protocols/{code}/versions/{number}/publish",
    may="protocols:update",
    gives=ProtocolOut,
    can=("protocol-published",),
)
def publish(work: Working, code: PathCode, number: VersionNumber) -> Answer:
    """Publish a draft: new courses use it, and it never changes again."""
    protocols.publish(work.db, code=code, number=number, by=work.by, now=work.now)
    return _answer(work, code, number)


def _answer(work: Work, code: str, number: int) -> Answer:
    shown, version = protocols.definition(
        work.db, practice_id=work.practice_id, code=code, number=number
    )
    return Answer(shown, etag=etag(version))
