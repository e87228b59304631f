"""Clients: systems of the practice that fetch tokens with a key of their own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import crud
from app.api.crud import ResourceSpec
from app.api.lists import PageQuery
from app.api.shapes import Resource, changes_of, example, listing
from app.db.models import Client
from app.db.rows.access import ClientValues
from app.edge.input.fields import Body, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services import records
from app.services.access import clients

router = ResourceRouter(tag="tokens")
Scopes = Annotated[list[Text], Field(min_length=1, max_length=100)]
CLIENT = ResourceSpec(
    Client,
    clients.KIND,
    "clients",
    ("name", "jwks", "jwks_url", "scopes", "active"),
    ("name", "scopes", "active"),
    identified=False,
)


class ClientIn(Body):
    model_config = example(
        {
            "name": "Data warehouse",
            "jwks_url": "https://warehouse.example.org/jwks.json",
            "scopes": ["system/Patient.rs", "worklist:search"],
        }
    )

    name: Text
    jwks: dict[str, Any] | None = None
    jwks_url: Text | None = None
    scopes: Scopes


class ClientPatch(Body):
    name: Text | None = None
    jwks: dict[str, Any] | None = None
    jwks_url: Text | None = None
    scopes: Scopes | None = None
    active: bool | None = None


class ClientOut(Resource):
    """Its `id` is the client id: `iss` and `sub` of what it signs."""

    name: str
    jwks: dict[str, Any] | None
    jwks_url: str | None
    scopes: list[str]
    active: bool


@router.read(
    "/clients", permission="clients:search", patients=False, response_model=listing(ClientOut)
)
def list_clients(ctx: Ctx, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the clients, inactive ones too."""
    return crud.page(ctx, CLIENT, query)


@router.write("POST", "/clients", permission="clients:create", response_model=ClientOut, status=201)
def add_client(ctx: Ctx, body: ClientIn) -> Answer:
    """Register a client with its public keys, or where it publishes them."""
    made = clients.register(
        ctx.db,
        **body.model_dump(),
        allowed=ctx.app_context.allowed_hosts,
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, CLIENT, made, created=True)


@router.read(
    "/clients/{id}", permission="clients:read", patients=False, response_model=ClientOut, etag=True
)
def show_client(ctx: Ctx, id: PathId) -> Answer:
    """Return one client."""
    return crud.one(ctx, CLIENT, id)


@router.write("PATCH", "/clients/{id}", permission="clients:update", response_model=ClientOut)
def change_client(ctx: Ctx, id: PathId, body: ClientPatch) -> Answer:
    """Change a client; one that is not active is refused within 60 seconds."""
    client = records.load(ctx.db, Client, practice_id=ctx.practice_id, id=id)
    ctx.require_match(etag(client["version"]))
    changed = clients.change(
        ctx.db,
        client=client,
        values=changes_of(body, ClientValues, *CLIENT.required),
        allowed=ctx.app_context.allowed_hosts,
        giver=ctx.caller.giver,
        by=ctx.by,
        now=ctx.now,
    )
    return crud.answer(ctx, CLIENT, changed)
