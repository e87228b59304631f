"""Who saw, changed or was refused what, and when; appended, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, LargeBinary, PrimaryKeyConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, Json, Key, PracticeKey, of_practice
from app.db.rows.audit import AuditEventRow, AuditSealRow
from app.domain.audit.events import Outcome

_LISTS = text("patients IS NOT NULL")


class AuditEvent(Base[AuditEventRow]):
    """`changes` holds `{field: [before, after]}`; reads and refusals change nothing.

    A list names the patients it showed in `patients`: their ids, 16 bytes each. `outcome` is
    `done` (changed), `shown` (read), or the code of the refusal. `reason`: of emergency access.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        PrimaryKeyConstraint("practice_id", "id"),
        of_practice(),
        Index(None, "practice_id", "resource_id"),
        Index(None, "practice_id", "patient_id", "id"),
        Index(
            "ix_audit_event_lists",
            "practice_id",
            "id",
            postgresql_where=_LISTS,
            sqlite_where=_LISTS,
        ),
    )

    practice_id: Mapped[str] = mapped_column(PracticeKey)
    id: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(At)
    by_type: Mapped[str] = mapped_column(String(16))
    by_id: Mapped[str | None] = mapped_column(Key)
    by_name: Mapped[str] = mapped_column(String(200))
    credential_id: Mapped[str | None] = mapped_column(Key)
    address: Mapped[str | None] = mapped_column(String(45))
    action: Mapped[str] = mapped_column(String(48))
    outcome: Mapped[str] = mapped_column(
        String(48), default=Outcome.DONE, server_default=Outcome.DONE.value
    )
    reason: Mapped[str | None] = mapped_column(String(200))
    resource_type: Mapped[str] = mapped_column(String(32))
    resource_id: Mapped[str | None] = mapped_column(Key)
    patient_id: Mapped[str | None] = mapped_column(Key)
    patients: Mapped[bytes | None] = mapped_column(LargeBinary)
    request_id: Mapped[str | None] = mapped_column(String(64))
    changes: Mapped[Any] = mapped_column(Json)


class AuditSeal(Base[AuditSealRow]):
    """A stretch of the log, fixed: `entries` is id and SHA-256 of each row, 48 bytes a row.

    `digest` covers the entries and the seal before, so that seals form a chain.
    """

    __tablename__ = "audit_seal"
    __table_args__ = (PrimaryKeyConstraint("practice_id", "number"), of_practice())

    practice_id: Mapped[str] = mapped_column(PracticeKey)
    number: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime] = mapped_column(At)
    entries: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
