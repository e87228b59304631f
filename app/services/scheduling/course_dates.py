"""A course's stored dates: rewritten with every fact they rest on, and compared on demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.models import Course
from app.db.queries import table_rows
from app.db.queries.scheduling import facts as rows
from app.db.queries.scheduling.facts import CourseFacts, SessionFact
from app.db.rows.practice import PracticeRow
from app.db.rows.scheduling import CourseValues
from app.domain.dates import Interval
from app.domain.errors import Contended, NotFound
from app.domain.scheduling import derived, schedule, worklist
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.schedule import (
    BY_DAY,
    BY_FIRST_DAY,
    Booking,
    Ending,
    History,
    Plan,
    Treatment,
)
from app.domain.scheduling.sessions import SessionStatus
from app.services.charting import protocols

# Where a course without a due date stands in every list: after all that have one.
UNDATED = date(9999, 12, 31)


def facts_of_course(
    db: Connection,
    *,
    practice_id: str,
    course_id: str,
    location_id: str | None = None,
    practitioner_id: str | None = None,
) -> CourseFacts:
    """Return all that decisions about the course rest on; `NotFound` when there is no such one."""
    found = rows.of_course(
        db,
        practice_id=practice_id,
        course_id=course_id,
        location_id=location_id,
        practitioner_id=practitioner_id,
    )
    if found is None:
        raise NotFound()
    load_protocols(db, found, practice_id=practice_id)
    return found


def facts_of_courses(
    db: Connection, *, practice_id: str, course_ids: Iterable[str]
) -> dict[str, CourseFacts]:
    """Return the facts of several courses by their id, in one statement."""
    found = rows.of_courses(db, practice_id=practice_id, course_ids=sorted(set(course_ids)))
    for facts in found:
        load_protocols(db, facts, practice_id=practice_id)
    return {facts.course["id"]: facts for facts in found}


def load_protocols(db: Connection, facts: CourseFacts, *, practice_id: str) -> None:
    """Give the facts the protocol version that each of the patient's courses pins.

    `NotFound` when there is none for the course itself; another course without one shares nothing.
    """
    course = facts.course
    facts.protocol = protocols.version(
        db, practice_id=practice_id, code=course["protocol"], number=course["protocol_version"]
    )
    for other in facts.others:
        if other.protocol is None:
            code, number = other.course["protocol"], other.course["protocol_version"]
            try:
                other.protocol = protocols.version(
                    db, practice_id=practice_id, code=code, number=number
                )
            except NotFound:
                continue


def derive(facts: CourseFacts) -> Derived:
    """Return the course's history, its plan, and all that follows from them."""
    assert facts.protocol is not None  # noqa: S101 - loaded with the facts
    course = facts.course
    plan = plan_of(
        facts.practice,
        facts.protocol.interval,
        own_interval=course["interval_days"],
        own_minimum=course["min_interval_days"],
    )
    return derived.derive(_history(facts), plan)


def plan_of(
    practice: PracticeRow,
    interval: Interval,
    *,
    own_interval: int | None,
    own_minimum: int | None,
) -> Plan:
    """Return the numbers for a course: its own, else the practice's and the protocol's interval."""
    return Plan(
        Interval(own_interval, "day") if own_interval else interval,
        own_minimum or practice["min_interval_days"],
        practice["early_tolerance_days"],
        practice["lead_days"],
        practice["overdue_after_days"],
        practice["lapsed_after_days"],
        own_minimum is not None,
        own_interval is not None,
    )


def _history(facts: CourseFacts) -> History:
    bookings: list[Booking] = []
    endings: list[Ending] = []
    for s in facts.sessions:
        if s.starts_on is None:
            continue
        if s.status == SessionStatus.BOOKED and s.starts_at:
            bookings.append(_booking(s, s.starts_on, s.starts_at))
        elif s.status in (SessionStatus.CANCELLED, SessionStatus.NO_SHOW) and s.ended_at:
            missed = s.status == SessionStatus.NO_SHOW or s.ended_by == "patient"
            made_on = s.made_on or s.starts_on
            endings.append(Ending(s.id, s.starts_on, made_on, s.ended_at, missed))
    others: list[Treatment] = []
    for other in facts.others:
        if shares(facts, other):
            others += _treatments(other)
    return History(
        sorted(_treatments(facts), key=BY_DAY),
        sorted(facts.holds, key=BY_FIRST_DAY),
        worklist.bookings_in_order(bookings) if bookings else (),
        endings,
        facts.course["prior_cycles"],
        facts.course["planned_start_on"],
        facts.course["closed_on"],
        sorted(others, key=BY_DAY),
    )


