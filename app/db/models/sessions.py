"""Treatment sessions, and treatments that were given elsewhere."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import At, Json, Key, OfPractice, of_practice, one_of, refers
from app.db.rows.scheduling import (
    OutsideSessionRow,
    OutsideSessionValues,
    SessionRow,
    SessionValues,
)

_BOOKED = text("status = 'booked'")
_GIVEN = text("given_on IS NOT NULL")
_STARTS = text("starts_on IS NOT NULL")
_CONTINUES = text("continues_session_id IS NOT NULL")


class Session(OfPractice[SessionRow, SessionValues]):
    """A treatment session from its booking to its outcome.

    Units are hundredths of a unit. `injections` is the compact chart `[[site number,
    hundredths], ...]` of the pinned protocol version; the view `injection` expands it to rows.
    """

    __tablename__ = "session"
    __table_args__ = (
        of_practice(),
        refers("course_id", "course"),
        refers("location_id", "location"),
        refers("practitioner_id", "practitioner"),
        refers("continues_session_id", "session"),
        one_of("status", "booked", "given", "cancelled", "no_show", "voided"),
        CheckConstraint(
            "status NOT IN ('given', 'voided') OR given_on IS NOT NULL", name="given_has_date"
        ),
        CheckConstraint("status != 'booked' OR starts_on IS NOT NULL", name="booked_has_start"),
        CheckConstraint("(starts_at IS NULL) = (starts_on IS NULL)", name="start_is_a_pair"),
        CheckConstraint("administered >= 0", name="administered"),
        Index(None, "practice_id", "course_id"),
        Index(None, "practice_id", "sort_at", "id"),
        Index(
            # Asked for every session that is deleted (an import taken back): is it continued?
            "ix_session_continues",
            "practice_id",
            "continues_session_id",
            postgresql_where=_CONTINUES,
            sqlite_where=_CONTINUES,
        ),
        Index(
            "ix_session_booked",
            "practice_id",
            "course_id",
            "starts_on",
            postgresql_where=_BOOKED,
            sqlite_where=_BOOKED,
        ),
        Index(
            "ix_session_given",
            "practice_id",
            "given_on",
            postgresql_where=_GIVEN,
            sqlite_where=_GIVEN,
        ),
        Index(
            "ix_session_starts",
            "practice_id",
            "starts_on",
            postgresql_where=_STARTS,
            sqlite_where=_STARTS,
        ),
    )

    course_id: Mapped[str] = mapped_column(Key)
    status: Mapped[str] = mapped_column(String(16))
    # What the list of sessions is ordered by: the start, else the instant or day it was given.
    sort_at: Mapped[datetime] = mapped_column(At)
    starts_at: Mapped[datetime | None] = mapped_column(At)
    starts_on: Mapped[date | None] = mapped_column(Date)
    # The practice's local day on which it was booked.
    made_on: Mapped[date | None] = mapped_column(Date)
    override_reason: Mapped[str | None] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None] = mapped_column(At)
    arrived_at: Mapped[datetime | None] = mapped_column(At)
    # When it was cancelled, missed or voided, by which side, and why.
    ended_at: Mapped[datetime | None] = mapped_column(At)
    ended_by: Mapped[str | None] = mapped_column(String(16))
    end_reason: Mapped[str | None] = mapped_column(String(200))
    given_at: Mapped[datetime | None] = mapped_column(At)
    given_on: Mapped[date | None] = mapped_column(Date)
    completeness: Mapped[str | None] = mapped_column(String(16))
    partial_reason: Mapped[str | None] = mapped_column(String(200))
    continues_session_id: Mapped[str | None] = mapped_column(Key)
    location_id: Mapped[str | None] = mapped_column(Key)
    practitioner_id: Mapped[str | None] = mapped_column(Key)
    product: Mapped[str | None] = mapped_column(String(64))
    protocol: Mapped[str | None] = mapped_column(String(64))
    protocol_version: Mapped[int | None] = mapped_column(SmallInteger)
    charting: Mapped[str | None] = mapped_column(String(8))
    injections: Mapped[Any | None] = mapped_column(Json)
    administered: Mapped[int | None] = mapped_column(Integer)
    # Findings of the day it was recorded; those that depend on other sessions are derived.
    findings: Mapped[Any | None] = mapped_column(Json)


class OutsideSession(OfPractice[OutsideSessionRow, OutsideSessionValues]):
    """A treatment given elsewhere for the same indication: it bears the anchor."""

    __tablename__ = "outside_session"
    __table_args__ = (
        of_practice(),
        refers("course_id", "course"),
        Index(None, "practice_id", "course_id"),
    )

    course_id: Mapped[str] = mapped_column(Key)
    given_on: Mapped[date] = mapped_column(Date)
    administered: Mapped[int | None] = mapped_column(Integer)
    product: Mapped[str | None] = mapped_column(String(64))
    place: Mapped[str | None] = mapped_column(String(200))
    voided_at: Mapped[datetime | None] = mapped_column(At)
    void_reason: Mapped[str | None] = mapped_column(String(200))
