"""`twelveweeks issuers`: outside services whose tokens a practice takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.practices import named
from app.db.engine.engine import Connection
from app.db.models import Issuer
from app.db.queries import table_rows as rows
from app.db.rows.access import IssuerRow, IssuerSubjectValues, IssuerValues
from app.db.rows.base import picked
from app.domain.access.access import Actor
from app.domain.access.issuers import TokenForm
from app.domain.errors import NotFound
from app.services import records
from app.services.access import issuers

app = typer.Typer(help="Issuers: outside services whose tokens are accepted.")

_FIELDS = (
    "id", "name", "url", "audience", "jwks_url", "algorithms", "form", "active", "created_at",
)  # fmt: skip
_SUBJECT = ("id", "issuer_id", "subject", "name", "staff_id", "scopes", "fhir_user", "active")
_ALGORITHMS = ("RS256", "RS384", "PS256", "ES256", "ES384")
IssuerId = Annotated[str, typer.Argument(metavar="ISSUER_ID", help="As `issuers list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is.")],
    url: Annotated[str, typer.Option(help="What its tokens say in `iss`, letter by letter.")],
    audience: Annotated[str, typer.Option(help="What they say in `aud`; no other practice's.")],
    jwks_url: Annotated[str, typer.Option(help="Where it publishes its keys.")],
    algorithm: Annotated[list[str], typer.Option(help="Repeat for more.")] = ["RS256"],  # noqa: B006
    unmarked: Annotated[
        bool, typer.Option("--unmarked", help="Its access tokens do not say at+jwt.")
    ] = False,
    practice: PracticeId = None,
    as_json: Json = False,
) -> None:
    """Accept the tokens of an issuer; its subjects are named with `issuers name`."""
    if not algorithm or not set(algorithm) <= set(_ALGORITHMS):
        raise Unusable(f"--algorithm: must be one or more of {', '.join(_ALGORITHMS)}")
    chosen = context.settings()
    if url == chosen.public_url:
        raise Unusable("--url: is this service's own address; name the issuer's")
    values: IssuerValues = {
        "name": named(name),
        "url": url,
        "audience": audience,
        "jwks_url": jwks_url,
        "algorithms": algorithm,
        "form": TokenForm.UNMARKED if unmarked else TokenForm.MARKED,
    }
    with context.writing(practice) as (db, by):
        made = issuers.register(db, values, allowed=chosen.allowed_hosts, by=by, now=clock.now())
    printing.emit(_shown(made), as_json, lambda: printing.say(made["id"]))


@app.command()
def name(
    issuer_id: IssuerId,
    subject: Annotated[str, typer.Option(help="What its tokens say in `sub`.")],
    name: Annotated[str, typer.Option(help="Who that is.")],
    staff: Annotated[str | None, typer.Option(metavar="ID", help="A member of staff.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="For a system: what it may do; repeat for more.")
    ] = None,
    fhir_user: Annotated[str | None, typer.Option(help="What `fhirUser` must say.")] = None,
    practice: PracticeId = None,
    as_json: Json = False,
) -> None:
    """Say whom a subject of the issuer acts as: a member of staff, or a system."""
    values: IssuerSubjectValues = {
        "subject": subject,
        "name": named(name),
        "staff_id": staff and context.id_of(staff.strip().lower()),
        "scopes": scope or None,
        "fhir_user": fhir_user,
    }
    with context.writing(practice) as (db, by):
        issuer = _issuer(db, issuer_id, by)
        made = issuers.add_subject(db, issuer=issuer, values=values, by=by, now=clock.now())
    answer = picked(made, _SUBJECT)
    printing.emit(answer, as_json, lambda: printing.say(made["id"]))


@app.command()
def revoke(issuer_id: IssuerId, practice: PracticeId = None, as_json: Json = False) -> None:
    """Stop accepting the tokens of an issuer; they are refused within 60 seconds."""
    with context.writing(practice) as (db, by):
        issuer = _issuer(db, issuer_id, by)
        changed = issuers.change(
            db, issuer=issuer, values={"active": False}, by=by, now=clock.now()
        )
    printing.emit(_shown(changed), as_json, lambda: printing.say(f"{changed['name']} is revoked"))


@app.command("list")
def list_(practice: PracticeId = None, as_json: Json = False) -> None:
    """List the practice's issuers, revoked ones too."""
    with context.database() as database:
        owner = context.practice_of(database, practice)
        with database.read(owner["id"]) as db:
            known = rows.page(db, Issuer, practice_id=owner["id"], limit=10_000)
    shown = [(i["id"], i["active"], i["url"], i["audience"], i["name"]) for i in known]
    heads = ("id", "active", "url", "audience", "name")
    answer = {"items": [_shown(issuer) for issuer in known]}
    printing.emit(answer, as_json, lambda: printing.table(heads, shown))


def _issuer(db: Connection, issuer_id: str, by: Actor) -> IssuerRow:
    id = context.id_of(issuer_id.strip().lower())
    try:
        return records.load(db, Issuer, practice_id=by.practice_id, id=id)
    except NotFound:
        raise Unusable(
            "the practice has no issuer with that id (twelveweeks issuers list)"
        ) from None


def _shown(issuer: IssuerRow) -> dict[str, Any]:
    return picked(issuer, _FIELDS)