def _booking(s: SessionFact, on: date, starts_at: datetime) -> Booking:
    made_on = s.made_on or on
    return Booking(s.id, on, starts_at, made_on, s.location_id, s.practitioner_id, s.confirmed)


def _treatments(facts: CourseFacts) -> list[Treatment]:
    """Return what was given in the course, here and elsewhere, in no order."""
    given = [
        Treatment(s.given_on, s.id, "session", s.continues)
        for s in facts.sessions
        if s.status == SessionStatus.GIVEN and s.given_on
    ]
    return given + facts.outside


def shares(facts: CourseFacts, other: CourseFacts) -> bool:
    """Return whether two courses of one patient share their treatments: same drug, same group."""
    if facts.protocol is None or other.protocol is None:
        return False
    return schedule.treatment_group(
        facts.protocol.product, facts.course["indication"]
    ) == schedule.treatment_group(other.protocol.product, other.course["indication"])


def followers(facts: CourseFacts) -> list[CourseFacts]:
    """Return the patient's other open courses whose dates follow what is given in this one."""
    return [o for o in facts.others if o.course["state"] == "active" and shares(facts, o)]


def columns(facts: CourseFacts, found: Derived) -> CourseValues:
    """Return the columns of the course that follow from its history."""
    dates, due = found.schedule, found.schedule.due
    treatments = found.history.treatments
    here = next((t.id for t in reversed(treatments) if t.source == "session"), None)
    last = next((s for s in facts.sessions if s.id == here), None) if here else None
    return {
        "cycle": found.cycle,
        "last_treated_on": found.last_treated_on,
        "anchor_on": dates.anchor_on,
        "earliest_on": dates.earliest_on,
        "due_on": dates.due_on,
        "due_rule": due.rule if due else None,
        "due_source_type": due.source_type if due else None,
        "due_source_id": due.source_id if due else None,
        "missed_session_id": found.missed_session_id,
        "location_id": last.location_id if last else None,
        "practitioner_id": last.practitioner_id if last else None,
        "sort_on": dates.due_on or UNDATED,
        "dates_revision": facts.practice["dates_revision"],
    }


def differences(facts: CourseFacts) -> dict[str, tuple[object, object]]:
    """Return `{column: (stored, recomputed)}` where the stored dates are not what follows."""
    stored = facts.course
    return {
        name: (stored[name], value)  # type: ignore[literal-required]
        for name, value in columns(facts, derive(facts)).items()
        if stored[name] != value and name != "dates_revision"  # type: ignore[literal-required]
    }


def rewrite_dates(
    db: Connection,
    facts: CourseFacts,
    *,
    now: datetime,
    values: CourseValues | None = None,
    treated: bool = False,
    regrouped: bool = False,
) -> Derived:
    """Rewrite the course's dates after a change of its facts, together with `values` of its own.

    `treated` says that what was given changed: the patient's other open courses of the same drug
    and group follow. `regrouped` says that the course begins or ceases to follow the others: they
    are written too, whatever their state, so that a change of theirs at the same moment is seen.

    Every change of a course's facts ends here, and only one of two racing ones gets through:
    the other one is `Contended`, and what called it begins again.
    """
    stored = facts.course
    facts.course = {**stored, **(values or {})}
    found = derive(facts)
    written: list[tuple[CourseFacts, CourseValues]] = [
        (facts, {**(values or {}), **columns(facts, found)})
    ]
    if facts.others and (treated or regrouped):
        others = facts.others if regrouped else followers(facts)
        written += [(other, columns(other, derive(other))) for other in others]
        # In one order, so that two requests never wait for each other.
        written.sort(key=lambda one: one[0].course["id"])
    for one, saved in written:
        _save(db, one, saved, now=now)
    return found


def _save(db: Connection, facts: CourseFacts, saved: CourseValues, *, now: datetime) -> None:
    course = facts.course
    if not table_rows.change(
        db,
        Course,
        practice_id=course["practice_id"],
        id=course["id"],
        version=course["version"],
        values=saved,
        now=now,
    ):
        raise Contended()
    facts.course = {**course, **saved, "updated_at": now, "version": course["version"] + 1}
