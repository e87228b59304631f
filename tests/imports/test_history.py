"""The clinic's own spreadsheet, where it is at hand: every row as it was worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.db.engine.scope import OWNER
from app.services.imports import imports
from app.services.scheduling import course_dates
from tests.support.sheets import Load

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
SHEET, EXPECTED = FOLDER / "clinic-history.csv", FOLDER / "clinic-history.expected.json"

pytestmark = pytest.mark.skipif(not SHEET.exists(), reason="the clinic's sheet is not at hand")

REASONS = {
    "mrn_missing": "no MRN",
    "units_unreadable": "units",
    "treated_in_future": "treated in the future",
    "treated_before_birth": "treated before birth",
    "date_unreadable": "no such date",
}


@pytest.fixture(scope="module")
def expected() -> Any:
    return json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_the_whole_sheet(load: Load, expected: Any) -> None:
    report = load(SHEET.read_bytes())
    assert report.accepted == expected["accepted"]
    refused = {str(r.line): REASONS[r.code] for r in report.rejected}
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


def test_stored_dates_are_what_follows_from_the_rows(load: Load) -> None:
    load(SHEET.read_bytes())
    with load.database.read(OWNER) as db:
        courses = [row[0] for row in load.rows("SELECT id FROM course")]
        for course_id in courses[:60]:
            facts = course_dates.facts_of_course(
                db, practice_id=load.practice_id, course_id=str(course_id)
            )
            assert course_dates.differences(facts) == {}


def test_the_second_load_changes_nothing(load: Load) -> None:
    first = load(SHEET.read_bytes())
    before = load.contents()
    again = load(SHEET.read_bytes())
    assert again.accepted == 0
    assert again.import_id is None
    assert again.rejected == first.rejected
    assert len(again.skipped) == len(first.skipped) + first.accepted
    assert load.contents() == before


def test_reverting_leaves_what_was_there_before(load: Load) -> None:
    before = load.contents("audit_event", "import_batch")
    report = load(SHEET.read_bytes())
    loaded = load.rows("SELECT count(*) FROM session")
    load.write(imports.revert, import_id=report.import_id)
    assert load.contents("audit_event", "import_batch") == before
    assert load(SHEET.read_bytes()).accepted == report.accepted
    assert load.rows("SELECT count(*) FROM session") == loaded
