"""Booked sessions: book, reschedule, confirm, arrive, cancel, no-show, correct, void."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.db.engine.engine import Connection
from app.db.models import Session
from app.db.queries.scheduling import sessions as rows
from app.db.queries.scheduling.facts import CourseFacts, SessionFact
from app.db.queries.table_rows import Record
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import (
    BookedTooEarly,
    CourseClosed,
    Invalid,
    NotBookingMaster,
    NotFound,
    PatientDeceased,
    WrongState,
)
from app.domain.ids import new_id
from app.domain.scheduling import schedule
from app.services import records
from app.services.identifiers import Named, as_shown
from app.services.scheduling import course_dates

KIND = "session"


@dataclass(slots=True)
class Saved:
    """A session as it now stands, the facts of its course, and its identifiers elsewhere."""

    session: Record
    facts: CourseFacts
    identifiers: list[dict[str, str]] = field(default_factory=list)


def zone_of(facts: CourseFacts, location_id: str | None) -> str:
    """Return the time zone a treatment's day is judged in; the practice's without a location."""
    if location_id is None:
        return str(facts.practice["time_zone"])
    if facts.location_zone is None:
        raise Invalid(("/location_id", "no such location in this practice"))
    return facts.location_zone


def check_practitioner(facts: CourseFacts, practitioner_id: str | None) -> None:
    if practitioner_id is not None and not facts.practitioner_known:
        raise Invalid(("/practitioner_id", "no such practitioner in this practice"))


def book(
    db: Connection,
    *,
    course_id: str,
    starts_at: datetime,
    location_id: str | None,
    practitioner_id: str | None,
    override_reason: str | None,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> Saved:
    """Book a session of the course, guarded as the practice wants bookings guarded."""
    facts = course_dates.facts_of_course(
        db,
        practice_id=by.practice_id,
        course_id=course_id,
        location_id=location_id,
        practitioner_id=practitioner_id,
    )
    check_practitioner(facts, practitioner_id)
    starts_on = local_day(starts_at, zone_of(facts, location_id))
    _guard(facts, starts_on, override_reason, from_ehr=bool(identified))
    values = {
        "status": "booked",
        "starts_at": starts_at,
        "starts_on": starts_on,
        "sort_at": starts_at,
        "made_on": local_day(now, facts.practice["time_zone"]),
        "location_id": location_id,
        "practitioner_id": practitioner_id,
        "override_reason": override_reason,
    }
    return save_new(db, facts, values, action="book", identified=identified, by=by, now=now)


def reschedule(
    db: Connection,
    *,
    session_id: str,
    starts_at: datetime,
    place: dict[str, str | None],
    override_reason: str | None,
    identified: Sequence[Named] | None = None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Move a booking; a confirmation or arrival belonged to the old time and is taken back.

    `place` holds `location_id` and `practitioner_id` only where they change; identifiers are
    replaced only when given.
    """
    saved = load(db, session_id, by=by, **place)
    location_id = place.get("location_id", saved.session["location_id"])
    practitioner_id = place.get("practitioner_id", saved.session["practitioner_id"])
    check_practitioner(saved.facts, practitioner_id)
    _expect(saved.session, "booked")
    starts_on = local_day(starts_at, zone_of(saved.facts, location_id))
    before = saved.session
    if (starts_at, location_id, practitioner_id) == (
        before["starts_at"],
        before["location_id"],
        before["practitioner_id"],
    ):
        return save(db, saved, {}, action="correct", identified=identified, by=by, now=now)
    _guard(saved.facts, starts_on, override_reason, from_ehr=bool(saved.identifiers))
    values = {
        "starts_at": starts_at,
        "starts_on": starts_on,
        "sort_at": starts_at,
        "location_id": location_id,
        "practitioner_id": practitioner_id,
        "override_reason": override_reason,
        "confirmed_at": None,
        "arrived_at": None,
    }
    return save(db, saved, values, action="reschedule", identified=identified, by=by, now=now)


def confirm(db: Connection, *, session_id: str, by: Actor, now: datetime) -> Saved:
    """Note that the patient confirmed; doing so again changes nothing."""
    return _mark(db, session_id, "confirmed_at", "confirm", by=by, now=now)


def arrive(db: Connection, *, session_id: str, by: Actor, now: datetime) -> Saved:
    """Note that the patient is here; doing so again changes nothing."""
    return _mark(db, session_id, "arrived_at", "arrive", by=by, now=now)


def cancel(
    db: Connection, *, session_id: str, side: str, reason: str | None, by: Actor, now: datetime
) -> Saved:
    """Cancel a booking, saying by whom (`patient` or `clinic`)."""
    saved = load(db, session_id, by=by)
    _expect(saved.session, "booked")
    values = {"status": "cancelled", "ended_at": now, "ended_by": side, "end_reason": reason}
    return save(db, saved, values, action="cancel", by=by, now=now)


