"""The worklist as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from app.db.base import Base
from app.db.engine.engine import Connection
from app.db.models import Location, Practitioner
from app.db.queries import table_rows
from app.domain import csv_safety
from app.domain.dates import zone
from app.services.scheduling import worklist
from app.services.scheduling.worklist import WorklistContext, WorklistQuery, WorklistRow

COLUMNS = (
    "mrn",
    "family_name",
    "given_name",
    "birth_date",
    "phone",
    "protocol",
    "cycle",
    "status",
    "days_overdue",
    "anchor_on",
    "earliest_on",
    "due_on",
    "overdue_from",
    "suggested_on",
    "why",
    "booking",
    "booked_for",
    "flags",
    "next_action",
    "act_by",
    "location",
    "practitioner",
    "course_id",
    "patient_id",
)
_BATCH_SIZE = 500


class Piece(NamedTuple):
    """Some lines of the table, and whose they are."""

    text: str
    patient_ids: list[str]


def pieces(
    lend: Callable[[], AbstractContextManager[Connection]],
    *,
    setting: WorklistContext,
    asked: WorklistQuery,
) -> Iterator[Piece]:
    """Yield the lines of the table a few hundred at a time, the header first.

    Times are in the practice's zone. Each piece borrows a connection of its own by `lend`, so
    that a reader who takes long holds none meanwhile.
    """
    practice_id = setting.practice["id"]
    lines, after, more = [csv_safety.line(COLUMNS)], None, True
    with lend() as db:
        places = _names(db, Location, practice_id)
        people = _names(db, Practitioner, practice_id)
    while more:
        with lend() as db:
            found, after = worklist.listed(
                db, setting=setting, asked=asked, after=after, limit=_BATCH_SIZE
            )
        lines += [csv_safety.line(_cells(row, setting, places, people)) for row in found]
        yield Piece("".join(lines), [row.stored.patient_id for row in found])
        lines, more = [], after is not None


def _names(db: Connection, model: type[Base[Any]], practice_id: str) -> dict[str, str]:
    found = table_rows.page(db, model, practice_id=practice_id, limit=10_000)
    return {record["id"]: record["name"] for record in found}


def _cells(
    row: WorklistRow, setting: WorklistContext, places: dict[str, str], people: dict[str, str]
) -> list[Any]:
    stored, state = row.stored, row.state
    starts_at = state.booked.starts_at if state.booked else None
    booked_for = (
        starts_at.astimezone(zone(setting.practice["time_zone"])).strftime("%Y-%m-%d %H:%M")
        if starts_at
        else None
    )
    action = state.actions[0] if state.actions else None
    return [
        stored.mrn,
        stored.family_name,
        stored.given_name,
        stored.birth_date,
        stored.phone,
        stored.protocol,
        stored.cycle,
        state.status,
        state.days_overdue,
        stored.anchor_on,
        stored.earliest_on,
        stored.due_on,
        state.overdue_from,
        state.suggested_on,
        row.why,
        state.booking,
        booked_for,
        " ".join(state.flags),
        action.code if action else None,
        action.act_by if action else None,
        places.get(state.location_id or ""),
        people.get(state.practitioner_id or ""),
        stored.id,
        stored.patient_id,
    ]
