"""Answers that a retried request gets again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, PrimaryKeyConstraint, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import SECRET, At, Base, PracticeKey, of_practice
from app.db.rows.requests import IdempotencyRow


class Idempotency(Base[IdempotencyRow]):
    """Claimed and answered in the transaction of the write it stands for."""

    __tablename__ = "idempotency"
    __table_args__ = (
        PrimaryKeyConstraint("practice_id", "key"),
        of_practice(),
        Index(None, "practice_id", "created_at"),
    )

    practice_id: Mapped[str] = mapped_column(PracticeKey)
    key: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    location: Mapped[str | None] = mapped_column(String(400))
    etag: Mapped[str | None] = mapped_column(String(64))
    # Left out of exports, because an answer may hold a secret.
    body: Mapped[bytes | None] = mapped_column(LargeBinary, info=SECRET)
    created_at: Mapped[datetime] = mapped_column(At)
