"""Lists of sessions: the day sheet of a practice, the history of a course."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.scheduling import sessions as rows
from app.db.queries.scheduling.sessions import SessionOfPatient
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.session_records import SessionRecord, records_of

# Where a session stands in every list: (sort instant, id).
Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class DaySheetQuery:
    """What narrows a list of sessions; days are inclusive."""

    statuses: tuple[str, ...] = ()
    given: tuple[date | None, date | None] = (None, None)
    starts: tuple[date | None, date | None] = (None, None)
    location_id: str | None = None
    practitioner_id: str | None = None


@dataclass(frozen=True, slots=True)
class DaySheetLine:
    """A session with the patient it is for."""

    record: SessionRecord
    patient: SessionOfPatient


def listed(
    db: Connection,
    *,
    practice_id: str,
    query: DaySheetQuery,
    course_id: str | None = None,
    after: Place | None = None,
    limit: int,
) -> tuple[list[DaySheetLine], Place | None]:
    """Return up to `limit` sessions in the order of the day, and where the next page begins after.

    None as that place says that there is no further one.
    """
    found = rows.page(
        db,
        practice_id=practice_id,
        course_id=course_id,
        statuses=query.statuses,
        given=query.given,
        starts=query.starts,
        location_id=query.location_id,
        practitioner_id=query.practitioner_id,
        after=after,
        limit=limit + 1,
    )
    shown = found[:limit]
    # All that the page's courses rest on comes in one statement more.
    courses = course_dates.facts_of_courses(
        db, practice_id=practice_id, course_ids=[one.session["course_id"] for one in shown]
    )
    named = identifier_rows.of(
        db,
        practice_id=practice_id,
        kind=sessions.KIND,
        ids=[one.session["id"] for one in shown],
    )
    records = records_of(db, [one.session for one in shown], courses, named)
    lines = [DaySheetLine(record, one) for record, one in zip(records, shown, strict=True)]
    last = shown[-1].session if len(found) > limit else None
    return lines, (last["sort_at"], last["id"]) if last else None
