"""One row after another: which are taken, which are refused and why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.db.models import Location
from app.services import records
from tests.support.sheets import HEAD, Load, a_row, a_sheet

GOOD = a_row(mrn="GOOD", last="Stone")

REFUSED = [
    (a_row(mrn=""), "mrn_missing", "MRN"),
    (a_row(mrn=" \u00a0 "), "mrn_missing", "MRN"),
    (a_row(mrn="x" * 201), "text_unreadable", "MRN"),
    (a_row(mrn="a\x07b"), "text_unreadable", "MRN"),
    (a_row(last=""), "name_missing", "Last name"),
    (a_row(last="ΐ" * 200), "text_unreadable", "Last name"),
    (a_row(first="\u00a0"), "name_missing", "First name"),
    (a_row(dx="x" * 33), "text_unreadable", "Dx"),
    (a_row(dob=""), "date_unreadable", "DOB"),
    (a_row(dob="5/17/80"), "date_unreadable", "DOB"),
    (a_row(on="2/30/2025"), "date_unreadable", "Treated on"),
    (a_row(on="soon"), "date_unreadable", "Treated on"),
    (a_row(units="abc"), "units_unreadable", "Units"),
    (a_row(units="-5"), "units_unreadable", "Units"),
    (a_row(units=""), "units_unreadable", "Units"),
    (a_row(units="1000.5"), "units_unreadable", "Units"),
    (a_row(on="11/17/2026"), "treated_in_future", "Treated on"),
    (a_row(on="1/1/2031"), "treated_in_future", "Treated on"),
    (a_row(on="5/16/1980"), "treated_before_birth", "Treated on"),
    (a_row(mrn="good", last="Stone", dob="5/18/1980", on="4/1/2026"), "birth_date_differs", "DOB"),
    (a_row() + ",one too many", "too_many_cells", None),
    ('"M1,Rivera,Ana,5/17/1980', "row_unreadable", None),
    ("M1", "name_missing", "Last name"),
    # Several faults: the first in the fixed order is the reason.
    (a_row(mrn="", units="abc", on="1/1/2031"), "mrn_missing", "MRN"),
    (a_row(units="abc", on="1/1/2031"), "units_unreadable", "Units"),
]


@pytest.mark.parametrize(("row", "code", "column"), REFUSED)
def test_a_bad_row_is_refused_and_loses_nothing_else(
    load_sqlite: Load, row: str, code: str, column: str | None
) -> None:
    after = a_row(mrn="AFTER", on="Jan 5, 2026")
    report = load_sqlite(a_sheet(GOOD, row, after))
    assert [(r.line, r.column, r.code) for r in report.rejected] == [(3, column, code)]
    assert (report.accepted, report.skipped) == (2, [])
    assert all(len(cell) < 3 or cell not in report.rejected[0].message for cell in row.split(","))


def test_a_forgotten_quote_breaks_its_own_line_only(load_sqlite: Load) -> None:
    rows = [a_row(mrn=f"M{n}", on="Jan 5, 2026") for n in range(120)]
    rows[3] = '"' + rows[3]
    rows[119] = rows[119].replace("C1", '"C1')
    report = load_sqlite(a_sheet(*rows))
    assert [r.line for r in report.rejected] == [5, 121]
    assert report.accepted == 118


def test_a_cell_may_run_over_lines_and_lines_are_counted_as_they_stand(load_sqlite: Load) -> None:
    report = load_sqlite(
        a_sheet(a_row(lot="first\nsecond\nthird"), "", a_row(on="4/1/2026"), a_row(units="no"))
    )
    assert (report.accepted, [r.line for r in report.rejected]) == (2, [7])
    lines = load_sqlite.rows("SELECT line FROM import_row ORDER BY line")
    assert lines == [(2,), (6,)]


def test_empty_rows_are_no_rows(load_sqlite: Load) -> None:
    report = load_sqlite(a_sheet(GOOD, "", ",,,,,,,,,,,,", "   "))
    assert (report.accepted, report.skipped, report.rejected) == (1, [], [])


def test_the_future_begins_at_the_rows_location(load: Load) -> None:
    for name, zone in (("East", "Pacific/Kiritimati"), ("West", "Pacific/Pago_Pago")):
        values = {"name": name, "time_zone": zone, "active": True}
        load.write(records.create, model=Location, values=values, kind="location")
    sheet = a_sheet(
        a_row(mrn="1", site="east ", on="11/17/2026"),
        a_row(mrn="2", site="West", on="11/17/2026"),
        a_row(mrn="3", site="Somewhere new", on="11/17/2026"),
        a_row(mrn="4", site="", on="11/16/2026"),
    )
    report = load(sheet, now=datetime(2026, 11, 16, 12, tzinfo=UTC))
    assert [r.line for r in report.rejected] == [3, 4]
    zones = load.rows("SELECT name, time_zone FROM location ORDER BY name")
    assert [name for name, _ in zones] == ["East", "West"]  # a refused row makes no location


def test_a_name_differs_only_when_it_is_another_name(load: Load) -> None:
    load(a_sheet(a_row(mrn="m1 ")))
    report = load(
        a_sheet(
            a_row(mrn=" M1", last="  RIVERA ", first="Ana\u00a0", on="4/1/2026"),
            a_row(last="Rivera-Cole", phone="555-010-0199", sex="M", dx="G43.711", on="7/1/2026"),
            a_row(last="Rivera-Cole", on="10/1/2026"),
        )
    )
    assert report.accepted == 3
    found = [(w.line, w.column, w.code) for w in report.warnings]
    assert found == [
        (3, "Dx", "indication_differs"),
        (3, "Last name", "name_differs"),
        (3, "Phone", "phone_differs"),
        (3, "Sex", "sex_differs"),
    ]
    stored = load.rows("SELECT mrn, family_name, given_name, phone, sex FROM patient")
    assert stored == [("m1", "Rivera", "Ana", "555-010-0100", "female")]
    assert load.rows("SELECT indication FROM course") == [("G43.709",)]


def test_a_new_patients_gaps_are_filled_by_later_rows(load_sqlite: Load) -> None:
    report = load_sqlite(
        a_sheet(a_row(phone="", sex="", dx=""), a_row(on="4/1/2026", dx="G43.711"))
    )
    assert [w.code for w in report.warnings] == ["indication_missing"]
    assert load_sqlite.rows("SELECT phone, sex FROM patient") == [("555-010-0100", "female")]
    assert load_sqlite.rows("SELECT indication FROM course") == [("G43.711",)]


def test_a_diagnosis_that_nobody_names_is_not_invented(load_sqlite: Load) -> None:
    load_sqlite(a_sheet(a_row(dx="")))
    assert load_sqlite.rows("SELECT indication FROM course") == [("unspecified",)]


def test_a_copy_of_a_refused_row_is_refused_for_its_own_reason(load_sqlite: Load) -> None:
    bad = a_row(units="abc")
    report = load_sqlite(a_sheet(bad, bad, a_row(), a_row(), a_row(units="165"), bad))
    assert [(r.line, r.code) for r in report.rejected] == [
        (line, "units_unreadable") for line in (2, 3, 7)
    ]
    assert (report.accepted, report.skipped) == (1, [5, 6])
    assert [(w.line, w.code) for w in report.warnings] == [(6, "units_differ")]


def test_what_has_no_home_is_kept_word_for_word(load_sqlite: Load) -> None:
    head = HEAD + ",,Notes,Notes,_line,_reason"
    load_sqlite(a_sheet(a_row(sex="Q") + ",odd,=1+1,,2,because", head=head))
    kept = load_sqlite.rows("SELECT kept FROM import_row")[0][0]
    for part in ('"Payer": "Self-pay"', '"Lot": "C1"', '"column 14": "odd"', '"Notes": "=1+1"',
                 '"Sex": "Q"'):  # fmt: skip
        assert part in kept
    assert "because" not in kept
