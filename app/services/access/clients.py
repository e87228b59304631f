"""Systems that fetch tokens at our own endpoint: register, change, and note what they used."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from app.db.engine.engine import Connection
from app.db.engine.integrity import unique_violation_as_contended
from app.db.models import Client
from app.db.queries.access import keys as directory
from app.db.queries.access import tokens as rows
from app.db.rows.access import ClientRow, ClientValues
from app.db.rows.base import JsonObject
from app.domain import addresses
from app.domain.access import access, smart
from app.domain.access.access import OPERATOR, Actor, CredentialKind, Giver
from app.domain.access.smart import Acting
from app.domain.addresses import AddressRefused
from app.domain.errors import Invalid
from app.services import records
from app.services.access import jwk_sets
from app.services.access.jwk_sets import BadKeySet
from app.services.audit import audit

KIND = "client"


def digest(client_id: str) -> bytes:
    """Return the digest under which the directory of credentials holds a client."""
    return hashlib.sha256(f"client {client_id}".encode()).digest()


def rights(scopes: Sequence[str]) -> frozenset[str]:
    """Return what a client of these scopes may do at most."""
    return smart.permissions(" ".join(scopes), Acting.SYSTEM) & access.PERMISSIONS


def register(
    db: Connection,
    *,
    name: str,
    jwks: JsonObject | None = None,
    jwks_url: str | None = None,
    scopes: Sequence[str],
    allowed: Collection[str] = (),
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> ClientRow:
    """Register a client of the actor's practice, with its public keys or where they are.

    `allowed` names the hosts that the operator lets be anywhere. `Forbidden` for scopes beyond
    what the `giver` can hand on.
    """
    scopes = _once(scopes)
    _check(jwks, jwks_url, scopes, allowed)
    giver.check(rights(scopes))
    values = ClientValues(name=name, jwks=jwks, jwks_url=jwks_url, scopes=scopes)
    made = records.create(db, Client, values, kind=KIND, by=by, now=now)
    _enter(db, made, now)
    return made


def change(
    db: Connection,
    *,
    client: ClientRow,
    values: ClientValues,
    allowed: Collection[str] = (),
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> ClientRow:
    """Change a client. One that is no longer active is refused within 60 seconds, and so are
    its tokens.

    Whoever changes a client's keys can act as the client, so every change counts as giving its
    rights: `Forbidden` unless the `giver` can give them, before the change and after it.
    """
    wanted = values.copy()
    if "scopes" in wanted:
        wanted["scopes"] = _once(wanted["scopes"])
    merged: ClientRow = {**client, **wanted}
    _check(merged["jwks"], merged["jwks_url"], merged["scopes"], allowed)
    giver.check(rights(client["scopes"]) | rights(merged["scopes"]))
    changed = records.change(db, Client, client, wanted, kind=KIND, by=by, now=now)
    if changed["active"] != client["active"]:
        if changed["active"]:
            _enter(db, changed, now)
        else:
            directory.end_credentials(
                db, practice_id=by.practice_id, holder_id=client["id"], at=None
            )
    return changed


def use_once(
    db: Connection, *, client_id: str, jti: str, expires: int, scope: str, by: Actor, now: datetime
) -> bool:
    """Note that an assertion was used for a token; False for one that was used before.

    `expires` is in seconds since 1970.
    """
    name = hashlib.sha256(jti.encode()).digest()
    if rows.used(db, practice_id=by.practice_id, client_id=client_id, jti=name):
        return False
    with unique_violation_as_contended():
        rows.use(
            db,
            practice_id=by.practice_id,
            client_id=client_id,
            jti=name,
            expires_at=datetime.fromtimestamp(expires, UTC),
        )
    audit.record(
        db,
        by=by,
        now=now,
        action=f"{KIND}.token",
        kind=KIND,
        id=client_id,
        changes={"scope": [None, scope]},
    )
    return True


def _enter(db: Connection, client: ClientRow, now: datetime) -> None:
    directory.add_credential(
        db,
        practice_id=client["practice_id"],
        kind=CredentialKind.CLIENT,
        holder_id=client["id"],
        digest=digest(client["id"]),
        now=now,
    )


def _once(scopes: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(scopes))


def _check(
    jwks: JsonObject | None,
    jwks_url: str | None,
    scopes: Sequence[str],
    allowed: Collection[str],
) -> None:
    if (jwks is None) == (jwks_url is None):
        raise Invalid(("/jwks", "give either jwks or jwks_url, not both"))
    if jwks is not None:
        try:
            jwk_sets.read(jwks)
        except BadKeySet as refused:
            raise Invalid(("/jwks", str(refused))) from None
    if jwks_url is not None:
        check_address("/jwks_url", jwks_url, allowed)
    check_scopes(scopes)


def check_address(pointer: str, url: str, allowed: Collection[str]) -> None:
    """Refuse an address that keys cannot be fetched from."""
    try:
        addresses.parse(url, allowed)
    except AddressRefused as refused:
        raise Invalid((pointer, str(refused))) from None


def check_scopes(scopes: Sequence[str]) -> None:
    """Refuse scopes that give a system no permission: misspelled, or meant for people."""
    useless = [n for n, scope in enumerate(scopes) if not rights([scope])]
    if useless:
        detail = "gives a system no permission: use one such as system/Patient.rs"
        raise Invalid(*((f"/scopes/{n}", detail) for n in useless))
