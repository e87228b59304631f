"""A practice's own protocol versions; the built-in ones are files in `app/data`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Json, OfPractice, of_practice
from app.db.rows.charting import ProtocolVersionRow, ProtocolVersionValues


class ProtocolVersion(OfPractice[ProtocolVersionRow, ProtocolVersionValues]):
    __tablename__ = "protocol_version"
    __table_args__ = (of_practice(), UniqueConstraint("practice_id", "code", "number"))

    code: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(SmallInteger)
    definition: Mapped[Any] = mapped_column(Json)
    published_at: Mapped[datetime | None] = mapped_column(At)
