"""Reading a definition field by field: exact numbers, and something usable after every fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.domain.charting.reading import Fault, Fields, number, scaled

KNOWN = frozenset({"text", "choice", "whole", "decimal", "list", "inner"})


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        pytest.param(5, 2, 500, id="a whole number"),
        pytest.param(2.5, 2, 250, id="a float by its shortest form"),
        pytest.param(0.1, 2, 10, id="a tenth is exactly a tenth"),
        pytest.param(Decimal("2.50"), 2, 250, id="a decimal"),
        pytest.param(2.505, 2, None, id="one place too many"),
        pytest.param(-1, 2, -100, id="below 0: for the caller to refuse"),
        pytest.param(10**30, 2, 10**32, id="whole numbers have no largest"),
        pytest.param(Decimal("1e12"), 0, 10**12, id="the largest exponent"),
        pytest.param(Decimal("1e13"), 0, None, id="one more"),
        pytest.param(Decimal("1e-12"), 12, 1, id="the smallest exponent"),
        pytest.param(Decimal("1e-13"), 13, None, id="one less"),
        pytest.param(1e300, 2, None, id="a float beyond any dose"),
        pytest.param(Decimal("0e-99"), 2, 0, id="nought is nought, however it is written"),
        pytest.param(float("nan"), 2, None, id="not a number"),
        pytest.param(float("inf"), 2, None, id="without end"),
        pytest.param(Decimal("-Infinity"), 2, None, id="without end below"),
        pytest.param(True, 2, None, id="true is no number"),
        pytest.param("5", 2, None, id="text is no number"),
        pytest.param(None, 2, None, id="nothing is no number"),
    ],
)
def test_numbers_are_read_exactly_or_not_at_all(
    value: object, places: int, expected: int | None
) -> None:
    assert scaled(value, places) == expected


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        pytest.param(500, 2, 5, id="whole"),
        pytest.param(501, 2, 5.01, id="a hundredth more"),
        pytest.param(499, 2, 4.99, id="a hundredth less"),
        pytest.param(0, 2, 0, id="nought"),
        pytest.param(55, 3, 0.055, id="three places"),
    ],
)
def test_numbers_are_written_as_whole_ones_where_they_are(
    value: int, places: int, expected: float
) -> None:
    assert number(value, places) == expected
    assert type(number(value, places)) is type(expected)


Read = Callable[[Fields], Any]


def read_text(fields: Fields) -> Any:
    return fields.text("text", longest=3, pattern=re.compile("[a-z]+"))


def read_choice(fields: Fields) -> Any:
    return fields.choice("choice", ("left", "right"))


def read_whole(fields: Fields) -> Any:
    return fields.whole("whole", 2, 5)


def read_decimal(fields: Fields) -> Any:
    return fields.decimal("decimal", 1, above=15, high=30)


def read_least(fields: Fields) -> Any:
    return fields.decimal("decimal", 1, high=30)


def read_list(fields: Fields) -> Any:
    return fields.children("list", KNOWN, least=1, most=2)


MORE_THAN = "must be a number above 1.5 and at most 3 with no more than 1 decimals"
AT_LEAST = "must be a number at least 0 and at most 3 with no more than 1 decimals"


@pytest.mark.parametrize(
    ("read", "value", "result", "fault"),
    [
        (read_text, " abc ", "abc", None),
        (read_text, "", "", "must have 1 to 3 characters"),
        (read_text, "abcd", "", "must have 1 to 3 characters"),
        (read_text, "a\x85b", "", "must not hold control characters"),
        (read_text, "ABC", "", "must have the form [a-z]+"),
        (read_text, 7, "", "must be text"),
        (read_text, None, "", "must be text"),
        (read_text, ..., "", "is required"),
        (read_choice, "right", "right", None),
        (read_choice, "both", "left", "must be one of: left, right"),
        (read_choice, ["left"], "left", "must be one of: left, right"),
        (read_choice, ..., "left", "is required"),
        (read_whole, 2, 2, None),
        (read_whole, 5, 5, None),
        (read_whole, 1, 2, "must be a whole number from 2 to 5"),
        (read_whole, 6, 2, "must be a whole number from 2 to 5"),
        (read_whole, True, 2, "must be a whole number from 2 to 5"),
        (read_whole, 3.0, 2, "must be a whole number from 2 to 5"),
        (read_whole, ..., 2, "is required"),
        (read_decimal, 1.6, 16, None),
        (read_decimal, 3, 30, None),
        (read_decimal, 1.5, 30, MORE_THAN),
        (read_decimal, 3.1, 30, MORE_THAN),
        (read_decimal, ..., 30, "is required"),
        (read_least, 0, 0, None),
        (read_least, -0.1, 30, AT_LEAST),
        (read_list, [], [], "must have 1 to 2 entries"),
        (read_list, [{}, {}, {}], [], "must have 1 to 2 entries"),
        (read_list, {}, [], "must be a list"),
        (read_list, "ab", [], "must be a list"),
        (read_list, ..., [], "is required"),
    ],
)
def test_a_reader_gives_something_usable_and_notes_one_fault(
    read: Read, value: object, result: Any, fault: str | None
) -> None:
    key = read.__name__.removeprefix("read_").replace("least", "decimal")
    faults: list[Fault] = []
    fields = Fields({} if value is ... else {key: value}, "/at", faults, KNOWN)
    assert read(fields) == result
    assert faults == ([] if fault is None else [(f"/at/{key}", fault)])


def test_optional_text_may_be_absent_or_empty() -> None:
    faults: list[Fault] = []
    for values in ({}, {"text": None}, {"text": ""}):
        assert Fields(values, "", faults, KNOWN).text("text", optional=True) == ""
    assert faults == []
    assert Fields({"text": 7}, "", faults, KNOWN).text("text", optional=True) == ""
    assert faults == [("/text", "must be text")]


@pytest.mark.parametrize("value", [None, 7, "text", [1]])
def test_what_is_no_object_has_that_one_fault_and_no_other(value: object) -> None:
    faults: list[Fault] = []
    fields = Fields(value, "/at", faults, KNOWN)
    for read in (read_text, read_choice, read_whole, read_decimal, read_list):
        read(fields)
    assert faults == [("/at", "must be an object")]


def test_unknown_fields_are_one_fault_of_the_object() -> None:
    faults: list[Fault] = []
    Fields({"text": "a", "more": 1, "other": 2}, "/at", faults, KNOWN)
    assert faults == [("/at", "has an unknown field")]


def test_children_and_a_child_point_to_their_place() -> None:
    faults: list[Fault] = []
    top = Fields({"list": [{"whole": 3}, {"whole": 9}], "inner": {}}, "", faults, KNOWN)
    first, second = top.children("list", KNOWN, most=2)
    assert [read_whole(first), read_whole(second)] == [3, 2]
    read_text(top.child("inner", KNOWN))
    assert faults == [
        ("/list/1/whole", "must be a whole number from 2 to 5"),
        ("/inner/text", "is required"),
    ]
    assert top.children("absent", KNOWN, most=2) == []
