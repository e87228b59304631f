"""`twelveweeks export`: lists as files for a spreadsheet."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from app.cli import context
from app.cli.context import Json, PracticeId
from app.cli.due import Booked, On, Status, day_of, narrowed, setting_of
from app.cli.files import save
from app.services import worklist_csv

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
    as_json: Json = False,
) -> None:
    """Write the worklist as CSV, as GET /v1/worklist.csv gives it.

    With --json the CSV goes to --out, or stands in the document as `csv`.
    """
    asked, day = narrowed(status, booking), day_of(on)
    with context.database() as database, database.read() as db:
        setting = setting_of(db, practice, day)
        pieces = worklist_csv.pieces(lambda: nullcontext(db), setting=setting, asked=asked)
        if out is None and not as_json:
            # Bytes, so that names survive whatever the terminal's encoding is.
            for piece in pieces:
                sys.stdout.buffer.write("".join(piece).encode())
            return
        text = [line for piece in pieces for line in piece]
    answer = {"on": setting.on, "rows": len(text) - 1}
    if out is None:
        context.emit(answer | {"csv": "".join(text)}, True, lambda: None)
        return
    save(out, "".join(text))
    context.emit(
        answer | {"file": str(out)},
        as_json,
        lambda: context.tell(f"{answer['rows']} rows in {out}"),
    )
