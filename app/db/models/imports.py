"""Loads of a clinic's history, and what each row held that has no home of its own yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Base, Json, Key, OfPractice, PracticeKey, of_practice, refers
from app.db.rows.imports import ImportBatchRow, ImportBatchValues, ImportedLineRow


class ImportBatch(OfPractice[ImportBatchRow, ImportBatchValues]):
    """One load; `created` lists the ids it made by kind, `rejected` the rows not taken."""

    __tablename__ = "import_batch"
    __table_args__ = (of_practice(),)

    file_name: Mapped[str] = mapped_column(String(200))
    file_hash: Mapped[str] = mapped_column(String(64))
    accepted: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[int] = mapped_column(Integer)
    rejected: Mapped[Any] = mapped_column(Json)
    warnings: Mapped[Any] = mapped_column(Json)
    created: Mapped[Any] = mapped_column(Json)
    by_name: Mapped[str] = mapped_column(String(200))
    reverted_at: Mapped[datetime | None] = mapped_column(At)


class ImportRow(Base[ImportedLineRow]):
    """A row that was taken: the session it became, and its other columns as they stood."""

    __tablename__ = "import_row"
    __table_args__ = (
        PrimaryKeyConstraint("practice_id", "import_id", "line"),
        of_practice(),
        refers("import_id", "import_batch"),
        Index(None, "practice_id", "session_id"),
    )

    practice_id: Mapped[str] = mapped_column(PracticeKey)
    import_id: Mapped[str] = mapped_column(Key)
    line: Mapped[int] = mapped_column(Integer)
    session_id: Mapped[str] = mapped_column(Key)
    kept: Mapped[Any] = mapped_column(Json)
