"""`twelveweeks export`: lists as files for a spreadsheet."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from app.cli import context, printing
from app.cli.context import Json, PracticeId
from app.cli.due import Booked, On, Status, day_of, narrowed, reading
from app.cli.files import Replace, saving
from app.services.scheduling import worklist_csv

app = typer.Typer(help="Lists as files for a spreadsheet.")


@app.callback()
def _group() -> None:
    """Lists as files for a spreadsheet."""


@app.command()
def worklist(
    practice: PracticeId = None,
    on: On = None,
    status: Status = None,
    booking: Booked = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of to stdout.")
    ] = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write the worklist as CSV, as GET /v1/worklist.csv gives it.

    With --json the CSV goes to --out, or stands in the document as `csv`.
    """
    asked, day = narrowed(status, booking), day_of(on)
    text: list[str] = []
    rows = 0
    with ExitStack() as held:
        write: Callable[[str], object] = text.append
        if out is not None:
            write = held.enter_context(saving(out, replace=replace)).write
        elif not as_json:
            write = _print
        database = held.enter_context(context.database())
        with reading(database, practice, day) as (_, setting):
            practice_id = setting.practice["id"]
        pieces = worklist_csv.pieces(
            lambda: database.read(practice_id), setting=setting, asked=asked
        )
        for piece in pieces:
            context.shown(
                database,
                practice_id,
                "export.worklist",
                kind="worklist",
                patients=piece.patient_ids,
            )
            rows += len(piece.patient_ids)
            write(piece.text)
    answer = {"on": setting.on, "rows": rows}
    if out is not None:
        answer |= {"file": str(out)}
        printing.emit(answer, as_json, lambda: printing.tell(f"{rows} rows in {out}"))
    elif as_json:
        printing.emit(answer | {"csv": "".join(text)}, True, lambda: None)


def _print(text: str) -> None:
    # Bytes, so that names survive whatever the terminal's encoding is.
    sys.stdout.buffer.write(text.encode())
