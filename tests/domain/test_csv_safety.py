"""Cells of CSV: what a spreadsheet would run is marked, nothing else is, and nothing is lost."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.csv_safety import line, marked, unmarked

MARKED = [
    ("=1+1", "'=1+1", "equals"),
    ("+1", "'+1", "plus"),
    ("-1", "'-1", "minus"),
    ("@SUM(1)", "'@SUM(1)", "at"),
    ("\t=1", "'\t=1", "a tab"),
    ("\r=1", "'\r=1", "a carriage return"),
    ("\n=1", "'\n=1", "a line feed"),
    ("＝1", "'＝1", "full-width equals"),
    ("＋1", "'＋1", "full-width plus"),
    ("－1", "'－1", "full-width minus"),
    ("＠A", "'＠A", "full-width at"),
    ("﹦1", "'﹦1", "small equals"),
    ("﹢1", "'﹢1", "small plus"),
    ("﹣1", "'﹣1", "small minus"),
    ("﹫A", "'﹫A", "small at"),
    ("  =1", "'  =1", "blanks before the sign"),
    ("\u00a0=1", "'\u00a0=1", "a no-break space before the sign"),
    ('"=1"', '\'"=1"', "a quotation mark before the sign"),
    ("'=1", "''=1", "an apostrophe that was there already"),
    ("a;=1", "a;'=1", "after the separator of another program"),
    ("a; =1;-2", "a;' =1;'-2", "after each of them"),
    (-5, "'-5", "a number below zero is not worth an exception"),
]
LEFT = [
    ("Larsen", "a name"),
    ("O'Brien", "an apostrophe inside"),
    ("'t Hooft", "an apostrophe in front"),
    ("Smith-Jones", "a sign inside"),
    ("Ana, B.", "the table's own separator"),
    ("a,=1", "it is quoted, so no cell begins there"),
    ("2026-03-30", "a date"),
    (155, "a number"),
    ("", "nothing"),
]


@pytest.mark.parametrize(("value", "text", "why"), MARKED, ids=[why for *_, why in MARKED])
def test_what_could_be_a_formula_is_marked(value: str | int, text: str, why: str) -> None:
    assert marked(value) == text
    assert unmarked(text) == str(value)


@pytest.mark.parametrize(("value", "why"), LEFT, ids=[why for _, why in LEFT])
def test_what_is_none_stays_as_it_is(value: str | int, why: str) -> None:
    assert marked(value) == unmarked(str(value)) == str(value)


def test_no_value_is_an_empty_cell() -> None:
    assert marked(None) == ""


@pytest.mark.parametrize(
    ("separator", "text"),
    [(",", "a,=1;'=2"), (";", "a,'=1;=2"), ("\t", "a,'=1;'=2")],
    ids=["comma", "semicolon", "tab"],
)
def test_the_separators_that_are_not_the_tables_begin_a_cell(separator: str, text: str) -> None:
    assert marked("a,=1;=2", separator) == text
    assert unmarked(text) == "a,=1;=2"


@given(st.text(alphabet="a'\",; \u00a0=+-@\t＝﹫", max_size=12), st.sampled_from(",;\t"))
def test_marks_come_off_again_and_no_cell_begins_with_a_sign(text: str, separator: str) -> None:
    told = marked(text, separator)
    assert not told.startswith(tuple("=+-@\t＝﹫"))
    # What was marked before it came keeps one mark.
    plain = unmarked(text)
    assert unmarked(marked(plain, separator)) == plain


def test_a_line_holds_the_cells_marked_quoted_and_ended() -> None:
    told = line(["=1", "a,b", 'Ann "Nan"', None, 7])
    assert told == '\'=1,"a,b","Ann ""Nan""",,7\r\n'
    assert next(csv.reader(io.StringIO(line(["a;b", "-1"], ";")), delimiter=";")) == ["a;b", "'-1"]
