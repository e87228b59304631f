"""The proof that a practice was erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, Json, Key
from app.db.rows.practice import ErasureRow


class Erasure(Base[ErasureRow]):
    """`finished_at` is null while rows are deleted; `removed` counts them by table.

    The row belongs to no practice, because the practice is deleted as well.
    """

    __tablename__ = "erasure"

    practice_id: Mapped[str] = mapped_column(Key, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(At)
    finished_at: Mapped[datetime | None] = mapped_column(At)
    by_name: Mapped[str] = mapped_column(String(200))
    export_sha256: Mapped[str] = mapped_column(String(64))
    removed: Mapped[Any] = mapped_column(Json)
    last_seal: Mapped[str | None] = mapped_column(String(80))
