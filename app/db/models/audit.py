"""What was changed, by whom and when; written with the change, never changed itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, Json, Key, of_practice


class AuditEvent(Base):
    """`changes` holds `{field: [before, after]}` of the fields that changed."""

    __tablename__ = "audit_event"
    __table_args__ = (
        PrimaryKeyConstraint("practice_id", "id"),
        of_practice(),
        Index(None, "practice_id", "resource_id"),
    )

    practice_id: Mapped[str] = mapped_column(Key)
    id: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(At)
    by_type: Mapped[str] = mapped_column(String(16))
    by_id: Mapped[str | None] = mapped_column(Key)
    by_name: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(48))
    resource_type: Mapped[str] = mapped_column(String(32))
    resource_id: Mapped[str] = mapped_column(Key)
    patient_id: Mapped[str | None] = mapped_column(Key)
    request_id: Mapped[str | None] = mapped_column(String(64))
    changes: Mapped[Any] = mapped_column(Json)
