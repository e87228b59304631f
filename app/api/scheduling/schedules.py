"""A course's schedule: dates with their reasons, status, booking, what to do next."""

from __future__ import annotations

from datetime import date

from app.api.shapes import ActionOut, BookingOut, ReasonOut, Shape


class ScheduleOut(Shape):
    course_id: str
    as_of: date
    cycle: int
    status: str
    anchor_on: date | None
    clinical_due_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_soon_from: date | None
    overdue_from: date | None
    lapsed_from: date | None
    treatable_from: date | None
    treatable_until: date | None
    suggested_on: date | None
    booking: BookingOut
    flags: list[str]
    next_action: ActionOut | None
    actions: list[ActionOut]
    reasons: list[ReasonOut]
