"""API keys, and the directory that tells which practice a credential belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import (
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
from app.db.rows.access import ApiKeyRow, ApiKeyValues, CredentialRow
from app.domain.access.access import CredentialKind


class ApiKey(OfPractice[ApiKeyRow, ApiKeyValues]):
    """A key acts as a member of staff, or else as the system it is named for.

    `scopes` None is the full rights of whoever it acts as.
    """

    __tablename__ = "api_key"
    __table_args__ = (of_practice(), refers("staff_id", "staff"))

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(24))
    staff_id: Mapped[str | None] = mapped_column(Key)
    scopes: Mapped[Any] = mapped_column(Json, nullable=True)
    expires_at: Mapped[datetime | None] = mapped_column(At)
    last_used_at: Mapped[datetime | None] = mapped_column(At)
    revoked_at: Mapped[datetime | None] = mapped_column(At)


class Credential(Base[CredentialRow]):
    """Looked up before a practice is known, so it is the one table that knows of all of them.

    It holds digests only: of a key, of a client's id, of an issuer with its audience.
    """

    __tablename__ = "credential"
    __table_args__ = (
        ForeignKeyConstraint(["practice_id"], ["practice.id"]),
        one_of("kind", *CredentialKind),
        Index(None, "practice_id", "holder_id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True, info=SECRET)
    practice_id: Mapped[str] = mapped_column(PracticeKey)
    kind: Mapped[str] = mapped_column(String(16))
    holder_id: Mapped[str] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(At)
    expires_at: Mapped[datetime | None] = mapped_column(At)
