"""`twelveweeks patient`: one patient's record as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_jsonable_python

from app import clock
from app.cli import context, printing
from app.cli.context import Json, PracticeId, Unusable
from app.cli.files import Replace, saving
from app.db.engine.engine import Connection
from app.db.models import Patient
from app.db.queries import table_rows
from app.db.queries.patients import patients as rows
from app.db.rows.patients import PatientRow
from app.domain.ids import is_id
from app.services.patients import patient_export, patients

app = typer.Typer(help="One patient's record.")

Named = Annotated[
    str, typer.Option("--patient", metavar="MRN|ID", help="The patient's MRN, or id.")
]


@app.callback()
def _group() -> None:
    """One patient's record."""


def find(db: Connection, *, practice_id: str, named: str) -> PatientRow:
    """Return the patient with that MRN or id; `Unusable` when the practice has none."""
    key = patients.mrn_key(named.strip())
    record = rows.by_mrn(db, practice_id=practice_id, mrn_key=key)
    if record is None and is_id(named.strip().lower()):
        id = named.strip().lower()
        record = table_rows.get(db, Patient, practice_id=practice_id, id=id)
    if record is None:
        raise Unusable("the practice has no patient with that MRN or id")
    return record


@app.command()
def export(
    patient: Named,
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="Where the record goes.")],
    practice: PracticeId = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write a patient's whole record, as GET /v1/patients/{id}/export gives it, with its log."""
    with context.database() as database:
        place = context.practice_of(database, practice)
        with database.read(place["id"]) as db:
            record = find(db, practice_id=place["id"], named=patient)
        with saving(out, replace=replace) as stream:
            context.shown(
                database,
                place["id"],
                "patient.export",
                kind="patient",
                id=record["id"],
                patient_id=record["id"],
            )
            with database.read(place["id"]) as db:
                whole = patient_export.document(
                    db,
                    practice_id=place["id"],
                    patient_id=record["id"],
                    now=clock.now(),
                    events=None,
                )
            json.dump(to_jsonable_python(whole), stream, indent=2, ensure_ascii=False)
            stream.write("\n")
    answer = {"patient_id": record["id"], "courses": len(whole["courses"]), "file": str(out)}
    printing.emit(
        answer, as_json, lambda: printing.tell(f"the record with its audit log is in {out}")
    )
