"""Compare the stored dates of courses with what follows from their history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from app.db.engine.engine import Connection, Database
from app.db.queries.scheduling import facts as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.domain.errors import NotFound
from app.services.scheduling import course_dates

# Courses read in one statement.
BATCH_SIZE = 500


class Checked(NamedTuple):
    """One course: `{column: (stored, recomputed)}`, and whether it still waits to be recomputed."""

    course_id: str
    differences: dict[str, tuple[object, object]]
    waiting: bool


def check(database: Database, *, practice_id: str) -> Iterator[Checked]:
    """Yield every course of the practice, compared.

    A course that waits since a change of the practice's settings is told as waiting; its stored
    dates are those of the old settings, so they are not compared.
    """
    after: str | None = None
    while True:
        with database.read(practice_id) as db:
            found = rows.after_course(db, practice_id=practice_id, after=after, limit=BATCH_SIZE)
            checked = [_compared(db, facts, practice_id) for facts in found]
        yield from checked
        if len(found) < BATCH_SIZE:
            return
        after = found[-1].course["id"]


def _compared(db: Connection, facts: CourseFacts, practice_id: str) -> Checked:
    course = facts.course
    waiting = course["dates_revision"] < facts.practice["dates_revision"]
    differences: dict[str, tuple[object, object]] = {}
    if not waiting:
        try:
            course_dates.load_protocols(db, facts, practice_id=practice_id)
        except NotFound:
            pinned = (course["protocol"], course["protocol_version"])
            differences = {"protocol_version": (f"{pinned[0]} {pinned[1]}", None)}
        else:
            differences = course_dates.differences(facts)
    return Checked(course["id"], differences, waiting)
