"""What people type into cells: days, units, names."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.imports import import_values as values
from app.domain.imports.import_values import Unreadable

DAYS = [
    ("6/17/2025", date(2025, 6, 17)),
    ("06/07/2025", date(2025, 6, 7)),
    ("2025-06-17", date(2025, 6, 17)),
    ("Feb 8, 2027", date(2027, 2, 8)),
    ("February 8, 2027", date(2027, 2, 8)),
    ("Feb. 8 2027", date(2027, 2, 8)),
    ("SEPT 30, 2024", date(2024, 9, 30)),
    ("8 Feb 2027", date(2027, 2, 8)),
    ("8-Feb-2027", date(2027, 2, 8)),
    ("\u00a02/29/2024 ", date(2024, 2, 29)),
    ("Feb\u00a08,\u00a02027", date(2027, 2, 8)),
]


@pytest.mark.parametrize(("text", "day"), DAYS)
def test_days_as_they_are_written(text: str, day: date) -> None:
    assert values.day(text) == day


NO_DAYS = [
    ("", "is empty"),
    ("2/30/2025", "no such date"),
    ("13/1/2025", "no such date"),
    ("2025-02-29", "no such date"),
    ("Feb 30, 2025", "no such date"),
    ("6/17/25", "cannot be read"),
    ("17.6.2025", "cannot be read"),
    ("Smarch 3, 2025", "cannot be read"),
    ("yesterday", "cannot be read"),
    ("٦/١٧/٢٠٢٥", "cannot be read"),
    ("1/1/1899", "outside the years"),
    ("1/1/2201", "outside the years"),
    ("0/0/0000", "no such date"),
]


@pytest.mark.parametrize(("text", "reason"), NO_DAYS)
def test_what_is_no_day(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        values.day(text)


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_every_day_reads_the_same_in_each_form(day: date) -> None:
    for text in (
        day.isoformat(),
        f"{day.month}/{day.day}/{day.year}",
        f"{day:%b} {day.day}, {day.year}",
        f"{day:%B} {day.day}, {day.year}",
    ):
        assert values.day(text) == day


UNITS = [
    ("155", 15_500),
    ("155u", 15_500),
    ("155 U", 15_500),
    ("155 units", 15_500),
    ("\u00a0155\u00a0u ", 15_500),
    ("2.5", 250),
    ("0.01", 1),
    ("155.10", 15_510),
    ("155.500", 15_550),
    ("1000", 100_000),
]


@pytest.mark.parametrize(("text", "hundredths"), UNITS)
def test_units_are_exact(text: str, hundredths: int) -> None:
    assert values.units(text) == hundredths


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-5", "'-5", "+5", "0", "0.001", "2.555", "1000.01", "1e9", "1,000", "155 mg", "½",
     "NaN", "inf", "1_000", "9" * 500, "١٥٥"],
)  # fmt: skip
def test_what_is_no_number_of_units(text: str) -> None:
    with pytest.raises(Unreadable) as refused:
        values.units(text)
    assert len(text) < 3 or text not in str(refused.value)


@given(st.integers(1, 100_000))
def test_every_dose_survives_its_text(hundredths: int) -> None:
    assert values.units(f"{hundredths // 100}.{hundredths % 100:02d}") == hundredths


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for read in (values.day, values.units, values.checked):
        with suppress(Unreadable):
            read(text)


def test_names_are_the_same_whatever_their_case_and_blanks() -> None:
    form = values.same_words("  O'Brien\u00a0 Smith\u200b ")
    assert form == values.same_words("o'brien smith")
    assert values.same_words("Jose\u0301") == values.same_words("JOSÉ")
    assert values.same_words("Obrien") != form


def test_the_mark_of_a_text_is_taken_off_before_a_formula_only() -> None:
    assert values.trimmed("'=1+1") == "=1+1"
    assert values.trimmed("'t Hooft") == "'t Hooft"
