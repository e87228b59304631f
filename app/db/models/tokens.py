"""Who signs in with a signed assertion or token, and the keys this service signs with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import (
    ENCRYPTED,
    SECRET,
    At,
    Base,
    Json,
    Key,
    OfPractice,
    PracticeKey,
    of_practice,
    one_of,
    refers,
)
from app.db.rows.access import (
    ClientAssertionRow,
    ClientRow,
    ClientValues,
    IssuerRow,
    IssuerSubjectRow,
    IssuerSubjectValues,
    IssuerValues,
    SigningKeyRow,
)
from app.domain.access.issuers import TokenForm


class Client(OfPractice[ClientRow, ClientValues]):
    """A system that fetches tokens at our own endpoint; `scopes` is the most it may ask for.

    Its public keys are in `jwks`, or published at `jwks_url`.
    """

    __tablename__ = "client"
    __table_args__ = (of_practice(),)

    name: Mapped[str] = mapped_column(String(200))
    jwks: Mapped[Any] = mapped_column(Json, nullable=True)
    jwks_url: Mapped[str | None] = mapped_column(String(500))
    scopes: Mapped[Any] = mapped_column(Json)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Issuer(OfPractice[IssuerRow, IssuerValues]):
    """An outside issuer whose tokens for `audience` are taken.

    `form` as in `edge.auth.tokens.Trust`.
    """

    __tablename__ = "issuer"
    __table_args__ = (of_practice(), one_of("form", *TokenForm))

    name: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(500))
    audience: Mapped[str] = mapped_column(String(255))
    jwks_url: Mapped[str] = mapped_column(String(500))
    algorithms: Mapped[Any] = mapped_column(Json)
    form: Mapped[str] = mapped_column(String(8), default=TokenForm.MARKED)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class IssuerSubject(OfPractice[IssuerSubjectRow, IssuerSubjectValues]):
    """Whom a subject of an issuer acts as: a member of staff, or else the system `name`.

    A system has `scopes`; a person has roles. `fhir_user` is what the token's claim must say.
    """

    __tablename__ = "issuer_subject"
    __table_args__ = (
        of_practice(),
        refers("issuer_id", "issuer"),
        refers("staff_id", "staff"),
        UniqueConstraint("practice_id", "issuer_id", "subject"),
    )

    issuer_id: Mapped[str] = mapped_column(Key)
    subject: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[str | None] = mapped_column(Key)
    scopes: Mapped[Any] = mapped_column(Json, nullable=True)
    fhir_user: Mapped[str | None] = mapped_column(String(500))
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class ClientAssertion(Base[ClientAssertionRow]):
    """An assertion that was used, kept until it would be refused as expired."""

    __tablename__ = "client_assertion"
    __table_args__ = (of_practice(), refers("client_id", "client"))

    practice_id: Mapped[str] = mapped_column(PracticeKey, primary_key=True)
    client_id: Mapped[str] = mapped_column(Key, primary_key=True)
    jti: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True, info=SECRET)
    """The digest of what the client chose."""
    expires_at: Mapped[datetime] = mapped_column(At)


class SigningKey(Base[SigningKeyRow]):
    """A key this service signs its tokens with, the private half encrypted; of no practice.

    The newest one signs; tokens of the others are accepted until `retires_at`.
    """

    __tablename__ = "signing_key"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    public: Mapped[Any] = mapped_column(Json)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info=ENCRYPTED)
    created_at: Mapped[datetime] = mapped_column(At)
    retires_at: Mapped[datetime | None] = mapped_column(At)
