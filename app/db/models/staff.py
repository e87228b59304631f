"""The people of a practice who use this service, and what each of them is there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Json, Key, OfPractice, of_practice, refers
from app.db.rows.access import StaffRow, StaffValues


class Staff(OfPractice[StaffRow, StaffValues]):
    """`roles` lists names of `domain.access.access.ROLES`; an inactive member may do nothing."""

    __tablename__ = "staff"
    __table_args__ = (of_practice(), refers("practitioner_id", "practitioner"))

    name: Mapped[str] = mapped_column(String(200))
    roles: Mapped[Any] = mapped_column(Json)
    email: Mapped[str | None] = mapped_column(String(200))
    practitioner_id: Mapped[str | None] = mapped_column(Key)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
