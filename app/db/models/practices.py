"""Practices (tenants) and their settings."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import SECRET, Base, Key, PracticeKey, Stamped, one_of
from app.db.rows.practice import PracticeRow


class Practice(Stamped, Base[PracticeRow]):
    __tablename__ = "practice"
    __table_args__ = (
        CheckConstraint("min_interval_days BETWEEN 1 AND 366", name="min_interval_days"),
        CheckConstraint("early_tolerance_days BETWEEN 0 AND 14", name="early_tolerance_days"),
        CheckConstraint("overdue_after_days < lapsed_after_days", name="overdue_before_lapsed"),
        one_of("early_booking", "warn", "reason_required", "refuse"),
        one_of("booking_master", "twelveweeks", "ehr"),
        ForeignKeyConstraint(["sandbox_of"], ["practice.id"]),
        UniqueConstraint("sandbox_of"),
    )

    id: Mapped[str] = mapped_column(PracticeKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64))
    min_interval_days: Mapped[int] = mapped_column(Integer, default=84)
    early_tolerance_days: Mapped[int] = mapped_column(Integer, default=0)
    overdue_after_days: Mapped[int] = mapped_column(Integer, default=7)
    lapsed_after_days: Mapped[int] = mapped_column(Integer, default=84)
    lead_days: Mapped[int] = mapped_column(Integer, default=14)
    renewal_lead_days: Mapped[int] = mapped_column(Integer, default=35)
    continuation_days: Mapped[int] = mapped_column(Integer, default=14)
    early_booking: Mapped[str] = mapped_column(String(16), default="reason_required")
    booking_master: Mapped[str] = mapped_column(String(16), default="twelveweeks")
    # Encrypts the cursors of this practice's lists: one of another practice is refused.
    cursor_key: Mapped[bytes] = mapped_column(LargeBinary(32), info=SECRET)
    # Raised when a setting changes that stored dates depend on; a course with a lower number
    # still waits for its dates to be recomputed.
    dates_revision: Mapped[int] = mapped_column(Integer, default=1)
    # The revision up to which no course waits; a server compares the two to find work.
    settled_revision: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    # Set for a sandbox: the live practice it belongs to.
    sandbox_of: Mapped[str | None] = mapped_column(Key)
