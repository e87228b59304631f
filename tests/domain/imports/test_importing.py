"""One row of a treatment history: what it says, and the one reason for which it is refused."""

from __future__ import annotations

from datetime import date

import pytest

from app.domain.imports.importing import Columns, Remark, RemarkCode, Row, read_row
from app.domain.patients.patients import Sex

HEADS = [
    *("Chart", "Last", "First", "Born", "Sex", "Phone", "By", "At", "Dx", "On", "Units"),
    *("Payer", "Notes"),
]
FIELDS = [
    *("mrn", "family_name", "given_name", "birth_date", "sex", "phone", "practitioner"),
    *("location", "indication", "given_on", "units"),
]
COLUMNS = Columns(
    HEADS,
    {field: place for place, field in enumerate(FIELDS)},
    [(11, "Payer"), (12, "Notes")],
    {"f": Sex.FEMALE, "m": Sex.MALE},
)
GOOD = [
    *("M1", "Rivera", "Ana", "5/17/1980", "F", "555-010-0100", "Dr. Vale", "Main St", "G43.709"),
    *("1/5/2026", "155", "Self-pay", "none"),
]
TODAY = date(2026, 11, 16)


def today_at(location: str | None) -> date:
    """A day later at the one place that lies east."""
    return date(2026, 11, 17) if location == "East" else TODAY


def a_row(**said: str) -> list[str]:
    cells = list(GOOD)
    for head, cell in said.items():
        cells[HEADS.index(head)] = cell
    return cells


def read(cells: list[str], columns: Columns = COLUMNS) -> Row | Remark:
    return read_row(7, cells, columns, today_at)


def test_a_row_says_what_its_cells_say() -> None:
    assert read(a_row()) == Row(
        line=7,
        mrn="M1",
        family_name="Rivera",
        given_name="Ana",
        birth_date=date(1980, 5, 17),
        sex=Sex.FEMALE,
        phone="555-010-0100",
        practitioner="Dr. Vale",
        location="Main St",
        indication="G43.709",
        given_on=date(2026, 1, 5),
        hundredths=15_500,
        kept={"Payer": "Self-pay", "Notes": "none"},
    )


def test_names_lose_blanks_between_their_words_and_an_mrn_does_not() -> None:
    found = read(a_row(Chart=" M  1 ", Last=" De  la Cruz ", First="Ana  María"))
    assert isinstance(found, Row)
    assert (found.mrn, found.family_name, found.given_name) == ("M  1", "De la Cruz", "Ana María")


REFUSED = [
    ({"Chart": ""}, "Chart", "mrn_missing", "The MRN is empty."),
    ({"Chart": " \u00a0 "}, "Chart", "mrn_missing", "The MRN is empty."),
    (
        {"Chart": "x" * 201},
        "Chart",
        "text_unreadable",
        "The text has more than 200 characters.",
    ),
    ({"Chart": "a\x07b"}, "Chart", "text_unreadable", "The text has control characters."),
    ({"Last": ""}, "Last", "name_missing", "The name is empty."),
    ({"First": " "}, "First", "name_missing", "The name is empty."),
    ({"Last": "x" * 201}, "Last", "text_unreadable", "The text has more than 200 characters."),
    ({"Phone": "x" * 201}, "Phone", "text_unreadable", "The text has more than 200 characters."),
    ({"By": "x" * 201}, "By", "text_unreadable", "The text has more than 200 characters."),
    ({"At": "x" * 201}, "At", "text_unreadable", "The text has more than 200 characters."),
    ({"Dx": "x" * 33}, "Dx", "text_unreadable", "The diagnosis has more than 32 characters."),
    ({"Born": ""}, "Born", "date_unreadable", "The date is empty."),
    ({"Born": "2/30/1980"}, "Born", "date_unreadable", "There is no such date."),
    ({"On": "2/29/2026"}, "On", "date_unreadable", "There is no such date."),
    (
        {"On": "soon"},
        "On",
        "date_unreadable",
        "The date cannot be read: write 6/17/2025, 2025-06-17 or Jun 17, 2025.",
    ),
    (
        {"On": "1/1/1899"},
        "On",
        "date_unreadable",
        "The date lies outside the years 1900 to 2200.",
    ),
    ({"Units": ""}, "Units", RemarkCode.UNITS_UNREADABLE, "The number of units is empty."),
    ({"Units": "0"}, "Units", RemarkCode.UNITS_UNREADABLE, "The number of units must be above 0."),
    (
        {"Units": "abc"},
        "Units",
        "units_unreadable",
        "The number of units cannot be read: write 155 or 155.5.",
    ),
    (
        {"On": "11/17/2026"},
        "On",
        "treated_in_future",
        "The treatment date lies in the future.",
    ),
    (
        {"On": "5/16/1980"},
        "On",
        "treated_before_birth",
        "The treatment date lies before the birth date.",
    ),
]


