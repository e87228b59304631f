"""Load a clinic's treatment history from its spreadsheet; what was loaded can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import PureWindowsPath
from typing import Any, Final, TypedDict

from app.db.base import Base
from app.db.engine.engine import Connection
from app.db.engine.integrity import unique_violation_as_contended
from app.db.models import (
    Course,
    ImportBatch,
    ImportRow,
    Location,
    Patient,
    Practitioner,
    Session,
)
from app.db.queries import table_rows as record_rows
from app.db.queries.imports import imports as rows
from app.db.rows.base import Fields, RowOfPractice, picked
from app.db.rows.imports import ImportBatchRow, ImportedLineRow, RemarkJson
from app.domain.access.access import Actor
from app.domain.errors import Invalid, NotFound
from app.domain.ids import new_id
from app.domain.imports.import_mapping import HistoryMapping
from app.domain.imports.importing import Remark
from app.services import records
from app.services.audit import audit
from app.services.charting import protocols
from app.services.imports.import_file import columns_of, read_sheet, rejected_csv
from app.services.imports.import_plan import Places, Plan, plan
from app.services.imports.import_records import Records, records_of
from app.services.imports.import_revert import revert

__all__ = ["KIND", "Report", "get", "load_history", "rejected_csv", "revert"]

KIND: Final = "import"
Progress = Callable[[int, int], None]

# Rows saved by one statement: progress is reported in between.
_BATCH_SIZE: Final = 2_000


class ReportJson(TypedDict):
    """A report as it is shown; `created` counts by kind."""

    id: str | None
    file_name: str
    dry_run: bool
    accepted: int
    skipped: int
    skipped_lines: list[int]
    rejected: list[RemarkJson]
    warnings: list[RemarkJson]
    created: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What a load did, or would do. Every row is accepted, skipped or rejected.

    `created` counts by kind. `import_id` is None where nothing was saved: a dry run, or a file
    that brought nothing new.
    """

    import_id: str | None
    file_name: str
    dry_run: bool
    accepted: int
    skipped: list[int]
    rejected: list[Remark]
    warnings: list[Remark]
    created: dict[str, int]

    def document(self) -> ReportJson:
        """Return the report as it is shown."""
        return {
            "id": self.import_id,
            "file_name": self.file_name,
            "dry_run": self.dry_run,
            "accepted": self.accepted,
            "skipped": len(self.skipped),
            "skipped_lines": self.skipped,
            "rejected": _kept(self.rejected),
            "warnings": _kept(self.warnings),
            "created": self.created,
        }


def load_history(
    db: Connection,
    *,
    content: bytes | str,
    file_name: str = "history.csv",
    mapping: HistoryMapping,
    dry_run: bool = False,
    progress: Progress | None = None,
    by: Actor,
    now: datetime,
) -> Report:
    """Load the treatments of a file and return what became of each of its rows.

    A row that cannot be taken does not keep the others from being loaded, and one that was loaded
    before is skipped, so the same file can be loaded again. `progress` is called with (done, of
    all). Raises `BadImportFile` for a file that is no such table.
    """
    sheet = read_sheet(content)
    columns = columns_of(sheet, mapping)
    practice = rows.practice_alone(db, practice_id=by.practice_id)
    if practice is None:
        raise NotFound()
    protocol = protocols.find_latest(db, practice_id=by.practice_id, code=mapping.protocol)
    if protocol is None:
        raise Invalid(("/mapping/protocol", "no such published protocol in this practice"))
    places = Places(
        rows.places(db, practice_id=by.practice_id),
        rows.people(db, practice_id=by.practice_id),
        practice_zone=practice["time_zone"],
        now=now,
    )
    # Reading a row and saving it take about the same time.
    total = 2 * len(sheet.lines)
    tick = _teller(progress, total)
    planned = plan(db, sheet.lines, columns, places, mapping, practice_id=by.practice_id, tick=tick)
    made = records_of(db, planned, places, practice=practice, protocol=protocol, by=by, now=now)
    import_id = None
    if planned.accepted and not dry_run:
        import_id = new_id(now)
        batch = _batch(import_id, content, file_name, planned, made, by=by, now=now)
        _save(db, batch, planned, made, tick=lambda n: tick(len(sheet.lines) + n), by=by, now=now)
    tick(total)
    return Report(
        import_id,
        _base_name(file_name),
        dry_run,
        len(planned.accepted),
        planned.skipped,
        planned.rejected,
        planned.warnings,
        {kind: len(entries) for kind, _, entries in _kinds(made)},
    )


