"""Courses: open, change, hold, resume, stop; treatments given elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.db.engine.engine import Connection
from app.db.models import Course, Hold, OutsideSession, Patient, Session
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.table_rows import Record
from app.db.rows.scheduling import HoldValues, OutsideSessionValues
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import Invalid, PatientDeceased, WrongState
from app.domain.scheduling.schedule import Hold as HoldFact
from app.domain.scheduling.schedule import Treatment
from app.services import identifiers, records
from app.services.audit import audit
from app.services.charting import protocols
from app.services.identifiers import Named
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Saved

KIND = "course"


def open_course(
    db: Connection,
    *,
    patient_id: str,
    values: Record,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> Record:
    """Open a course for a patient under the newest published version of its protocol."""
    patient = records.load(db, Patient, practice_id=by.practice_id, id=patient_id, locked=True)
    if patient["deceased_on"]:
        raise PatientDeceased()
    protocol = protocols.find_latest(db, practice_id=by.practice_id, code=values["protocol"])
    if protocol is None:
        raise Invalid(("/protocol", "no such published protocol"))
    planned = values.get("planned_start_on")
    values = values | {
        "patient_id": patient_id,
        "protocol_version": protocol.version,
        "cycle": values.get("prior_cycles", 0) + 1,
        "due_on": planned,
        "due_rule": "planned_start" if planned else None,
        "due_source_type": KIND if planned else None,
        "sort_on": planned or course_dates.UNDATED,
    }
    _check_override(values, dict(values), by)
    course = records.create(
        db,
        Course,
        values,
        kind=KIND,
        patient_id=patient_id,
        identified=identified,
        by=by,
        now=now,
    )
    # The dates of a new course rest on the practice's present settings.
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course["id"])
    if facts.course["dates_revision"] != facts.practice["dates_revision"]:
        course_dates.rewrite_dates(db, facts, now=now)
    return facts.course


def change(
    db: Connection,
    *,
    facts: CourseFacts,
    values: Record,
    identified: Sequence[Named] | None,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    """Change a course's own facts (plan, interval, minimum with its reason, prior cycles).

    Identifiers are replaced only when given.
    """
    if "min_interval_days" in values or "override_reason" in values:
        merged = facts.course | values
        _check_override(merged, values, by)
        values = values | {n: merged[n] for n in ("override_reason", "override_by")}
    return _change(db, facts, values, action="change", identified=identified, by=by, now=now)


def _check_override(values: Record, said: Record, by: Actor) -> None:
    if values.get("min_interval_days") is None:
        values["override_reason"] = values["override_by"] = None
        if said.get("override_reason"):
            raise Invalid(("/override_reason", "goes with a minimum interval of the course's own"))
    elif not values.get("override_reason"):
        raise Invalid(("/override_reason", "a course's own minimum interval needs its reason"))
    else:
        values["override_by"] = by.name


def hold(
    db: Connection,
    *,
    course_id: str,
    since: date,
    until: date | None,
    review_on: date | None,
    reason: str,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    """Pause a course; open-ended with a day on which to review it, or until a day inclusive."""
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
    _expect_active(facts)
    if until and until < since:
        raise Invalid(("/until", "lies before the hold begins"))
    if until is None and review_on is None:
        raise Invalid(("/review_on", "an open-ended hold needs a day on which to review it"))
    values: HoldValues = {
        "course_id": course_id,
        "starts_on": since,
        "ends_on": until,
        "review_on": review_on,
        "reason": reason,
    }
    made = records.create(
        db,
        Hold,
        values,
        kind="hold",
        patient_id=facts.course["patient_id"],
        by=by,
        now=now,
    )
    facts.holds.append(HoldFact(made["id"], since, until, review_on))
    course_dates.rewrite_dates(db, facts, now=now)
    return facts


def resume(
    db: Connection, *, course_id: str, on: date | None, by: Actor, now: datetime
) -> CourseFacts:
    """End the holds in force on that day, or take up a closed course again.

    `on` is the first day on which treatment is possible again, today unless said.
    """
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
    if facts.course["state"] != "active":
        if facts.patient["deceased_on"]:
            raise PatientDeceased()
        values = {"state": "active", "closed_on": None, "close_reason": None}
        return _change(db, facts, values, action="resume", by=by, now=now)
    day = on or _today(facts, now)
    ended = [h for h in facts.holds if h.covers(day)]
    if not ended:
        raise WrongState("No hold is in force on that day.", state="active")
    # A hold resumed on its first day is left with no day at all.
    last = day - timedelta(1)
    for held in ended:
        record = records.load(db, Hold, practice_id=by.practice_id, id=held.id)
        records.change(
            db,
            Hold,
            record,
            HoldValues(ends_on=last),
            kind="hold",
            action="resume",
            patient_id=facts.course["patient_id"],
            by=by,
            now=now,
        )
        facts.holds[facts.holds.index(held)] = held._replace(until=last)
    course_dates.rewrite_dates(db, facts, now=now)
    return facts


def stop(
    db: Connection,
    *,
    course_id: str,
    on: date | None,
    outcome: str,
    reason: str | None,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    """Close a course (`completed` or `stopped`) and cancel its future bookings."""
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
    _expect_active(facts)
    today = _today(facts, now)
    if on and on > today:
        raise Invalid(("/on", "lies in the future"))
    return close(
        db, facts, on=on or today, outcome=outcome, reason=reason, since=today, by=by, now=now
    )


def close(
    db: Connection,
    facts: CourseFacts,
    *,
    on: date,
    outcome: str,
    reason: str | None,
    since: date,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    """Close a course and cancel its bookings from the day `since` on."""
    cancel_bookings(db, facts, since=since, reason=reason or outcome, by=by, now=now)
    values = {"state": outcome, "closed_on": on, "close_reason": reason}
    return _change(db, facts, values, action="stop", by=by, now=now)


def cancel_bookings(
    db: Connection, facts: CourseFacts, *, since: date, reason: str, by: Actor, now: datetime
) -> None:
    """Cancel a course's bookings from the day `since` on, for the clinic."""
    for booked in [s for s in facts.sessions if s.status == "booked"]:
        if booked.starts_on and booked.starts_on >= since:
            session = records.load(db, Session, practice_id=by.practice_id, id=booked.id)
            values = {
                "status": "cancelled",
                "ended_at": now,
                "ended_by": "clinic",
                "end_reason": reason,
            }
            sessions.save(db, Saved(session, facts), values, action="cancel", by=by, now=now)


