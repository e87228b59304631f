"""Whole sheets from the first row to the last: what becomes of each row, and of each patient.

`history.csv` is made up, with the kinds of trouble that a clinic's own sheet has; what has to come
of it was worked out apart from the program. A clinic's own sheet is loaded as well where one lies
beside the project.
"""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.db.engine.scope import OWNER
from app.services.imports import imports
from app.services.scheduling import course_dates
from tests.support.sheets import Load

HERE = Path(__file__).resolve().parent
OURS = HERE / "history.csv"
CLINICS = HERE.parents[2] / "shared" / "data" / "clinic-history.csv"
SHEETS = [OURS, *([CLINICS] if CLINICS.exists() else [])]

every_sheet = pytest.mark.parametrize("sheet", SHEETS, ids=[path.stem for path in SHEETS])


@cache
def expected_of(sheet: Path) -> Any:
    return json.loads(sheet.with_suffix(".expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def expected() -> Any:
    return expected_of(OURS)


def test_the_sheet_has_every_kind_of_trouble(expected: Any) -> None:
    assert {code for _, _, code in expected["rejected"]} == {
        "birth_date_differs",
        "date_unreadable",
        "mrn_missing",
        "name_missing",
        "row_unreadable",
        "text_unreadable",
        "too_many_cells",
        "treated_before_birth",
        "treated_in_future",
        "units_unreadable",
    }
    assert {code for _, _, code in expected["warnings"]} == {
        "indication_differs",
        "indication_missing",
        "name_differs",
        "phone_differs",
        "sex_differs",
        "units_differ",
    }
    with OURS.open(encoding="utf-8-sig", newline="") as file:
        lines = sum(1 for _ in file)
    # The header, two empty rows, and one cell that runs over two lines are no rows of their own.
    rows = expected["accepted"] + len(expected["rejected"]) + len(expected["skipped"])
    assert lines == rows + 4


def test_each_row_is_accepted_skipped_or_refused_for_its_reason(load: Load, expected: Any) -> None:
    report = load(OURS.read_bytes())
    assert report.accepted == expected["accepted"]
    assert report.skipped == expected["skipped"]
    assert [[r.line, r.column, r.code] for r in report.rejected] == expected["rejected"]
    assert [[w.line, w.column, w.code] for w in report.warnings] == expected["warnings"]
    assert report.created == expected["created"]
    assert not report.dry_run


def test_each_patient_is_as_the_rows_say(load: Load, expected: Any) -> None:
    load(OURS.read_bytes())
    found = load.rows(
        "SELECT mrn, family_name, given_name, birth_date, sex, phone, indication, cycle, "
        "anchor_on, due_on, l.name, d.name FROM patient p "
        "JOIN course c ON c.practice_id = p.practice_id AND c.patient_id = p.id "
        "LEFT JOIN location l ON l.practice_id = c.practice_id AND l.id = c.location_id "
        "LEFT JOIN practitioner d ON d.practice_id = c.practice_id AND d.id = c.practitioner_id"
    )
    names = (
        *("mrn", "family_name", "given_name", "birth_date", "sex", "phone", "indication"),
        *("cycle", "anchor_on", "due_on", "location", "practitioner"),
    )
    patients = [dict(zip(names, map(_plain, row), strict=True)) for row in found]
    assert {patient.pop("mrn"): patient for patient in patients} == {
        mrn: {name: value for name, value in patient.items() if name != "sessions"}
        for mrn, patient in expected["patients"].items()
    }


def test_each_session_has_its_day_and_its_dose(load: Load, expected: Any) -> None:
    load(OURS.read_bytes())
    found: dict[str, list[list[Any]]] = {}
    for mrn, on, hundredths, status, charting in load.rows(
        "SELECT p.mrn, s.given_on, s.administered, s.status, s.charting FROM session s "
        "JOIN course c ON c.practice_id = s.practice_id AND c.id = s.course_id "
        "JOIN patient p ON p.practice_id = c.practice_id AND p.id = c.patient_id "
        "ORDER BY s.given_on"
    ):
        assert (status, charting) == ("given", "total")
        found.setdefault(mrn, []).append([str(on), hundredths])
    assert found == {mrn: patient["sessions"] for mrn, patient in expected["patients"].items()}


def test_the_file_of_what_was_worked_out_agrees_with_itself(expected: Any) -> None:
    """Due 84 days after the latest session, in the cycle after as many as there are."""
    sessions = 0
    for patient in expected["patients"].values():
        last = patient["sessions"][-1][0]
        assert patient["anchor_on"] == last
        assert patient["due_on"] == str(date.fromisoformat(last) + timedelta(84))
        assert patient["cycle"] == len(patient["sessions"]) + 1
        sessions += len(patient["sessions"])
    assert sessions == expected["accepted"] == expected["created"]["session"]


def test_the_refused_rows_are_refused_again_for_the_same_reasons(load: Load, expected: Any) -> None:
    report = load(OURS.read_bytes())
    refused = imports.rejected_csv(report.rejected, OURS.read_bytes())
    rows = list(csv.DictReader(refused.splitlines()))
    assert [int(row["_line"]) for row in rows] == [line for line, _, _ in expected["rejected"]]
    again = load(refused)
    # A row with a forgotten quotation mark is put right by being written out.
    codes = [code for _, _, code in expected["rejected"] if code != "row_unreadable"]
    assert again.accepted == len(rows) - len(codes) == 1
    assert [r.code for r in again.rejected] == codes


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date) else value


CLINICS_REASONS = {
    "mrn_missing": "no MRN",
    "units_unreadable": "units",
    "treated_in_future": "treated in the future",
    "treated_before_birth": "treated before birth",
    "date_unreadable": "no such date",
}


@pytest.mark.skipif(not CLINICS.exists(), reason="no clinic's sheet beside ours, which is checked")
def test_a_clinics_own_sheet(load: Load) -> None:
    expected = expected_of(CLINICS)
    report = load(CLINICS.read_bytes())
    assert report.accepted == expected["accepted"]
    refused = {str(r.line): CLINICS_REASONS[r.code] for r in report.rejected}
    refused |= {str(line): "duplicate" for line in report.skipped}
    assert refused == expected["rejected"]
    found = load.rows(
        "SELECT p.mrn, c.anchor_on, c.due_on, count(*) FROM course c "
        "JOIN patient p ON p.practice_id = c.practice_id AND p.id = c.patient_id "
        "JOIN session s ON s.practice_id = c.practice_id AND s.course_id = c.id "
        "GROUP BY p.mrn, c.id, c.anchor_on, c.due_on"
    )
    assert len(found) == len(expected["patients"])
    assert {
        mrn: {"sessions": sessions, "anchor_on": str(anchor), "due_on": str(due)}
        for mrn, anchor, due, sessions in found
    } == expected["patients"]


@every_sheet
def test_stored_dates_are_what_follows_from_the_rows(load: Load, sheet: Path) -> None:
    load(sheet.read_bytes())
    with load.database.read(OWNER) as db:
        courses = [row[0] for row in load.rows("SELECT id FROM course")]
        for course_id in courses[:60]:
            facts = course_dates.facts_of_course(
                db, practice_id=load.practice_id, course_id=str(course_id)
            )
            assert course_dates.differences(facts) == {}


@every_sheet
def test_the_second_load_changes_nothing(load: Load, sheet: Path) -> None:
    first = load(sheet.read_bytes())
    before = load.contents()
    again = load(sheet.read_bytes())
    assert again.accepted == 0
    assert again.import_id is None
    assert again.rejected == first.rejected
    assert len(again.skipped) == len(first.skipped) + first.accepted
    assert load.contents() == before


@every_sheet
def test_reverting_leaves_what_was_there_before(load: Load, sheet: Path) -> None:
    before = load.contents("audit_event", "import_batch")
    report = load(sheet.read_bytes())
    loaded = load.rows("SELECT count(*) FROM session")
    load.write(imports.revert, import_id=report.import_id)
    assert load.contents("audit_event", "import_batch") == before
    assert load(sheet.read_bytes()).accepted == report.accepted
    assert load.rows("SELECT count(*) FROM session") == loaded
