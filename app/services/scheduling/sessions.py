"""Sessions: loaded with their course, saved with its dates; what bookings and treatments share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from app.db.engine.engine import Connection
from app.db.models import Session
from app.db.queries.scheduling import sessions as rows
from app.db.queries.scheduling.facts import CourseFacts, fact_of
from app.db.queries.scheduling.sessions import Found
from app.db.rows.scheduling import SessionRow, SessionValues
from app.domain.access.access import Actor
from app.domain.errors import Invalid, NotFound, WrongState
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.sessions import SessionStatus
from app.services import identifiers, records
from app.services.identifiers import Named, as_shown
from app.services.scheduling import course_dates

KIND = "session"

# Other systems' names for a session, as they are shown.
Identifiers: TypeAlias = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Saved:
    """A session as it now stands, its course with all that follows, and its identifiers."""

    session: SessionRow
    facts: CourseFacts
    derived: Derived
    identifiers: Identifiers


def zone_of(facts: CourseFacts, location_id: str | None) -> str:
    """Return the time zone a treatment's day is judged in; the practice's without a location."""
    if location_id is None:
        return facts.practice["time_zone"]
    if facts.location_zone is None:
        raise Invalid(("/location_id", "no such location in this practice"))
    return facts.location_zone


def check_practitioner(facts: CourseFacts, practitioner_id: str | None) -> None:
    """Refuse a practitioner whom the practice does not have."""
    if practitioner_id is not None and not facts.practitioner_known:
        raise Invalid(("/practitioner_id", "no such practitioner in this practice"))


def load(
    db: Connection, session_id: str, *, by: Actor, place: SessionValues | None = None
) -> Found:
    """Return a session with the facts of its course.

    The named place and person are looked up with them; without names, the session's own.
    """
    place = place or {}
    found = rows.one(
        db,
        practice_id=by.practice_id,
        id=session_id,
        location_id=place.get("location_id"),
        practitioner_id=place.get("practitioner_id"),
    )
    if found is None:
        raise NotFound()
    course_dates.load_protocols(db, found.facts, practice_id=by.practice_id)
    return found


def find(
    db: Connection,
    *,
    course_id: str,
    place: SessionValues,
    identified: Sequence[Named],
    by: Actor,
) -> Found | None:
    """Return the session of the course that carries one of these identifiers, if there is one."""
    id = identifiers.find(db, kind=KIND, identifiers=identified, by=by)
    if id is None:
        return None
    found = load(db, id, by=by, place=place)
    if found.session["course_id"] != course_id:
        raise Invalid(("/course_id", "is not the course of this session"))
    return found


def joined(found: Found, identified: Sequence[Named]) -> list[Named]:
    """Return the session's identifiers together with these."""
    kept = [(named["system"], named["value"]) for named in found.identifiers]
    return list(dict.fromkeys([*kept, *identified]))


def save_new(
    db: Connection,
    facts: CourseFacts,
    values: SessionValues,
    *,
    action: str,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> Saved:
    """Insert a session and rewrite its course's dates."""
    values["course_id"] = facts.course["id"]
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
    fact = fact_of(session)
    facts.sessions.append(fact)
    treated = fact.treated_on is not None
    found = course_dates.rewrite_dates(db, facts, now=now, treated=treated)
    return Saved(session, facts, found, as_shown(identified) if identified else [])


def save(
    db: Connection,
    found: Found,
    values: SessionValues,
    *,
    action: str,
    identified: Sequence[Named] | None = None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Change a session and rewrite its course's dates; nothing different saves nothing."""
    before, facts = found.session, found.facts
    session = records.change(
        db,
        Session,
        before,
        values,
        kind=KIND,
        action=action,
        patient_id=facts.course["patient_id"],
        identified=identified,
        by=by,
        now=now,
    )
    if session is before:
        return Saved(session, facts, course_dates.derive(facts), found.identifiers)
    fact = fact_of(session)
    treated = fact.treated_on != fact_of(before).treated_on
    facts.sessions = [fact if s.id == fact.id else s for s in facts.sessions]
    now_follows = course_dates.rewrite_dates(db, facts, now=now, treated=treated)
    named = found.identifiers if identified is None else as_shown(identified)
    return Saved(session, facts, now_follows, named)


def ended(
    status: SessionStatus, side: Literal["patient", "clinic"], reason: str | None, now: datetime
) -> SessionValues:
    """Return what a session's end is recorded with."""
    return {"status": status, "ended_at": now, "ended_by": side, "end_reason": reason}


def expect(session: SessionRow, status: SessionStatus) -> None:
    """Refuse what does not follow from the session's status: `WrongState`."""
    if session["status"] != status:
        raise WrongState(state=session["status"])
