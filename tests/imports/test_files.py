"""Files as they come: encodings, delimiters, headings, mappings."""

from __future__ import annotations

import pytest

from app.data.import_mapping import builtin_mapping, read_mapping
from app.domain.errors import BadImportFile, Invalid
from tests.support.sheets import HEAD, Load, a_row, a_sheet

SHEET = a_sheet(a_row(last="Núñez"), a_row(last="Núñez", on="Apr 6, 2026", lot='C"2'))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_encodings_and_line_ends(load_sqlite: Load, encoding: str, end: str) -> None:
    report = load_sqlite(SHEET.replace("\r\n", end).encode(encoding))
    assert (report.accepted, report.rejected) == (2, [])
    assert load_sqlite.rows("SELECT family_name FROM patient") == [("Núñez",)]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_delimiters(load_sqlite: Load, sign: str) -> None:
    sheet = a_sheet(a_row(), a_row(on="4/1/2026")).replace(",", sign)
    assert load_sqlite(sheet).accepted == 2


def test_headings_are_found_whatever_their_case_blanks_and_order(load_sqlite: Load) -> None:
    head = HEAD.replace("MRN", '" mrn\u00a0"').replace("Last name", "SURNAME")
    assert load_sqlite(a_sheet(a_row(), head=head)).accepted == 1


BAD_FILES = [
    (b"", "empty"),
    (b"\xef\xbb\xbf\r\n\r\n", "empty"),
    (b"PK\x03\x04\x00\x00xlsx", "not text"),
    (b"\x81\x8d" + SHEET.encode(), "no encoding"),
    (b"\xff\xfe\x00", "no encoding"),
    (a_sheet(a_row(), head=HEAD.replace("DOB", "Born")), "no column DOB"),
    (a_sheet(a_row(), head=HEAD.replace("Payer", "Units")), "more than once"),
    ('"MRN,Last name\r\n' + a_row(), "quotation marks"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_what_is_no_such_table_is_refused_whole(
    load_sqlite: Load, content: bytes | str, reason: str
) -> None:
    before = load_sqlite.contents()
    with pytest.raises(BadImportFile) as refused:
        load_sqlite(content)
    assert any(reason in detail for _, detail in refused.value.errors)
    assert load_sqlite.contents() == before


def test_every_missing_column_is_named_at_once(load_sqlite: Load) -> None:
    with pytest.raises(BadImportFile) as refused:
        load_sqlite("Name,Date\r\nx,y\r\n")
    assert [pointer for pointer, _ in refused.value.errors] == [
        f"/columns/{field}"
        for field in ("mrn", "family_name", "given_name", "birth_date", "given_on", "units")
    ]


def test_only_what_a_treatment_needs_must_have_a_column(load_sqlite: Load) -> None:
    sheet = "MRN,Last name,First name,DOB,Treated on,Units\nM1,Rivera,Ana,1980-05-17,2026-01-05,155"
    assert load_sqlite(sheet).accepted == 1
    found = load_sqlite.rows("SELECT location_id, practitioner_id FROM session")
    assert found == [(None, None)]


def test_a_header_alone_brings_nothing(load_sqlite: Load) -> None:
    report = load_sqlite(a_sheet())
    assert (report.accepted, report.skipped, report.rejected, report.import_id) == (0, [], [], None)


def test_a_clinics_own_mapping_says_only_what_differs(load_sqlite: Load) -> None:
    mapping = read_mapping(
        'left_out = ["payer"]\n[columns]\ngiven_on = "Visit"\nunits = ["Total", "Sum"]\n'
        '[sexes]\nW = "female"\n'
    )
    head = HEAD.replace("Treated on", "Visit").replace("Units", "sum")
    assert load_sqlite(a_sheet(a_row(sex="w"), head=head), mapping=mapping).accepted == 1
    assert load_sqlite.rows("SELECT sex FROM patient") == [("female",)]
    assert "Self-pay" not in load_sqlite.rows("SELECT kept FROM import_row")[0][0]
    assert mapping.columns["mrn"] == builtin_mapping().columns["mrn"]


BAD_MAPPINGS = [
    ("colums = {}", "/mapping", "known ones are protocol"),
    ("[columns]\nbirthday = 'DOB'", "/mapping/columns", "known ones are mrn"),
    ("columns = 3", "/mapping/columns", "must be a table"),
    ("[columns]\nmrn = 3", "/mapping/columns/mrn", "must be text"),
    ("[columns]\nmrn = ['']", "/mapping/columns/mrn", "must be text"),
    ("protocol = ''", "/mapping/protocol", "must be text"),
    ("left_out = [1]", "/mapping/left_out", "must be text"),
    ("[sexes]\nQ = 'queen'", "/mapping/sexes", "female, male"),
    ("[sexes]\nQ = []", "/mapping/sexes", "female, male"),
    ("mrn = = 2", "/mapping", "not TOML (line 1)"),
]


@pytest.mark.parametrize(("text", "pointer", "reason"), BAD_MAPPINGS)
def test_a_mapping_with_what_is_not_known_is_refused(text: str, pointer: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_mapping(text)
    [(where, detail)] = refused.value.errors
    assert where == pointer
    assert reason in detail


def test_a_mapping_to_an_unknown_protocol_or_one_column_twice(load_sqlite: Load) -> None:
    with pytest.raises(Invalid, match="Some of what"):
        load_sqlite(SHEET, mapping=read_mapping("protocol = 'none-such'"))
    with pytest.raises(BadImportFile) as refused:
        load_sqlite(SHEET, mapping=read_mapping("[columns]\ngiven_name = 'Last name'"))
    expected = "two fields are read from the same column: correct the mapping"
    assert refused.value.errors[0][1] == expected
