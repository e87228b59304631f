"""Bookings: book, move, confirm, arrive, cancel, no-show; guarded as the practice wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from app.db.engine.engine import Connection
from app.db.models import Session
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.scheduling.sessions import Found
from app.db.rows.scheduling import SessionValues
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import (
    BookedTooEarly,
    CourseClosed,
    NotBookingMaster,
    PatientDeceased,
    WrongState,
)
from app.domain.scheduling.booking import EarlyBooking, Guard, Policy, Refused, may_book
from app.domain.scheduling.sessions import SessionStatus
from app.services import records
from app.services.identifiers import Named
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Saved


@dataclass(frozen=True, slots=True)
class Slot:
    """A time, and the place and person only where they are said.

    `override_reason` is why it may lie before the earliest day.
    """

    starts_at: datetime
    place: SessionValues
    override_reason: str | None = None


def book(
    db: Connection,
    *,
    course_id: str,
    slot: Slot,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> Saved:
    """Book a session of the course, guarded as the practice wants bookings guarded."""
    location_id, practitioner_id = slot.place.get("location_id"), slot.place.get("practitioner_id")
    facts = course_dates.facts_of_course(
        db,
        practice_id=by.practice_id,
        course_id=course_id,
        location_id=location_id,
        practitioner_id=practitioner_id,
    )
    sessions.check_practitioner(facts, practitioner_id)
    starts_on = local_day(slot.starts_at, sessions.zone_of(facts, location_id))
    _guard(facts, starts_on, slot.override_reason, from_ehr=bool(identified))
    values: SessionValues = {
        "status": SessionStatus.BOOKED,
        "starts_at": slot.starts_at,
        "starts_on": starts_on,
        "sort_at": slot.starts_at,
        "made_on": local_day(now, facts.practice["time_zone"]),
        "location_id": location_id,
        "practitioner_id": practitioner_id,
        "override_reason": slot.override_reason,
    }
    return sessions.save_new(
        db, facts, values, action="book", identified=identified, by=by, now=now
    )


def upsert(
    db: Connection,
    *,
    course_id: str,
    slot: Slot,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> tuple[Saved, bool]:
    """Move the booking with one of these identifiers, or make it; tell whether it is new."""
    found = sessions.find(db, course_id=course_id, place=slot.place, identified=identified, by=by)
    if found is None:
        saved = book(db, course_id=course_id, slot=slot, identified=identified, by=by, now=now)
        return saved, True
    named = sessions.joined(found, identified)
    return _move(db, found, slot, named, by=by, now=now), False


def reschedule(db: Connection, *, session_id: str, slot: Slot, by: Actor, now: datetime) -> Saved:
    """Move a booking; a confirmation or arrival belonged to the old time and is taken back."""
    found = sessions.load(db, session_id, by=by, place=slot.place)
    return _move(db, found, slot, None, by=by, now=now)


def _move(
    db: Connection,
    found: Found,
    slot: Slot,
    identified: Sequence[Named] | None,
    *,
    by: Actor,
    now: datetime,
) -> Saved:
    before, facts = found.session, found.facts
    location_id = slot.place.get("location_id", before["location_id"])
    practitioner_id = slot.place.get("practitioner_id", before["practitioner_id"])
    sessions.check_practitioner(facts, practitioner_id)
    sessions.expect(before, SessionStatus.BOOKED)
    starts_on = local_day(slot.starts_at, sessions.zone_of(facts, location_id))
    if (slot.starts_at, location_id, practitioner_id) == (
        before["starts_at"],
        before["location_id"],
        before["practitioner_id"],
    ):
        return sessions.save(db, found, {}, action="correct", identified=identified, by=by, now=now)
    _guard(facts, starts_on, slot.override_reason, from_ehr=bool(found.identifiers))
    values: SessionValues = {
        "starts_at": slot.starts_at,
        "starts_on": starts_on,
        "sort_at": slot.starts_at,
        "location_id": location_id,
        "practitioner_id": practitioner_id,
        "override_reason": slot.override_reason,
        "confirmed_at": None,
        "arrived_at": None,
    }
    return sessions.save(
        db, found, values, action="reschedule", identified=identified, by=by, now=now
    )


def confirm(db: Connection, *, session_id: str, by: Actor, now: datetime) -> Saved:
    """Note that the patient confirmed; doing so again changes nothing."""
    found = sessions.load(db, session_id, by=by)
    sessions.expect(found.session, SessionStatus.BOOKED)
    values: SessionValues = {"confirmed_at": found.session["confirmed_at"] or now}
    return sessions.save(db, found, values, action="confirm", by=by, now=now)


def arrive(db: Connection, *, session_id: str, by: Actor, now: datetime) -> Saved:
    """Note that the patient is here; doing so again changes nothing."""
    found = sessions.load(db, session_id, by=by)
    sessions.expect(found.session, SessionStatus.BOOKED)
    values: SessionValues = {"arrived_at": found.session["arrived_at"] or now}
    return sessions.save(db, found, values, action="arrive", by=by, now=now)


def cancel(
    db: Connection,
    *,
    session_id: str,
    side: Literal["patient", "clinic"],
    reason: str | None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Cancel a booking, saying by whom (`patient` or `clinic`)."""
    found = sessions.load(db, session_id, by=by)
    sessions.expect(found.session, SessionStatus.BOOKED)
    values = sessions.ended(SessionStatus.CANCELLED, side, reason, now)
    return sessions.save(db, found, values, action="cancel", by=by, now=now)