def no_show(
    db: Connection, *, session_id: str, reason: str | None, by: Actor, now: datetime
) -> Saved:
    """Note that the patient did not come; possible from the day of the booking on."""
    saved = load(db, session_id, by=by)
    _expect(saved.session, "booked")
    zone = saved.facts.location_zone or saved.facts.practice["time_zone"]
    if saved.session["starts_on"] > local_day(now, zone):
        raise WrongState("The booking is still to come.", state="booked")
    values = {"status": "no_show", "ended_at": now, "ended_by": "patient", "end_reason": reason}
    return save(db, saved, values, action="no-show", by=by, now=now)


def void(db: Connection, *, session_id: str, reason: str, by: Actor, now: datetime) -> Saved:
    """Take a given session out of the record for good; its booking does not come back."""
    saved = load(db, session_id, by=by)
    _expect(saved.session, "given")
    values = {"status": "voided", "ended_at": now, "ended_by": "clinic", "end_reason": reason}
    return save(db, saved, values, action="void", by=by, now=now)


def load(
    db: Connection,
    session_id: str,
    *,
    by: Actor,
    location_id: str | None = None,
    practitioner_id: str | None = None,
) -> Saved:
    """Return a session with the facts of its course.

    The named place and person are looked up with them; without names, the session's own.
    """
    found = rows.one(
        db,
        practice_id=by.practice_id,
        id=session_id,
        location_id=location_id,
        practitioner_id=practitioner_id,
    )
    if found is None:
        raise NotFound()
    course_dates.load_interval(db, found.facts, practice_id=by.practice_id)
    return Saved(*found)


def save_new(
    db: Connection,
    facts: CourseFacts,
    values: Record,
    *,
    action: str,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> Saved:
    """Insert a session and rewrite its course's dates."""
    values = {"id": new_id(now), "course_id": facts.course["id"], **values}
    session = records.create(
        db,
        Session,
        values,
        kind=KIND,
        action=action,
        patient_id=facts.course["patient_id"],
        identified=identified,
        by=by,
        now=now,
    )
    facts.sessions.append(fact_of(session))
    course_dates.rewrite_dates(db, facts, now=now)
    return Saved(session, facts, as_shown(identified))


def save(
    db: Connection,
    saved: Saved,
    values: Record,
    *,
    action: str,
    identified: Sequence[Named] | None = None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Change a session and rewrite its course's dates; nothing different saves nothing."""
    before = saved.session
    session = records.change(
        db,
        Session,
        before,
        values,
        kind=KIND,
        action=action,
        patient_id=saved.facts.course["patient_id"],
        identified=identified,
        by=by,
        now=now,
    )
    if session is before:
        return saved
    facts = saved.facts
    facts.sessions = [fact_of(session) if s.id == session["id"] else s for s in facts.sessions]
    course_dates.rewrite_dates(db, facts, now=now)
    named = saved.identifiers if identified is None else as_shown(identified)
    return Saved(session, facts, named)


def fact_of(session: Record) -> SessionFact:
    """Return what the rules need to know of the session."""
    return SessionFact(
        session["id"],
        session["status"],
        session["starts_at"],
        session["starts_on"],
        session["made_on"],
        session["given_on"],
        session["completeness"],
        session["continues_session_id"],
        session["location_id"],
        session["practitioner_id"],
        session["confirmed_at"] is not None,
        session["ended_at"],
        session["ended_by"],
    )


def _mark(
    db: Connection, session_id: str, field: str, action: str, *, by: Actor, now: datetime
) -> Saved:
    saved = load(db, session_id, by=by)
    _expect(saved.session, "booked")
    values: dict[str, Any] = {field: saved.session[field] or now}
    return save(db, saved, values, action=action, by=by, now=now)


def _expect(session: Record, *states: str) -> None:
    if session["status"] not in states:
        raise WrongState(state=session["status"])


def _may_be_planned(facts: CourseFacts) -> None:
    if facts.patient["deceased_on"]:
        raise PatientDeceased()
    if facts.course["state"] != "active":
        raise CourseClosed()


def _guard(
    facts: CourseFacts, starts_on: date, override_reason: str | None, *, from_ehr: bool
) -> None:
    practice = facts.practice
    if practice["booking_master"] == "ehr":
        if not from_ehr:
            raise NotBookingMaster()
        # The EHR's bookings are its facts: shown with their flags, never refused.
        return
    _may_be_planned(facts)
    mode = practice["early_booking"]
    found = schedule.dates(facts.history(), facts.plan())
    if found.anchor_on is None or mode == "warn":
        return
    earliest = found.earliest_on
    if earliest and starts_on >= earliest:
        return
    if mode == "reason_required" and override_reason:
        return
    reason = next(
        r
        for r in reversed(schedule.reasons(facts.history(), facts.plan()))
        if r.date == "earliest_on" and r.decisive
    )
    day = earliest.isoformat() if earliest else "open: the course is on hold without an end"
    raise BookedTooEarly(
        f"The earliest day is {day}.",
        earliest_on=earliest,
        rule=reason.rule,
        override=mode == "reason_required",
    )
