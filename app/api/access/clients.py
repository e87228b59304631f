"""Clients: systems of the practice that fetch tokens with a key of their own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query as FromQuery
from pydantic import Field

from app.api import plain
from app.api.pages import PageQuery
from app.api.plain import Noun
from app.api.shapes import Resource, example, listing, patch
from app.db.models import Client
from app.edge.input.fields import Body, PathId, Text
from app.edge.input.preconditions import etag
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Working
from app.services import records
from app.services.access import clients

router = Door(tag="tokens")
Scopes = Annotated[list[Text], Field(min_length=1, max_length=100)]
CLIENT = Noun(
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


@router.read("/clients", may="clients:search", patients=False, gives=listing(ClientOut))
def list_clients(work: Working, query: Annotated[PageQuery, FromQuery()]) -> Answer:
    """List the clients, inactive ones too."""
    return plain.page(work, CLIENT, query)


@router.write("POST", "/clients", may="clients:create", gives=ClientOut, status=201)
def add_client(work: Working, body: ClientIn) -> Answer:
    """Register a client with its public keys, or where it publishes them."""
    made = clients.register(
        work.db,
        **body.model_dump(),
        allowed=work.surroundings.allowed_hosts,
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, CLIENT, made, created=True)


@router.read("/clients/{id}", may="clients:read", patients=False, gives=ClientOut, tagged=True)
def show_client(work: Working, id: PathId) -> Answer:
    """Return one client."""
    return plain.one(work, CLIENT, id)


@router.write("PATCH", "/clients/{id}", may="clients:update", gives=ClientOut)
def change_client(work: Working, id: PathId, body: ClientPatch) -> Answer:
    """Change a client; one that is not active is refused within 60 seconds."""
    client = records.load(work.db, Client, practice_id=work.practice_id, id=id)
    work.require_match(etag(client["version"]))
    changed = clients.change(
        work.db,
        client=client,
        values=patch(body, *CLIENT.required),
        allowed=work.surroundings.allowed_hosts,
        giver=work.caller.giver,
        by=work.by,
        now=work.now,
    )
    return plain.answer(work, CLIENT, changed)