def get(db: Connection, *, import_id: str, practice_id: str) -> ImportBatchRow:
    """Return what is kept of an import: counts, refused rows, warnings, ids created by kind."""
    return records.load(db, ImportBatch, practice_id=practice_id, id=import_id)


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    def tick(done: int) -> None:
        if progress:
            progress(min(done, total), total)

    return tick


def _base_name(file_name: str) -> str:
    # Takes off a folder with either kind of slash: its name is not kept.
    return PureWindowsPath(file_name).name[:200] or "history.csv"


def _kinds(made: Records) -> list[tuple[str, type[Base[Any]], Sequence[RowOfPractice]]]:
    """Return what is made, in an order in which everything referred to comes first."""
    return [
        ("location", Location, made.locations),
        ("practitioner", Practitioner, made.practitioners),
        ("patient", Patient, made.patients),
        ("course", Course, made.courses),
        ("session", Session, made.sessions),
    ]


def _batch(
    import_id: str,
    content: bytes | str,
    file_name: str,
    planned: Plan,
    made: Records,
    *,
    by: Actor,
    now: datetime,
) -> ImportBatchRow:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return {
        "practice_id": by.practice_id,
        "id": import_id,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "file_name": _base_name(file_name),
        "file_hash": hashlib.sha256(raw).hexdigest(),
        "accepted": len(planned.accepted),
        "skipped": len(planned.skipped),
        "rejected": _kept(planned.rejected),
        "warnings": _kept(planned.warnings),
        # The sessions stand in the import's rows.
        "created": {
            kind: [record["id"] for record in entries]
            for kind, _, entries in _kinds(made)
            if kind != "session"
        },
        "by_name": by.name,
        "reverted_at": None,
    }


def _save(
    db: Connection,
    batch: ImportBatchRow,
    planned: Plan,
    made: Records,
    *,
    tick: Callable[[int], None],
    by: Actor,
    now: datetime,
) -> None:
    kept: list[ImportedLineRow] = [
        {
            "practice_id": by.practice_id,
            "import_id": batch["id"],
            "line": row.line,
            "session_id": made.session_of_line[row.line],
            "kept": row.kept,
        }
        for row in planned.accepted
    ]
    about = picked(batch, ("file_name", "file_hash", "accepted", "skipped"))
    made.audit.append(
        audit.event(
            by=by,
            now=now,
            action="import.create",
            kind=KIND,
            id=batch["id"],
            changes=audit.made(about | {"rejected": len(planned.rejected)}),
        )
    )
    everything: list[tuple[Callable[[Any], None], Sequence[Fields]]] = [
        *((partial(record_rows.add_all, db, model), entries) for _, model, entries in _kinds(made)),
        (partial(record_rows.add_all, db, ImportBatch), [batch]),
        (partial(record_rows.add_all, db, ImportRow), kept),
        (partial(audit.append, db), made.audit),
    ]
    of_all = sum(len(entries) for _, entries in everything)
    done = 0
    for save, entries in everything:
        for start in range(0, len(entries), _BATCH_SIZE):
            piece = entries[start : start + _BATCH_SIZE]
            with unique_violation_as_contended():
                save(piece)
            done += len(piece)
            tick(len(planned.accepted) * done // of_all)
    rows.rewrite_courses(db, practice_id=by.practice_id, derived=made.rewritten, now=now)


def _kept(remarks: Sequence[Remark]) -> list[RemarkJson]:
    return [
        RemarkJson(line=r.line, column=r.column, code=r.code.value, message=r.message)
        for r in remarks
    ]
