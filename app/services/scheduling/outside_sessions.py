"""Treatments for the same indication that were given elsewhere; they bear the anchor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db.engine.engine import Connection
from app.db.models import OutsideSession
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.scheduling import OutsideSessionRow, OutsideSessionValues
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import Invalid, WrongState
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.schedule import Treatment
from app.services import records
from app.services.scheduling import course_dates

KIND = "outside_session"


@dataclass(frozen=True, slots=True)
class OutsideSaved:
    """A treatment given elsewhere as it now stands, and its course with all that follows."""

    outside: OutsideSessionRow
    facts: CourseFacts
    derived: Derived


def add(
    db: Connection, *, course_id: str, values: OutsideSessionValues, by: Actor, now: datetime
) -> OutsideSaved:
    """Record a treatment given elsewhere for the same indication; it bears the anchor."""
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
    if values["given_on"] > local_day(now, facts.practice["time_zone"]):
        raise Invalid(("/given_on", "lies in the future"))
    if values["given_on"] < facts.birth_date:
        raise Invalid(("/given_on", "lies before the patient's birth"))
    outside = records.create(
        db,
        OutsideSession,
        values | {"course_id": course_id},
        kind=KIND,
        patient_id=facts.course["patient_id"],
        by=by,
        now=now,
    )
    facts.outside.append(Treatment(outside["given_on"], outside["id"], "outside_session"))
    found = course_dates.rewrite_dates(db, facts, now=now, treated=True)
    return OutsideSaved(outside, facts, found)


def void(db: Connection, *, id: str, reason: str, by: Actor, now: datetime) -> OutsideSaved:
    """Take a treatment given elsewhere out of the record."""
    outside = records.load(db, OutsideSession, practice_id=by.practice_id, id=id)
    if outside["voided_at"]:
        raise WrongState(state="voided")
    facts = course_dates.facts_of_course(
        db, practice_id=by.practice_id, course_id=outside["course_id"]
    )
    outside = records.change(
        db,
        OutsideSession,
        outside,
        OutsideSessionValues(voided_at=now, void_reason=reason),
        kind=KIND,
        action="void",
        patient_id=facts.course["patient_id"],
        by=by,
        now=now,
    )
    facts.outside = [o for o in facts.outside if o.id != id]
    found = course_dates.rewrite_dates(db, facts, now=now, treated=True)
    return OutsideSaved(outside, facts, found)
