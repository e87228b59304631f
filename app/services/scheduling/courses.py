"""Courses: open, change, hold, resume, stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.db.engine.engine import Connection
from app.db.models import Course, Hold, Patient
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.scheduling import CourseRow, CourseValues, HoldValues
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import Invalid, PatientDeceased, WrongState
from app.domain.scheduling import schedule
from app.domain.scheduling.schedule import Rule
from app.services import identifiers, records
from app.services.audit import audit
from app.services.charting import protocols
from app.services.identifiers import Named
from app.services.scheduling import bookings, course_dates

KIND = "course"


@dataclass(frozen=True, slots=True)
class CourseRecord:
    """A course as it is stored, with other systems' names for it."""

    course: CourseRow
    identifiers: list[dict[str, str]]


def records_of(
    db: Connection, found: Sequence[CourseRow], *, practice_id: str
) -> list[CourseRecord]:
    """Return courses with their identifiers, in one statement for all."""
    named = identifier_rows.of(
        db, practice_id=practice_id, kind=KIND, ids=[course["id"] for course in found]
    )
    return [CourseRecord(course, named.get(course["id"], [])) for course in found]


def open_course(
    db: Connection,
    *,
    patient_id: str,
    values: CourseValues,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> CourseRow:
    """Open a course for a patient under the newest published version of its protocol."""
    patient = records.load(db, Patient, practice_id=by.practice_id, id=patient_id, locked=True)
    if patient["deceased_on"]:
        raise PatientDeceased()
    protocol = protocols.find_latest(db, practice_id=by.practice_id, code=values["protocol"])
    if protocol is None:
        raise Invalid(("/protocol", "no such published protocol"))
    planned, prior_cycles = values.get("planned_start_on"), values.get("prior_cycles", 0)
    values = {
        **values,
        **_override(values.get("min_interval_days"), values.get("override_reason"), values, by),
        "prior_cycles": prior_cycles,
        "patient_id": patient_id,
        "protocol_version": protocol.version,
        "cycle": prior_cycles + 1,
        "due_on": planned,
        "due_rule": Rule.PLANNED_START if planned else None,
        "due_source_type": KIND if planned else None,
        "sort_on": planned or course_dates.UNDATED,
    }
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
    # The dates of a new course rest on the practice's present settings, and on what the patient
    # was given in other courses.
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course["id"])
    follows = any(course_dates.shares(facts, other) for other in facts.others)
    if follows or facts.course["dates_revision"] != facts.practice["dates_revision"]:
        course_dates.rewrite_dates(db, facts, now=now, regrouped=follows)
    return facts.course


def upsert(
    db: Connection,
    *,
    patient_id: str,
    values: CourseValues,
    identified: Sequence[Named],
    by: Actor,
    now: datetime,
) -> tuple[CourseRow, bool]:
    """Change the course with one of these identifiers, or open it; tell whether it is new.

    The patient and the protocol of a course that there is stay.
    """
    id = identifiers.find(db, kind=KIND, identifiers=identified, by=by)
    if id is None:
        made = open_course(
            db, patient_id=patient_id, values=values, identified=identified, by=by, now=now
        )
        return made, True
    facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=id)
    named = identifiers.joined(db, kind=KIND, id=id, identifiers=identified, by=by)
    said: CourseValues = {**values}
    said.pop("protocol", None)
    said.pop("patient_id", None)
    return change(db, facts=facts, values=said, identified=named, by=by, now=now).course, False


def change(
    db: Connection,
    *,
    facts: CourseFacts,
    values: CourseValues,
    identified: Sequence[Named] | None,
    by: Actor,
    now: datetime,
) -> CourseFacts:
    """Change a course's own facts (plan, interval, minimum with its reason, prior cycles).

    Identifiers are replaced only when given.
    """
    if "min_interval_days" in values or "override_reason" in values:
        minimum = values.get("min_interval_days", facts.course["min_interval_days"])
        reason = values.get("override_reason", facts.course["override_reason"])
        values = {**values, **_override(minimum, reason, values, by)}
    return _change(db, facts, values, action="change", identified=identified, by=by, now=now)


def _override(
    minimum: int | None, reason: str | None, said: CourseValues, by: Actor
) -> CourseValues:
    """Return the reason and the author of a course's own minimum; it has both or is none."""
    if minimum is None:
        if said.get("override_reason"):
            raise Invalid(("/override_reason", "goes with a minimum interval of the course's own"))
        return {"override_reason": None, "override_by": None}
    if not reason:
        raise Invalid(("/override_reason", "a course's own minimum interval needs its reason"))
    return {"override_reason": reason, "override_by": by.name}


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
    facts.holds.append(schedule.Hold(made["id"], since, until, review_on))
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
        if facts.deceased_on:
            raise PatientDeceased()
        values: CourseValues = {"state": "active", "closed_on": None, "close_reason": None}
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
    bookings.cancel_ahead(db, facts, since=since, reason=reason or outcome, by=by, now=now)
    values: CourseValues = {"state": outcome, "closed_on": on, "close_reason": reason}
    return _change(db, facts, values, action="stop", by=by, now=now)


def _change(
    db: Connection,
    facts: CourseFacts,
    values: CourseValues,
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
    # Taken up again, or treated for something else, it begins to follow other courses.
    regrouped = "indication" in changes or values.get("state") == "active"
    course_dates.rewrite_dates(db, facts, now=now, values=values, regrouped=regrouped)
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
