"""Rows of courses, holds, sessions, treatments given elsewhere and closed days."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypedDict

from app.db.rows.base import JsonObject, RowOfPractice


class CourseValues(TypedDict, total=False):
    patient_id: str
    protocol: str
    protocol_version: int
    indication: str
    planned_start_on: date | None
    interval_days: int | None
    min_interval_days: int | None
    override_reason: str | None
    override_by: str | None
    prior_cycles: int
    baseline_headache_days: int | None
    state: str
    closed_on: date | None
    close_reason: str | None
    cycle: int
    last_treated_on: date | None
    anchor_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_rule: str | None
    due_source_type: str | None
    due_source_id: str | None
    missed_session_id: str | None
    location_id: str | None
    practitioner_id: str | None
    sort_on: date
    dates_revision: int


class CourseRow(RowOfPractice):
    patient_id: str
    protocol: str
    protocol_version: int
    indication: str
    planned_start_on: date | None
    interval_days: int | None
    min_interval_days: int | None
    override_reason: str | None
    override_by: str | None
    prior_cycles: int
    baseline_headache_days: int | None
    state: str
    closed_on: date | None
    close_reason: str | None
    cycle: int
    last_treated_on: date | None
    anchor_on: date | None
    earliest_on: date | None
    due_on: date | None
    due_rule: str | None
    due_source_type: str | None
    due_source_id: str | None
    missed_session_id: str | None
    location_id: str | None
    practitioner_id: str | None
    sort_on: date
    dates_revision: int


class HoldValues(TypedDict, total=False):
    course_id: str
    starts_on: date
    ends_on: date | None
    review_on: date | None
    reason: str


class HoldRow(RowOfPractice):
    course_id: str
    starts_on: date
    ends_on: date | None
    review_on: date | None
    reason: str


class SessionValues(TypedDict, total=False):
    course_id: str
    status: str
    sort_at: datetime
    starts_at: datetime | None
    starts_on: date | None
    made_on: date | None
    override_reason: str | None
    confirmed_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    given_at: datetime | None
    given_on: date | None
    completeness: str | None
    partial_reason: str | None
    continues_session_id: str | None
    location_id: str | None
    practitioner_id: str | None
    product: str | None
    protocol: str | None
    protocol_version: int | None
    charting: str | None
    injections: list[list[int]] | None
    administered: int | None
    findings: list[JsonObject] | None


class SessionRow(RowOfPractice):
    course_id: str
    status: str
    sort_at: datetime
    starts_at: datetime | None
    starts_on: date | None
    made_on: date | None
    override_reason: str | None
    confirmed_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    given_at: datetime | None
    given_on: date | None
    completeness: str | None
    partial_reason: str | None
    continues_session_id: str | None
    location_id: str | None
    practitioner_id: str | None
    product: str | None
    protocol: str | None
    protocol_version: int | None
    charting: str | None
    injections: list[list[int]] | None
    administered: int | None
    findings: list[JsonObject] | None


class OutsideSessionValues(TypedDict, total=False):
    course_id: str
    given_on: date
    administered: int | None
    product: str | None
    place: str | None
    voided_at: datetime | None
    void_reason: str | None


class OutsideSessionRow(RowOfPractice):
    course_id: str
    given_on: date
    administered: int | None
    product: str | None
    place: str | None
    voided_at: datetime | None
    void_reason: str | None


class ClosureValues(TypedDict, total=False):
    location_id: str | None
    practitioner_id: str | None
    starts_on: date
    ends_on: date
    reason: str | None


class ClosureRow(RowOfPractice):
    location_id: str | None
    practitioner_id: str | None
    starts_on: date
    ends_on: date
    reason: str | None
