"""`twelveweeks audit`: list the log, verify it, seal it, tell who saw a patient."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.due import day_of
from app.cli.files import Replace, saving
from app.cli.patients import Named, find
from app.db.engine.engine import Database
from app.db.engine.scope import DIRECTORY
from app.db.queries.audit import audit as rows
from app.db.queries.practice import practices as practice_rows
from app.db.rows.practice import PracticeRow
from app.domain import csv_safety
from app.domain.audit import sealing
from app.domain.audit.sealing import Fault
from app.services.audit import audit_trail, seals
from app.services.audit.audit_trail import Disclosure
from app.services.audit.seals import Verified

app = typer.Typer(help="The audit log: list, verify, seal, who saw a patient.")

_HEAD = re.compile(r"[1-9][0-9]{0,8}:[0-9a-f]{64}")
_FAULTS = {
    Fault.EDITED: "row {} was edited after it was sealed",
    Fault.DELETED: "row {} was sealed and is gone",
    Fault.INSERTED: "row {} is old enough to be sealed and is in no seal",
    Fault.MISSING: "seal {} is gone",
    Fault.ALTERED: "seal {} does not match its rows and the seal before it",
    Fault.TRUNCATED: "seal {}, given with --head, is not in this log",
}
_HEADS = (
    *("at (UTC)", "what", "by", "by type", "by id", "credential", "address"),
    *("action", "resource", "resource id", "patients in the list", "why (break glass)"),
    *("request", "event"),
)

Head = Annotated[
    str | None,
    typer.Option("--head", metavar="N:HEX", help="A seal noted earlier: it must still be there."),
]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day.")]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day.")]


@app.callback()
def _group() -> None:
    """The audit log: list, verify, seal, who saw a patient."""


@app.command("list")
def list_(
    practice: PracticeId = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", metavar="MRN|ID", help="Only events about that patient."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many events.")] = 50,
    as_json: Json = False,
) -> None:
    """List the newest events of the practice's log; what changed in a record is not shown."""
    with context.database() as database:
        id = context.practice_of(database, practice)["id"]
        with database.read(id) as db:
            about = find(db, practice_id=id, named=patient)["id"] if patient else None
            events = rows.page(db, practice_id=id, patient_id=about, limit=limit)
        # Noted before it is shown; the next list has this read on top.
        context.shown(database, id, "audit.list", kind="audit", id=None, patient_id=about)
    items = [audit_trail.shown(event, patients=False) for event in events]

    def show() -> None:
        printing.table(
            ("at (UTC)", "by", "action", "outcome", "resource", "resource id"),
            [
                (
                    *(one.at, one.by.name, one.action, one.outcome),
                    *(one.resource.type, one.resource.id),
                )
                for one in items
            ],
        )

    printing.emit({"items": items}, as_json, show)


@app.command()
def verify(practice: PracticeId = None, head: Head = None, as_json: Json = False) -> None:
    """Compare every row with its seal; each fault is named, with status 1 if there is any.

    Without --practice every practice is verified.
    """
    if head is not None and not _HEAD.fullmatch(head):
        raise Unusable("--head must be a seal as audit verify prints it: number:64 hex digits")
    results: list[tuple[PracticeRow, Verified]] = []
    with context.database() as database:
        known = _practices(database, practice)
        if head is not None and len(known) != 1:
            raise Unusable("--head belongs to one practice: name it with --practice ID")
        for one in known:
            verified = seals.verify(database, practice_id=one["id"], now=clock.now(), noted=head)
            results.append((one, verified))
    ok = not any(verified.faults for _, verified in results)
    shown = [_shown(one, verified) for one, verified in results]
    printing.emit({"practices": shown, "ok": ok}, as_json, lambda: _tell(shown))
    if not ok:
        raise typer.Exit(1)


@app.command()
def seal(practice: PracticeId = None, as_json: Json = False) -> None:
    """Seal now what is a minute old, and print the newest seal of each practice."""
    newest_seals: list[dict[str, Any]] = []
    with context.database() as database:
        for one in _practices(database, practice):
            made = seals.seal(database, practice_id=one["id"], now=clock.now())
            with database.read(one["id"]) as db:
                last = rows.last_seal(db, practice_id=one["id"])
            head = sealing.head(last["number"], bytes(last["digest"])) if last else None
            newest_seals.append({"practice_id": one["id"], "head": head, "made": made is not None})

    def show() -> None:
        for newest in newest_seals:
            printing.say(f"{newest['practice_id']} {newest['head'] or 'nothing is sealed yet'}")

    printing.emit({"items": newest_seals}, as_json, show)


@app.command()
def disclosures(
    patient: Named,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where the report goes.")],
    practice: PracticeId = None,
    since: Since = None,
    until: Until = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write who saw or changed a patient's record, from where, when and why, as CSV.

    Days are the practice's, both of them in it; times are UTC.
    """
    first, last = day_of(since, "from"), day_of(until, "to")
    with context.database() as database:
        place = context.practice_of(database, practice)
        with database.read(place["id"]) as db:
            patient_id = find(db, practice_id=place["id"], named=patient)["id"]
        begins, ends = audit_trail.instants(first, last, place["time_zone"])
        count = 0
        # The mark tells spreadsheets that it is UTF-8.
        with saving(out, replace=replace, encoding="utf-8-sig") as stream:
            context.shown(
                database,
                place["id"],
                "audit.disclosures",
                kind="patient",
                id=patient_id,
                patient_id=patient_id,
            )
            stream.write(csv_safety.line(_HEADS))
            with database.read(place["id"]) as db:
                for disclosure in audit_trail.every_disclosure(
                    db, practice_id=place["id"], patient_id=patient_id, since=begins, until=ends
                ):
                    stream.write(csv_safety.line(_cells(disclosure)))
                    count += 1
    answer = {"patient_id": patient_id, "rows": count, "file": str(out)}
    printing.emit(answer, as_json, lambda: printing.tell(f"{count} disclosures in {out}"))


def _practices(database: Database, practice: str | None) -> list[PracticeRow]:
    if practice is not None:
        return [context.practice_of(database, practice)]
    with database.read(DIRECTORY) as db:
        return practice_rows.every(db)


def _shown(practice: PracticeRow, verified: Verified) -> dict[str, Any]:
    return {
        "practice_id": practice["id"],
        "sealed": verified.sealed,
        "unsealed": verified.unsealed,
        "head": verified.head,
        "faults": [
            {"what": what, "which": which, "text": _FAULTS[what].format(which)}
            for what, which in verified.faults
        ],
    }


def _tell(practices: list[dict[str, Any]]) -> None:
    for one in practices:
        printing.say(f"practice {one['practice_id']}")
        for fault in one["faults"]:
            printing.say(f"fault: {fault['text']}")
        printing.say(
            f"{one['sealed']} rows sealed, {one['unsealed']} not yet, "
            f"{len(one['faults'])} faults; newest seal {one['head'] or 'none'}"
        )


def _cells(told: Disclosure) -> list[Any]:
    return [
        told.at.strftime("%Y-%m-%d %H:%M:%S"),
        told.what,
        told.by.name,
        told.by.type,
        told.by.id,
        told.credential_id,
        told.address,
        told.action,
        told.resource.type,
        told.resource.id,
        told.patients,
        told.reason,
        told.request_id,
        told.id,
    ]
