"""Other systems' names for our resources, unique per practice and kind."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, PracticeKey, of_practice
from app.db.rows.patients import IdentifierRow


class Identifier(Base[IdentifierRow]):
    __tablename__ = "identifier"
    __table_args__ = (
        PrimaryKeyConstraint("practice_id", "kind", "system", "value"),
        of_practice(),
        Index(None, "practice_id", "kind", "resource_id"),
    )

    practice_id: Mapped[str] = mapped_column(PracticeKey)
    kind: Mapped[str] = mapped_column(String(32))
    system: Mapped[str] = mapped_column(String(200))
    value: Mapped[str] = mapped_column(String(200))
    resource_id: Mapped[str] = mapped_column(Key)
