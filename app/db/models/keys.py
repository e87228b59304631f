"""API keys: machines' credentials, of which only a hash is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, OfPractice, of_practice


class ApiKey(OfPractice, Base):
    __tablename__ = "api_key"
    __table_args__ = (
        of_practice(),
        # The hash is looked up before the practice is known: the one index it does not lead.
        UniqueConstraint("key_hash"),
    )

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(24))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    revoked_at: Mapped[datetime | None] = mapped_column(At)
