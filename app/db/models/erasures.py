"""What is left of a practice that left: the proof that everything else is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, Json, Key, Rows
from app.db.rows.practice import ErasureRow


class Erasure(Rows[ErasureRow], Base):
    """Open (no `finished_at`) while rows go; `removed` counts them by table.

    It belongs to no practice: there is none any more.
    """

    __tablename__ = "erasure"

    practice_id: Mapped[str] = mapped_column(Key, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(At)
    finished_at: Mapped[datetime | None] = mapped_column(At)
    by_name: Mapped[str] = mapped_column(String(200))
    export_sha256: Mapped[str] = mapped_column(String(64))
    removed: Mapped[Any] = mapped_column(Json)
    last_seal: Mapped[str | None] = mapped_column(String(80))
