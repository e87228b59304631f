"""`twelveweeks import`: a clinic's history from its spreadsheet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.files import saving
from app.data.import_mapping import builtin_mapping, read_mapping
from app.domain.imports.import_mapping import HistoryMapping
from app.services.imports import imports
from app.services.imports.imports import Report

app = typer.Typer(help="Records from elsewhere.")

# Refused rows shown in a terminal; a file of them holds them all.
_MOST_SHOWN = 20


@app.callback()
def _group() -> None:
    """Records from elsewhere."""


@app.command()
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The spreadsheet as CSV.")],
    practice: PracticeId = None,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Which columns hold what, where it differs."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen and save nothing.")
    ] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(metavar="OUT.csv", help="Write the refused rows there, to be corrected."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load treatments; what was loaded before is skipped, so a file can be loaded again."""
    content = file.read_bytes()
    chosen = _mapping(mapping)
    _refuse_input(rejected, file, mapping)
    with ExitStack() as held:
        out = None
        if rejected is not None:
            # Opened before anything is loaded. The mark tells spreadsheets that it is UTF-8.
            saved = saving(rejected, replace=True, encoding="utf-8-sig")
            out = held.enter_context(saved)
        database = held.enter_context(context.database())
        by = context.actor(context.practice_of(database, practice)["id"])
        with database.write(by.practice_id) as db, _bar() as progress:
            report = imports.load_history(
                db,
                content=content,
                file_name=file.name,
                mapping=chosen,
                dry_run=dry_run,
                progress=progress,
                by=by,
                now=clock.now(),
            )
        if out is not None:
            out.write(imports.rejected_csv(report.rejected, content))
    answer: dict[str, Any] = {**report.document()}
    if rejected is not None:
        answer["rejected_file"] = str(rejected)
    printing.emit(answer, as_json, lambda: _tell(report, rejected))


def _refuse_input(rejected: Path | None, *read: Path | None) -> None:
    """Refuse to write the refused rows over a file that they are read from."""
    for file in read:
        if rejected and file and rejected.exists() and rejected.samefile(file):
            raise Unusable(f"--rejected would overwrite {file}: name another file")


def _mapping(file: Path | None) -> HistoryMapping:
    if file is None:
        return builtin_mapping()
    try:
        return read_mapping(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise Unusable("the mapping file is not UTF-8 text: save it as UTF-8") from None


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Lend a function that draws the progress on stderr, or draws nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    with typer.progressbar(length=1_000, label="Loading", file=sys.stderr) as bar:

        def draw(done: int, of: int) -> None:
            bar.update((1_000 * done // of if of else 1_000) - bar.pos)

        yield draw


def _tell(report: Report, rejected: Path | None) -> None:
    done = "would be loaded" if report.dry_run else "loaded"
    printing.say(
        f"{report.accepted} {done}, {len(report.skipped)} repeated or loaded before, "
        f"{len(report.rejected)} refused."
    )
    if report.import_id:
        printing.say(f"Import {report.import_id}")
    for title, remarks in (("Refused", report.rejected), ("To check", report.warnings)):
        if remarks:
            printing.say("")
            shown = remarks[:_MOST_SHOWN]
            printing.table(
                (title, "column", "why"), [(f"line {r.line}", r.column, r.message) for r in shown]
            )
            if len(remarks) > len(shown):
                left = len(remarks) - len(shown)
                printing.say(f"and {left} more (--rejected FILE.csv writes all; --json shows all)")
    if rejected is not None:
        printing.tell(f"{len(report.rejected)} refused rows in {rejected}")
    elif report.rejected:
        printing.tell(
            "--rejected OUT.csv writes the refused rows, to be corrected and loaded again"
        )
