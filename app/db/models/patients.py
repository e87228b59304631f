"""Patients."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Boolean, Date, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import OfPractice, of_practice
from app.db.rows.patients import PatientRow, PatientValues


class Patient(OfPractice[PatientRow, PatientValues]):
    __tablename__ = "patient"
    __table_args__ = (
        of_practice(),
        UniqueConstraint("practice_id", "mrn_key"),
        Index(None, "practice_id", "family_key", "id"),
    )

    mrn: Mapped[str] = mapped_column(String(200))
    # The MRN as it is compared: trimmed and case-folded.
    # Case-folding makes a text up to three times as long.
    mrn_key: Mapped[str] = mapped_column(String(600))
    family_name: Mapped[str] = mapped_column(String(200))
    given_name: Mapped[str] = mapped_column(String(200))
    # What lists are sorted by, and what a search looks through (names and MRN, case-folded).
    family_key: Mapped[str] = mapped_column(String(600))
    search_key: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[date] = mapped_column(Date)
    sex: Mapped[str | None] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(35))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    deceased_on: Mapped[date | None] = mapped_column(Date)
