"""Clients, issuers and their subjects as tokens name them; used assertions; signing keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from app.db.models import (
    Client,
    ClientAssertion,
    Issuer,
    IssuerSubject,
    Practice,
    SigningKey,
    Staff,
)
from app.db.queries import table_rows
from app.db.queries.table_rows import PRACTICE_ID, every, first, table_of
from app.db.rows.access import (
    ActingRow,
    ClientHolderRow,
    IssuerRow,
    IssuerSubjectRow,
    SigningKeyRow,
    SubjectHolderRow,
)

_client, _issuer, _subject = table_of(Client), table_of(Issuer), table_of(IssuerSubject)
_practice, _staff = table_of(Practice), table_of(Staff)
_assertion, _signing = table_of(ClientAssertion), table_of(SigningKey)

_CLIENT = (
    select(_client, _practice.c.time_zone, _practice.c.name.label("practice_name"))
    .select_from(_client)
    .join(_practice, _practice.c.id == PRACTICE_ID)
    .where(_client.c.practice_id == PRACTICE_ID, _client.c.id == bindparam("id"))
)
_ISSUER = select(_issuer).where(
    _issuer.c.practice_id == PRACTICE_ID, _issuer.c.id == bindparam("id")
)
_AS_STAFF = and_(_staff.c.practice_id == PRACTICE_ID, _staff.c.id == _subject.c.staff_id)
_ACTING = (
    select(_subject.c.staff_id, _subject.c.scopes, _staff.c.roles)
    .select_from(_subject)
    .outerjoin(_staff, _AS_STAFF)
    .where(
        _subject.c.practice_id == PRACTICE_ID,
        _subject.c.issuer_id == bindparam("issuer_id"),
    )
)
_SUBJECT = (
    select(
        _subject,
        _practice.c.time_zone,
        _practice.c.name.label("practice_name"),
        _staff.c.name.label("staff_name"),
        _staff.c.roles,
        _staff.c.active.label("staff_active"),
    )
    .select_from(_subject)
    .join(_practice, _practice.c.id == PRACTICE_ID)
    .outerjoin(_staff, _AS_STAFF)
    .where(
        _subject.c.practice_id == PRACTICE_ID,
        _subject.c.issuer_id == bindparam("issuer_id"),
        _subject.c.subject == bindparam("subject"),
    )
)


def client(db: Connection, *, practice_id: str, id: str) -> ClientHolderRow | None:
    """Return a client with its practice."""
    return first(db.execute(_CLIENT, {"practice_id": practice_id, "id": id}), ClientHolderRow)


def issuer(db: Connection, *, practice_id: str, id: str) -> IssuerRow | None:
    """Return an issuer."""
    return first(db.execute(_ISSUER, {"practice_id": practice_id, "id": id}), IssuerRow)


def subject(
    db: Connection, *, practice_id: str, issuer_id: str, subject: str
) -> SubjectHolderRow | None:
    """Return a subject of the issuer with its practice and the member of staff it acts as."""
    named = {"practice_id": practice_id, "issuer_id": issuer_id, "subject": subject}
    return first(db.execute(_SUBJECT, named), SubjectHolderRow)


def subjects(
    db: Connection, *, practice_id: str, issuer_id: str, after: str | None, limit: int
) -> list[IssuerSubjectRow]:
    """Return up to `limit` subjects of an issuer in order of id, beginning after `after`."""
    own = _subject.c.issuer_id == issuer_id
    return table_rows.page(
        db, IssuerSubject, practice_id=practice_id, where=[own], after=after, limit=limit
    )


def acting(
    db: Connection, *, practice_id: str, issuer_id: str, subject: str | None = None
) -> list[ActingRow]:
    """Return whom the issuer's subjects, or that one, act as, inactive ones too.

    A person has `staff_id` and `roles`, a system `scopes`.
    """
    statement = _ACTING if subject is None else _ACTING.where(_subject.c.subject == subject)
    named = {"practice_id": practice_id, "issuer_id": issuer_id}
    return every(db.execute(statement, named), ActingRow)


def used(db: Connection, *, practice_id: str, client_id: str, jti: bytes) -> bool:
    """Return whether the client has used an assertion of that name."""
    own = (
        _assertion.c.practice_id == practice_id,
        _assertion.c.client_id == client_id,
        _assertion.c.jti == jti,
    )
    return db.execute(select(_assertion.c.jti).where(*own)).first() is not None


def use(
    db: Connection, *, practice_id: str, client_id: str, jti: bytes, expires_at: datetime
) -> None:
    """Note an assertion as used; a second time breaks the key of the table."""
    values = {"client_id": client_id, "jti": jti, "expires_at": expires_at}
    db.execute(insert(_assertion), {**values, "practice_id": practice_id})


def any_before(db: Connection, *, practice_id: str, before: datetime) -> bool:
    """Return whether there are used assertions that expired before that instant."""
    own = (_assertion.c.practice_id == practice_id, _assertion.c.expires_at < before)
    return db.execute(select(_assertion.c.jti).where(*own).limit(1)).first() is not None


def forget(db: Connection, *, practice_id: str, before: datetime) -> None:
    """Delete the used assertions that expired before that instant."""
    own = (_assertion.c.practice_id == practice_id, _assertion.c.expires_at < before)
    db.execute(delete(_assertion).where(*own))


def signing_keys(db: Connection, *, now: datetime) -> list[SigningKeyRow]:
    """Return the signing keys whose tokens are accepted, newest first."""
    believed = or_(_signing.c.retires_at.is_(None), _signing.c.retires_at > now)
    rows = db.execute(select(_signing).where(believed).order_by(_signing.c.id.desc()))
    return every(rows, SigningKeyRow)


def add_signing_key(db: Connection, *, row: SigningKeyRow, retires_at: datetime) -> None:
    """Add a key that signs from now on, and let those before it retire."""
    db.execute(
        update(_signing).where(_signing.c.retires_at.is_(None)).values(retires_at=retires_at)
    )
    db.execute(insert(_signing), row)