@pytest.mark.parametrize(("said", "column", "code", "message"), REFUSED)
def test_why_a_row_is_refused(said: dict[str, str], column: str, code: str, message: str) -> None:
    assert read(a_row(**said)) == Remark(7, column, RemarkCode(code), message)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"Dx": "x" * 32}, id="a diagnosis of 32 characters"),
        pytest.param({"Chart": "x" * 200}, id="an MRN of 200"),
        pytest.param({"On": "5/17/1980"}, id="treated on the day of birth"),
        pytest.param({"On": "11/16/2026"}, id="treated today"),
        pytest.param({"On": "11/17/2026", "At": "East"}, id="treated today where it is tomorrow"),
    ],
)
def test_what_is_just_taken(said: dict[str, str]) -> None:
    assert isinstance(read(a_row(**said)), Row)


def test_the_first_reason_in_a_fixed_order_is_told() -> None:
    """From the MRN to the day: taking the topmost fault away shows the next one."""
    faults = {
        "Chart": "",
        "Last": "",
        "First": "",
        "Phone": "a\x07",
        "Dx": "x" * 33,
        "Born": "never",
        "On": "never",
        "Units": "none",
    }
    told = []
    while faults:
        remark = read(a_row(**faults))
        assert isinstance(remark, Remark)
        told.append(remark.column)
        del faults[str(remark.column)]
    assert told == ["Chart", "Last", "First", "Phone", "Dx", "Born", "On", "Units"]


def test_the_future_is_a_reason_before_the_birth() -> None:
    remark = read(a_row(On="11/18/2026", Born="11/19/2026"))
    assert isinstance(remark, Remark)
    assert remark.code == "treated_in_future"


def test_cells_that_are_missing_at_the_end_are_empty() -> None:
    found = read(GOOD[:11])
    assert isinstance(found, Row)
    assert found.kept == {}
    remark = read(GOOD[:10])
    assert remark == Remark(
        7, "Units", RemarkCode.UNITS_UNREADABLE, "The number of units is empty."
    )
    assert read([]) == Remark(7, "Chart", RemarkCode.MRN_MISSING, "The MRN is empty.")


def test_more_cells_than_headings_are_taken_only_when_they_are_empty() -> None:
    assert isinstance(read([*GOOD, "", " \u00a0 "]), Row)
    assert read([*GOOD, "", "x"]) == Remark(
        7,
        None,
        RemarkCode.TOO_MANY_CELLS,
        "The row has more cells than the header: quote cells that hold the separator.",
    )


@pytest.mark.parametrize(
    ("word", "sex", "kept"),
    [
        pytest.param("F", "female", None, id="known"),
        pytest.param(" m ", "male", None, id="known, with blanks"),
        pytest.param("", None, None, id="empty"),
        pytest.param("\u00a0", None, None, id="blank"),
        pytest.param("Q", None, "Q", id="unknown: kept as it was written"),
    ],
)
def test_a_word_for_the_sex(word: str, sex: str | None, kept: str | None) -> None:
    found = read(a_row(Sex=word))
    assert isinstance(found, Row)
    assert found.sex == sex
    assert found.kept.get("Sex") == kept


def test_what_is_empty_is_not_kept() -> None:
    found = read(a_row(Payer=" ", Notes="'=1+1"))
    assert isinstance(found, Row)
    assert found.kept == {"Notes": "=1+1"}


def test_a_file_may_lack_what_a_treatment_does_not_need() -> None:
    needed = ["mrn", "family_name", "given_name", "birth_date", "given_on", "units"]
    columns = Columns(needed, {field: place for place, field in enumerate(needed)}, [], {})
    found = read(["M1", "Rivera", "Ana", "1980-05-17", "2026-01-05", "155"], columns)
    assert isinstance(found, Row)
    assert (found.sex, found.phone, found.practitioner) == (None, None, None)
    assert (found.location, found.indication, found.kept) == (None, None, {})
