"""`twelveweeks due`: who is due, since when, why, and whether there is an appointment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.db.engine.engine import Connection, Database
from app.db.queries.scheduling.worklist import Filters
from app.domain.dates import FIRST_DAY, LAST_DAY, local_day, zone
from app.domain.scheduling import worklist as rules
from app.services.scheduling import documents, worklist
from app.services.scheduling.worklist import WorklistContext, WorklistQuery, WorklistRow

On = Annotated[
    str | None, typer.Option(metavar="DATE", help="As of that day; today at the practice.")
]
Status = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help=f"One or more, by commas: {', '.join(rules.STATUSES)}."),
]
Booked = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help=f"One or more, by commas: {', '.join(rules.BOOKINGS)}."),
]

# What a terminal shows at once without drowning its reader.
_MOST = 200
_WIDTH = 100


def due(
    practice: PracticeId = None,
    on: On = None,
    status: Status = None,
    booking: Booked = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Most rows; {_MOST} in a table, else all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List open courses by due date; closed ones only with --status closed."""
    asked, day = narrowed(status, booking), day_of(on)
    with context.database() as database:
        with reading(database, practice, day) as (db, setting):
            most = limit or (None if as_json else _MOST)
            rows = list(islice(worklist.stream(db, setting=setting, asked=asked), most))
        patients = (row.stored.patient_id for row in rows)
        context.shown(
            database, setting.practice["id"], "due.list", kind="worklist", patients=patients
        )
    if as_json:
        answer = {"on": setting.on, "items": [documents.worklist_row(row) for row in rows]}
        printing.emit(answer, True, lambda: None)
        return
    _show(rows, setting)
    if len(rows) == most:
        printing.tell(f"the first {most}; --limit shows more")


def narrowed(status: Sequence[str] | None, booking: Sequence[str] | None) -> WorklistQuery:
    """Return the question that the options ask; `Unusable` for a word that is none of theirs."""
    return WorklistQuery(
        Filters(
            _words(status, rules.STATUSES, "status"), _words(booking, rules.BOOKINGS, "booking")
        )
    )


@contextmanager
def reading(
    database: Database, practice_id: str | None, day: date | None
) -> Iterator[tuple[Connection, WorklistContext]]:
    """Lend the practice's rows and what they are judged by on that day, or today there."""
    practice = context.practice_of(database, practice_id)
    on = day or local_day(clock.now(), practice["time_zone"])
    with database.read(practice["id"]) as db:
        yield db, worklist.load_context(db, practice_id=practice["id"], on=on)


def _words(given: Sequence[str] | None, known: Sequence[str], option: str) -> tuple[str, ...]:
    words = tuple(word.strip() for part in given or () for word in part.split(","))
    if any(word not in known for word in words):
        raise Unusable(f"--{option}: must be one or more of {', '.join(known)}")
    return words


def day_of(text: str | None, option: str = "on") -> date | None:
    """Return the day that was written, if one was; `Unusable` for what is none."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or len(text) != 10 or not FIRST_DAY <= day <= LAST_DAY:
        raise Unusable(f"--{option}: must be a date such as 2026-03-30, from 1900 to 2200")
    return day


def _show(rows: Sequence[WorklistRow], setting: WorklistContext) -> None:
    # A tenth of a second to load, which scripts need not wait for.
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # Not as wide as the terminal: a line that goes on for ever is hard to follow.
    console = Console(markup=False, highlight=False, emoji=False)
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    title = f"{setting.practice['name']}, {setting.on.isoformat()}"
    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    shown.add_column("due", no_wrap=True, width=10)
    shown.add_column("status", no_wrap=True, width=11)
    shown.add_column("patient", overflow="fold", width=20)
    shown.add_column("appointment", overflow="fold", width=16)
    shown.add_column("why and what next", overflow="fold", ratio=1)
    for row in rows:
        shown.add_row(*_cells(row, setting))
    console.print(shown)
    plural = "" if len(rows) == 1 else "s"
    printing.say(f"{len(rows)} course{plural}; times in {setting.practice['time_zone']}")


def _cells(row: WorklistRow, setting: WorklistContext) -> list[Any]:
    stored, state = row.stored, row.state
    standing = state.status.replace("_", " ")
    if state.days_overdue:
        standing += f"\n{state.days_overdue} days"
    booked: str = state.booking
    if state.booked:
        at = state.booked.starts_at.astimezone(zone(setting.practice["time_zone"]))
        booked += f"\n{at:%Y-%m-%d %H:%M}"
    # The flags begin with "booked" or "booking", which this column says already.
    booked += "".join(f"\n{flag.partition('_')[2].replace('_', ' ')}" for flag in state.flags)
    action = state.actions[0] if state.actions else None
    todo = action.code.replace("_", " ") if action else ""
    if action and action.act_by:
        todo += f" by {action.act_by.isoformat()}"
    reason = row.why
    return [
        stored.due_on.isoformat() if stored.due_on else "",
        standing,
        f"{stored.family_name}, {stored.given_name}\n{stored.mrn}",
        booked,
        "\n".join(part for part in (reason, todo) if part),
    ]