def add_outside(
    db: Connection, *, course_id: str, values: Record, by: Actor, now: datetime
) -> tuple[Record, CourseFacts]:
    """Record a treatment given elsewhere for the same indication; it bears the anchor."""
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
    if values["given_on"] > _today(facts, now):
        raise Invalid(("/given_on", "lies in the future"))
    if values["given_on"] < facts.patient["birth_date"]:
        raise Invalid(("/given_on", "lies before the patient's birth"))
    outside = records.create(
        db,
        OutsideSession,
        values | {"course_id": course_id},
        kind="outside_session",
        patient_id=facts.course["patient_id"],
        by=by,
        now=now,
    )
    facts.outside.append(Treatment(outside["given_on"], outside["id"], "outside_session"))
    course_dates.rewrite_dates(db, facts, now=now)
    return outside, facts


def void_outside(
    db: Connection, *, id: str, reason: str, by: Actor, now: datetime
) -> tuple[Record, CourseFacts]:
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
        kind="outside_session",
        action="void",
        patient_id=facts.course["patient_id"],
        by=by,
        now=now,
    )
    facts.outside = [o for o in facts.outside if o.id != id]
    course_dates.rewrite_dates(db, facts, now=now)
    return outside, facts


def _change(
    db: Connection,
    facts: CourseFacts,
    values: Record,
    *,
    action: str,
    identified: Sequence[Named] | None = None,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    changes = audit.changed(facts.course, values)
    if identified is not None:
        changes |= identifiers.put(
            db, kind=KIND, id=facts.course["id"], identifiers=identified, by=by
        )
    if not changes:
        return facts
    course_dates.rewrite_dates(db, facts, now=now, values=values)
    audit.record(
        db,
        by=by,
        now=now,
        action=f"{KIND}.{action}",
        kind=KIND,
        id=facts.course["id"],
        patient_id=facts.course["patient_id"],
        changes=changes,
    )
    return facts


def _expect_active(facts: CourseFacts) -> None:
    if facts.course["state"] != "active":
        raise WrongState(state=facts.course["state"])


def _today(facts: CourseFacts, now: datetime) -> date:
    return local_day(now, facts.practice["time_zone"])
