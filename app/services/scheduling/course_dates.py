"""A course's stored dates: rewritten with every fact they rest on, and compared on demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.models import Course
from app.db.queries import table_rows
from app.db.queries.scheduling import facts as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.table_rows import Record
from app.domain.errors import Contended, NotFound
from app.domain.scheduling import cycles, schedule, worklist
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
    load_interval(db, found, practice_id=practice_id)
    return found


def facts_of_courses(
    db: Connection, *, practice_id: str, course_ids: Iterable[str]
) -> dict[str, CourseFacts]:
    """Return the facts of several courses by their id, in one statement."""
    found = rows.of_courses(db, practice_id=practice_id, course_ids=sorted(set(course_ids)))
    for facts in found:
        load_interval(db, facts, practice_id=practice_id)
    return {facts.course["id"]: facts for facts in found}


def load_interval(db: Connection, facts: CourseFacts, *, practice_id: str) -> None:
    """Give the facts the interval of the course's protocol version."""
    course = facts.course
    protocol = protocols.version(
        db, practice_id=practice_id, code=course["protocol"], number=course["protocol_version"]
    )
    facts.interval = protocol.interval


def derive(facts: CourseFacts) -> Record:
    """Return the columns of the course that follow from its history."""
    history = facts.history()
    dates = schedule.dates(history, facts.plan())
    here = [t.id for t in history.treatments if t.source == "session"]
    last = next((s for s in facts.sessions if here and s.id == here[-1]), None)
    return {
        "cycle": cycles.next_cycle(history.treatments, history.prior_cycles),
        "anchor_on": dates.anchor_on,
        "earliest_on": dates.earliest_on,
        "due_on": dates.due_on,
        "due_rule": dates.due_rule,
        "due_source_type": dates.due_source_type,
        "due_source_id": dates.due_source_id,
        "missed_session_id": worklist.missed_since(dates.anchor_on, history.endings),
        "location_id": last.location_id if last else None,
        "practitioner_id": last.practitioner_id if last else None,
        "sort_on": dates.due_on or UNDATED,
        "dates_revision": facts.practice["dates_revision"],
    }


def differences(facts: CourseFacts) -> Record:
    """Return `{column: (stored, recomputed)}` where the stored dates are not what follows."""
    return {
        name: (facts.course[name], value)
        for name, value in derive(facts).items()
        if facts.course[name] != value and name != "dates_revision"
    }


def rewrite_dates(
    db: Connection, facts: CourseFacts, *, now: datetime, values: Record | None = None
) -> None:
    """Rewrite the course's dates after a change of its facts, together with `values` of its own.

    Every change of a course's facts ends here, and only one of two racing ones gets through:
    the other one is `Contended`, and its door lets it begin again.
    """
    course = facts.course | (values or {})
    before = facts.course
    facts.course = course
    saved = (values or {}) | derive(facts)
    if not table_rows.change(
        db,
        Course,
        practice_id=course["practice_id"],
        id=course["id"],
        version=before["version"],
        values=saved,
        now=now,
    ):
        facts.course = before
        raise Contended()
    facts.course = course | saved | {"updated_at": now, "version": before["version"] + 1}