def cancel_ahead(
    db: Connection, facts: CourseFacts, *, since: date, reason: str, by: Actor, now: datetime
) -> None:
    """Cancel a course's bookings from the day `since` on, for the clinic."""
    for booked in [s for s in facts.sessions if s.status == SessionStatus.BOOKED]:
        if booked.starts_on and booked.starts_on >= since:
            session = records.load(db, Session, practice_id=by.practice_id, id=booked.id)
            values = sessions.ended(SessionStatus.CANCELLED, "clinic", reason, now)
            sessions.save(db, Found(session, facts, []), values, action="cancel", by=by, now=now)


def no_show(
    db: Connection, *, session_id: str, reason: str | None, by: Actor, now: datetime
) -> Saved:
    """Note that the patient did not come; possible from the day of the booking on."""
    found = sessions.load(db, session_id, by=by)
    sessions.expect(found.session, SessionStatus.BOOKED)
    zone = found.facts.location_zone or found.facts.practice["time_zone"]
    starts_on = found.session["starts_on"]
    if starts_on and starts_on > local_day(now, zone):
        raise WrongState("The booking is still to come.", state=SessionStatus.BOOKED)
    values = sessions.ended(SessionStatus.NO_SHOW, "patient", reason, now)
    return sessions.save(db, found, values, action="no-show", by=by, now=now)


def _guard(facts: CourseFacts, day: date, reason: str | None, *, from_ehr: bool) -> None:
    """Refuse a day that may not be booked, in the clinic's words."""
    practice = facts.practice
    early = EarlyBooking(practice["early_booking"])
    answer = may_book(
        day,
        course_dates.derive(facts).schedule,
        Policy(practice["booking_master"] == "ehr", early),
        from_ehr=from_ehr,
        deceased=facts.deceased_on is not None,
        closed=facts.course["state"] != "active",
        reason=reason,
    )
    if not isinstance(answer, Refused):
        return
    match answer.guard:
        case Guard.NOT_BOOKING_MASTER:
            raise NotBookingMaster()
        case Guard.PATIENT_DECEASED:
            raise PatientDeceased()
        case Guard.COURSE_CLOSED:
            raise CourseClosed()
    earliest = answer.earliest_on
    told = earliest.isoformat() if earliest else "open: the course is on hold without an end"
    raise BookedTooEarly(
        f"The earliest day is {told}.",
        earliest_on=earliest,
        rule=answer.rule or "",
        override=answer.override,
    )
