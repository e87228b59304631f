"""Courses of treatment with their stored dates, and the holds that interrupt them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, Date, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Key, OfPractice, of_practice, one_of, refers
from app.db.rows.scheduling import CourseRow, CourseValues, HoldRow, HoldValues


class Course(OfPractice[CourseRow, CourseValues]):
    """One patient's series of sessions under one protocol.

    The second half are derived facts: rewritten by
    `services.scheduling.course_dates` in the transaction that changes a fact they rest on, compared
    with a recomputation by `twelveweeks db verify`.
    """

    __tablename__ = "course"
    __table_args__ = (
        of_practice(),
        refers("patient_id", "patient"),
        refers("location_id", "location"),
        refers("practitioner_id", "practitioner"),
        one_of("state", "active", "completed", "stopped"),
        CheckConstraint("(state = 'active') = (closed_on IS NULL)", name="closed_on_when_closed"),
        CheckConstraint("prior_cycles >= 0", name="prior_cycles"),
        CheckConstraint(
            "min_interval_days IS NULL OR override_reason IS NOT NULL", name="override_has_reason"
        ),
        Index(None, "practice_id", "patient_id"),
        # The worklist reads this one in order, whatever the number of patients.
        Index(
            "ix_course_worklist",
            "practice_id",
            "sort_on",
            "id",
            postgresql_where=text("state = 'active'"),
            sqlite_where=text("state = 'active'"),
        ),
    )

    patient_id: Mapped[str] = mapped_column(Key)
    protocol: Mapped[str] = mapped_column(String(64))
    protocol_version: Mapped[int] = mapped_column(SmallInteger)
    indication: Mapped[str] = mapped_column(String(32))
    planned_start_on: Mapped[date | None] = mapped_column(Date)
    interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    min_interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    override_reason: Mapped[str | None] = mapped_column(String(200))
    override_by: Mapped[str | None] = mapped_column(String(200))
    prior_cycles: Mapped[int] = mapped_column(SmallInteger, default=0)
    baseline_headache_days: Mapped[int | None] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(String(16), default="active")
    closed_on: Mapped[date | None] = mapped_column(Date)
    close_reason: Mapped[str | None] = mapped_column(String(200))

    cycle: Mapped[int] = mapped_column(SmallInteger, default=1)
    # The latest treatment of this course itself, null before its first; the anchor may be one of
    # the patient's other courses.
    last_treated_on: Mapped[date | None] = mapped_column(Date)
    anchor_on: Mapped[date | None] = mapped_column(Date)
    earliest_on: Mapped[date | None] = mapped_column(Date)
    due_on: Mapped[date | None] = mapped_column(Date)
    due_rule: Mapped[str | None] = mapped_column(String(32))
    due_source_type: Mapped[str | None] = mapped_column(String(32))
    due_source_id: Mapped[str | None] = mapped_column(Key)
    missed_session_id: Mapped[str | None] = mapped_column(Key)
    # Where and by whom the latest session was given: the list's default place and person.
    location_id: Mapped[str | None] = mapped_column(Key)
    practitioner_id: Mapped[str | None] = mapped_column(Key)
    # `due_on`, or a day past every calendar where there is none: lists sort by it.
    sort_on: Mapped[date] = mapped_column(Date)
    dates_revision: Mapped[int] = mapped_column(Integer, default=1)


class Hold(OfPractice[HoldRow, HoldValues]):
    """A pause of the course; one that ends the day before it starts was withdrawn."""

    __tablename__ = "hold"
    __table_args__ = (
        of_practice(),
        refers("course_id", "course"),
        CheckConstraint(
            "ends_on IS NOT NULL OR review_on IS NOT NULL", name="open_ended_has_review"
        ),
        Index(None, "practice_id", "course_id"),
    )

    course_id: Mapped[str] = mapped_column(Key)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    review_on: Mapped[date | None] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(String(200))
