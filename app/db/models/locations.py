"""Where treatment happens, who gives it, and when either is closed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Boolean, CheckConstraint, Date, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Key, OfPractice, of_practice, refers
from app.db.rows.practice import LocationRow, LocationValues, PractitionerRow, PractitionerValues
from app.db.rows.scheduling import ClosureRow, ClosureValues


class Location(OfPractice[LocationRow, LocationValues]):
    __tablename__ = "location"
    __table_args__ = (of_practice(),)

    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64))
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Practitioner(OfPractice[PractitionerRow, PractitionerValues]):
    __tablename__ = "practitioner"
    __table_args__ = (of_practice(),)

    name: Mapped[str] = mapped_column(String(200))
    npi: Mapped[str | None] = mapped_column(String(10))
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Closure(OfPractice[ClosureRow, ClosureValues]):
    """Closed days; with neither place nor person the whole practice is closed."""

    __tablename__ = "closure"
    __table_args__ = (
        of_practice(),
        refers("location_id", "location"),
        refers("practitioner_id", "practitioner"),
        CheckConstraint("ends_on >= starts_on", name="ends_after_start"),
        Index(None, "practice_id", "ends_on"),
    )

    location_id: Mapped[str | None] = mapped_column(Key)
    practitioner_id: Mapped[str | None] = mapped_column(Key)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str | None] = mapped_column(String(200))
