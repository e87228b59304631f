"""Practices: create one, change its settings, recompute the courses that settings touch."""

from __future__ import annotations

import secrets
from datetime import datetime

from app.db.engine.engine import Connection
from app.db.models import Practice
from app.db.queries.practice import practices as rows
from app.db.queries.scheduling import facts as fact_rows
from app.db.queries.table_rows import add, complete, table_of
from app.db.rows.practice import PracticeRow, PracticeValues
from app.domain.access.access import Actor, ActorType
from app.domain.errors import Contended, Invalid, NotFound
from app.services.audit import audit
from app.services.scheduling import course_dates

KIND = "practice"
# Settings that stored dates depend on; the others are applied when a list is read.
_MOVES_DATES = frozenset({"min_interval_days"})
# Courses recomputed in one transaction: a practice's usual size, and a fraction of a second.
BATCH_SIZE = 500


def create(
    db: Connection,
    *,
    id: str,
    name: str,
    time_zone: str,
    by_name: str,
    now: datetime,
    by: Actor | None = None,
    settings: PracticeValues | None = None,
) -> PracticeRow:
    """Make a practice and return it; its id is the scope of `db`.

    `settings` differ from the defaults; `by` is who makes it, else the system `by_name`.
    """
    values = {
        "id": id,
        "name": name,
        "time_zone": time_zone,
        **(settings or {}),
        "cursor_key": secrets.token_bytes(32),
        "created_at": now,
        "updated_at": now,
    }
    add(db, Practice, complete(Practice, values))
    by = by or Actor(id, ActorType.SYSTEM, None, by_name)
    changes = audit.made(values)
    audit.record(db, by=by, now=now, action="practice.create", kind=KIND, id=id, changes=changes)
    return load(db, practice_id=id)


def load(db: Connection, *, practice_id: str) -> PracticeRow:
    """Return the practice and its settings."""
    practice = rows.get(db, practice_id=practice_id)
    if practice is None:
        raise NotFound()
    return practice


def change(
    db: Connection, *, practice: PracticeRow, values: PracticeValues, by: Actor, now: datetime
) -> PracticeRow:
    """Change settings; where stored dates depend on them, a first batch is recomputed at once.

    `recompute` does the rest, batch by batch; until then such courses count as waiting.
    """
    changes = audit.changed(practice, values)
    if not changes:
        return practice
    merged: PracticeRow = {**practice, **values}
    if merged["overdue_after_days"] >= merged["lapsed_after_days"]:
        raise Invalid(("/lapsed_after_days", "must be more than overdue_after_days"))
    moved = not _MOVES_DATES.isdisjoint(changes)
    saved = values.copy()
    if moved:
        saved["dates_revision"] = practice["dates_revision"] + 1
    if not rows.change(
        db, practice_id=practice["id"], version=practice["version"], values=saved, now=now
    ):
        raise Contended()
    audit.record(
        db, by=by, now=now, action="practice.change", kind=KIND, id=practice["id"], changes=changes
    )
    if moved:
        recompute(db, practice_id=practice["id"], now=now)
    return load(db, practice_id=practice["id"])


def recompute(db: Connection, *, practice_id: str, now: datetime) -> int:
    """Recompute one batch of the courses that still wait; return how many were done.

    Safe to stop between batches and to run twice: what is done no longer waits.
    """
    practice = load(db, practice_id=practice_id)
    waiting = fact_rows.after_course(
        db,
        practice_id=practice_id,
        after=None,
        limit=BATCH_SIZE,
        waiting_below=practice["dates_revision"],
    )
    for facts in waiting:
        course_dates.load_protocols(db, facts, practice_id=practice_id)
        course_dates.rewrite_dates(db, facts, now=now)
    if not waiting:
        rows.settled(db, practice_id=practice_id, revision=practice["dates_revision"])
    return len(waiting)


SETTINGS = tuple(
    column.name
    for column in table_of(Practice).c
    if column.name
    not in {"cursor_key", "dates_revision", "settled_revision", "sandbox_of"}
    | {"version", "created_at", "updated_at"}
)
