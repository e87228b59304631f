"""Outside issuers whose tokens a practice takes, and whom their subjects act as."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from app.db.engine.engine import Connection
from app.db.engine.integrity import unique_violation_as_contended
from app.db.models import Issuer, IssuerSubject, Staff
from app.db.queries.access import keys as directory
from app.db.queries.access import tokens as rows
from app.db.rows.access import (
    ActingRow,
    IssuerRow,
    IssuerSubjectRow,
    IssuerSubjectValues,
    IssuerValues,
)
from app.domain.access import access
from app.domain.access.access import OPERATOR, Actor, CredentialKind, Giver
from app.domain.errors import Duplicate, Invalid, NotFound
from app.services import records
from app.services.access import clients

KIND, SUBJECT = "issuer", "issuer_subject"


def digest(url: str, audience: str) -> bytes:
    """Return the digest under which the directory of credentials holds an issuer's audience."""
    # Neither holds a line break, so no two pairs give the same text.
    return hashlib.sha256(f"issuer {url}\n{audience}".encode()).digest()


def register(
    db: Connection,
    values: IssuerValues,
    *,
    allowed: Collection[str] = (),
    by: Actor,
    now: datetime,
) -> IssuerRow:
    """Register an issuer for the actor's practice; `allowed` as for a client.

    An issuer with its audience belongs to one practice: a token says nothing else about it.
    """
    clients.check_address("/jwks_url", values["jwks_url"], allowed)
    _check_free(db, values["url"], values["audience"])
    made = records.create(db, Issuer, values, kind=KIND, by=by, now=now)
    _enter(db, made, now)
    return made


def change(
    db: Connection,
    *,
    issuer: IssuerRow,
    values: IssuerValues,
    allowed: Collection[str] = (),
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> IssuerRow:
    """Change an issuer; its url and audience stay. One that is no longer active is refused
    within 60 seconds.

    Whoever says where an issuer's keys are can act as any of its subjects, so every change counts
    as giving the rights of all of them, inactive ones too: `Forbidden` unless the `giver` can.
    """
    if "jwks_url" in values:
        clients.check_address("/jwks_url", values["jwks_url"], allowed)
    _check_acting(db, issuer["id"], None, giver, by)
    changed = records.change(db, Issuer, issuer, values, kind=KIND, by=by, now=now)
    if changed["active"] != issuer["active"]:
        if changed["active"]:
            _check_free(db, changed["url"], changed["audience"])
            _enter(db, changed, now)
        else:
            directory.end_credentials(
                db, practice_id=by.practice_id, holder_id=issuer["id"], at=None
            )
    return changed


def add_subject(
    db: Connection,
    *,
    issuer: IssuerRow,
    values: IssuerSubjectValues,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> IssuerSubjectRow:
    """Say whom a subject of the issuer acts as: a member of staff, or a system with scopes.

    `Forbidden` beyond what the `giver` can hand on.
    """
    _check_subject(db, values.get("staff_id"), values.get("scopes"), giver, by)
    known = rows.subject(
        db, practice_id=by.practice_id, issuer_id=issuer["id"], subject=values["subject"]
    )
    if known:
        raise Duplicate(existing_id=known["id"])
    entry: IssuerSubjectValues = {**values, "issuer_id": issuer["id"]}
    return records.create(db, IssuerSubject, entry, kind=SUBJECT, by=by, now=now)


def change_subject(
    db: Connection,
    *,
    subject: IssuerSubjectRow,
    values: IssuerSubjectValues,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> IssuerSubjectRow:
    """Change whom a subject acts as; the subject itself stays.

    `Forbidden` unless the `giver` can hand on what it may do, before the change and after it.
    """
    _check_acting(db, subject["issuer_id"], subject["subject"], giver, by)
    if not values.keys().isdisjoint({"staff_id", "scopes"}):
        merged: IssuerSubjectRow = {**subject, **values}
        _check_subject(db, merged["staff_id"], merged["scopes"], giver, by)
    return records.change(db, IssuerSubject, subject, values, kind=SUBJECT, by=by, now=now)


def _check_subject(
    db: Connection, staff_id: str | None, scopes: list[str] | None, giver: Giver, by: Actor
) -> None:
    if (staff_id is None) == (scopes is None):
        raise Invalid(("/staff_id", "give either staff_id or scopes, not both"))
    roles = None
    if staff_id is None:
        clients.check_scopes(scopes or ())
    else:
        try:
            roles = records.load(db, Staff, practice_id=by.practice_id, id=staff_id)["roles"]
        except NotFound:
            raise Invalid(("/staff_id", "no such member of staff in this practice")) from None
    acting = ActingRow(staff_id=staff_id, scopes=scopes, roles=roles)
    giver.check(_rights(acting), acts_as=staff_id)


def _check_acting(
    db: Connection, issuer_id: str, subject: str | None, giver: Giver, by: Actor
) -> None:
    """Refuse who cannot hand on what the issuer's subjects may do, or that one of them."""
    subjects = rows.acting(db, practice_id=by.practice_id, issuer_id=issuer_id, subject=subject)
    for one in subjects:
        giver.check(_rights(one), acts_as=one["staff_id"])


def _rights(acting: ActingRow) -> frozenset[str]:
    """What a subject may do at most: its person's roles, or else its own scopes."""
    if acting["staff_id"] is None:
        return clients.rights(acting["scopes"] or ())
    return access.granted(acting["roles"] or ())


def _check_free(db: Connection, url: str, audience: str) -> None:
    if directory.credential(db, digest=digest(url, audience)) is not None:
        # Which practice has it is not said: it may be another one.
        raise Invalid(("/audience", "is registered with this issuer already: use another one"))


def _enter(db: Connection, issuer: IssuerRow, now: datetime) -> None:
    with unique_violation_as_contended():
        directory.add_credential(
            db,
            practice_id=issuer["practice_id"],
            kind=CredentialKind.ISSUER,
            holder_id=issuer["id"],
            digest=digest(issuer["url"], issuer["audience"]),
            now=now,
        )
