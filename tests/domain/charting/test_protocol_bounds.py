"""The bounds of every field of a protocol definition: what is just taken, and what just is not."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.charting.protocol import from_definition, to_definition
from tests.support.definitions import a_definition, a_small_definition, changed, faults_if_any


def form_faults(definition: Any) -> list[tuple[str, str]]:
    """The faults of form; whether the sums are right is found only after those."""
    return [fault for fault in faults_if_any(definition) if fault[1].startswith(_OF_FORM)]


_OF_FORM = ("must be a ", "must have ", "must hold", "must be one of", "is required", "has an unk")


@pytest.mark.parametrize(
    ("pointer", "low", "high"),
    [
        ("/version", 1, 1_000_000),
        ("/interval/value", 1, 366),
        ("/areas/0/order", 1, 10_000),
        ("/areas/0/fixed_sites", 0, 200),
        ("/areas/0/max_sites", 0, 400),
        ("/limits/fixed_sites", 0, 200),
        ("/limits/max_sites", 0, 400),
        ("/sites/0/order", 1, 10_000),
        ("/optional_sites/0/order", 1, 10_000),
        ("/jurisdictions/0/min_sites", 0, 400),
        ("/jurisdictions/0/max_sites", 0, 400),
    ],
)
def test_whole_numbers(pointer: str, low: int, high: int) -> None:
    fault = (pointer, f"must be a whole number from {low} to {high}")
    for taken in (low, high):
        assert fault not in form_faults(changed(pointer, taken)), taken
    for refused in (low - 1, high + 1):
        assert form_faults(changed(pointer, refused)) == [fault], refused


@pytest.mark.parametrize(
    ("pointer", "low", "high", "step", "text"),
    [
        ("/areas/0/fixed_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/areas/0/max_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/limits/fixed_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/limits/max_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/jurisdictions/0/min_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/jurisdictions/0/max_units", 0, 1_000, 0.01, "at least 0 and at most 1000"),
        ("/sites/0/units", 0.01, 1_000, 0.01, "above 0 and at most 1000"),
        ("/optional_sites/0/units", 0.01, 1_000, 0.01, "above 0 and at most 1000"),
        ("/sites/0/ml", 0.001, 10, 0.001, "above 0 and at most 10"),
        ("/sites/0/positions/0/x", 0, 100, 0.01, "at least 0 and at most 100"),
        ("/sites/0/positions/0/y", 0, 100, 0.01, "at least 0 and at most 100"),
        ("/drawing/views/0/reference_points/0/x", 0, 100, 0.01, "at least 0 and at most 100"),
        ("/drawing/views/0/reference_points/0/y", 0, 100, 0.01, "at least 0 and at most 100"),
    ],
)
def test_numbers_with_decimals(
    pointer: str, low: float, high: float, step: float, text: str
) -> None:
    places = 3 if step == 0.001 else 2
    fault = (pointer, f"must be a number {text} with no more than {places} decimals")
    for taken in (low, low + step, high - step, high):
        assert form_faults(changed(pointer, round(taken, 3))) == [], taken
    for refused in (low - step, high + step, low + step / 10):
        assert form_faults(changed(pointer, round(refused, 4))) == [fault], refused


@pytest.mark.parametrize(
    ("pointer", "longest", "optional"),
    [
        ("/name", 200, False),
        ("/product", 200, False),
        ("/source", 1_000, True),
        ("/areas/0/name", 200, False),
        ("/areas/0/patient_position", 200, True),
        ("/sites/0/landmark", 500, True),
        ("/optional_sites/0/landmark", 500, True),
        ("/jurisdictions/0/note", 500, True),
        ("/drawing/note", 500, False),
        ("/drawing/views/0/frame", 500, True),
    ],
)
def test_texts(pointer: str, longest: int, optional: bool) -> None:
    text = "é" * longest
    written = to_definition(from_definition(changed(pointer, f" {text} ")))
    assert value_at(written, pointer) == text
    fault = (pointer, f"must have 1 to {longest} characters")
    assert form_faults(changed(pointer, text + "é")) == [fault]
    if optional:
        for absent in (..., None, ""):
            assert value_at(to_definition(from_definition(changed(pointer, absent))), pointer) == ""
    else:
        assert form_faults(changed(pointer, "")) == [fault]
        assert form_faults(changed(pointer, ...)) == [(pointer, "is required")]


def value_at(definition: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/"):
        definition = definition[int(step)] if isinstance(definition, list) else definition[step]
    return definition


PART = "[A-Za-z0-9][A-Za-z0-9-]{0,19}"
VIEW = "[a-z][a-z0-9_]{0,39}"


@pytest.mark.parametrize(
    ("pointer", "form", "taken", "refused"),
    [
        ("/code", "[a-z0-9][a-z0-9-]{0,39}", ["p", "7-x", "a" * 40], ["P", "-p", "a" * 41]),
        ("/areas/0/code", PART, ["A", "a-9", "A" * 20], ["A B", "-A", "A" * 21]),
        ("/sites/0/code", PART, ["A", "a-9", "A" * 20], ["A_B", "-A", "A" * 21]),
        ("/sites/0/area", PART, ["A", "a-9", "A" * 20], ["A_B", "-A", "A" * 21]),
        ("/jurisdictions/0/code", PART, ["A", "a-9", "A" * 20], ["A.B", "-A", "A" * 21]),
        ("/sites/0/evidence", "[VSM]", ["V", "S", "M"], ["v", "VS", "X"]),
        ("/areas/0/evidence", "[VSM]", ["V", "S", "M"], ["v", "VS", "X"]),
        ("/jurisdictions/0/evidence", "[VSM]", ["V", "S", "M"], ["v", "VS", "X"]),
        ("/drawing/views/0/view", VIEW, ["f", "front_2", "f" * 40], ["Front", "_f", "f" * 41]),
        ("/sites/0/positions/0/view", VIEW, ["f", "front_2"], ["Front", "2f", "f" * 41]),
        (
            "/drawing/views/0/reference_points/0/name",
            VIEW,
            ["f", "inion_2", "f" * 40],
            ["The inion", "2f", "f" * 41],
        ),
    ],
)
def test_codes(pointer: str, form: str, taken: list[str], refused: list[str]) -> None:
    for text in taken:
        assert form_faults(changed(pointer, text)) == [], text
    for text in refused:
        assert form_faults(changed(pointer, text)) == [(pointer, f"must have the form {form}")]
    if pointer.endswith("evidence"):
        for absent in (..., None, ""):
            assert form_faults(changed(pointer, absent)) == []
    else:
        assert form_faults(changed(pointer, ...)) == [(pointer, "is required")]


POINT = {"name": "inion", "x": 1, "y": 1}
VIEW_ENTRY = {"view": "front", "frame": "", "reference_points": []}
PLACE = {"code": "US", "min_sites": 1, "min_units": 1, "max_sites": 1, "max_units": 1}


@pytest.mark.parametrize(
    ("pointer", "entry", "least", "most"),
    [
        ("/areas", a_definition()["areas"][0], 1, 50),
        ("/sites", a_definition()["sites"][0], 1, 200),
        ("/optional_sites", a_definition()["optional_sites"][0], 0, 200),
        ("/jurisdictions", PLACE, 0, 20),
        ("/sites/0/positions", {"view": "front", "x": 1, "y": 1}, 0, 10),
        ("/drawing/views", VIEW_ENTRY, 1, 20),
        ("/drawing/views/0/reference_points", POINT, 0, 50),
    ],
)
def test_lists(pointer: str, entry: Any, least: int, most: int) -> None:
    fault = (pointer, f"must have {least} to {most} entries")
    for taken in (max(1, least), most):
        assert form_faults(changed(pointer, [entry] * taken)) == [], taken
    assert form_faults(changed(pointer, [entry] * (most + 1))) == [fault]
    missing = form_faults(changed(pointer, ...))
    if least:
        assert form_faults(changed(pointer, [])) == [fault]
        assert missing == [(pointer, "is required")]
    else:
        assert form_faults(changed(pointer, [])) == missing == []


@pytest.mark.parametrize(
    ("pointer", "options"),
    [
        ("/interval/unit", ["day", "week", "month"]),
        ("/areas/0/laterality", ["bilateral", "midline"]),
        ("/sites/0/side", ["left", "right", "midline"]),
    ],
)
def test_choices(pointer: str, options: list[str]) -> None:
    for option in options:
        assert form_faults(changed(pointer, option)) == []
    fault = (pointer, "must be one of: " + ", ".join(options))
    strange: list[object] = ["other", "", None, 1, [], {}]
    for refused in strange:
        assert form_faults(changed(pointer, refused)) == [fault], refused


def test_everything_that_was_said_is_written_back() -> None:
    """Each field has a value of its own, so that none can be taken for another or forgotten."""
    written = a_small_definition() | {
        "source": "Label, section 2.4",
        "interval": {"value": 3, "unit": "month"},
        "areas": [
            {
                "code": "A",
                "name": "Area",
                "order": 7,
                "laterality": "midline",
                "fixed_sites": 1,
                "fixed_units": 2.5,
                "max_sites": 2,
                "max_units": 6.25,
                "patient_position": "sitting",
                "evidence": "S",
            }
        ],
        "sites": [
            {
                "code": "A-1",
                "area": "A",
                "side": "midline",
                "units": 2.5,
                "ml": 0.055,
                "order": 3,
                "landmark": "On the midline",
                "evidence": "V",
                "positions": [{"view": "front", "x": 12.25, "y": 99}],
            }
        ],
        "optional_sites": [
            {
                "code": "A-2",
                "area": "A",
                "side": "midline",
                "units": 3,
                "ml": 0.1,
                "order": 4,
                "landmark": "",
                "evidence": "",
                "positions": [],
            }
        ],
        "limits": {"fixed_sites": 1, "fixed_units": 2.5, "max_sites": 2, "max_units": 5.5},
        "jurisdictions": [
            {
                "code": "US",
                "min_sites": 1,
                "min_units": 2.5,
                "max_sites": 2,
                "max_units": 5.25,
                "note": "by the label",
                "evidence": "M",
            }
        ],
        "drawing": {
            "schematic": True,
            "note": "Schematic, never guidance",
            "views": [
                {
                    "view": "front",
                    "frame": "The whole face",
                    "reference_points": [{"name": "glabella", "x": 50, "y": 40.5}],
                }
            ],
        },
    }
    assert to_definition(from_definition(written)) == written
