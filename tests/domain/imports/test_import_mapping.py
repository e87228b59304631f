"""A clinic's own mapping of columns: what it changes, what it leaves, what it may not say."""

from __future__ import annotations

import pytest

from app.domain.errors import Invalid
from app.domain.imports.import_mapping import EMPTY, HistoryMapping, changed
from app.domain.patients.patients import Sex

BASE = HistoryMapping(
    "preempt",
    {"mrn": ("MRN",), "units": ("Units", "Dose")},
    {"f": Sex.FEMALE, "m": Sex.MALE},
    frozenset({"notes"}),
)


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        pytest.param("", BASE, id="nothing said, nothing changed"),
        pytest.param("\ufeff", BASE, id="a byte-order mark is nothing"),
        pytest.param(
            "protocol = ' own '",
            HistoryMapping("own", BASE.columns, BASE.sexes, BASE.left_out),
            id="another protocol",
        ),
        pytest.param(
            "left_out = ['Payer ', 'AUTH #']",
            HistoryMapping("preempt", BASE.columns, BASE.sexes, frozenset({"payer", "auth #"})),
            id="what is left out takes the place of what was",
        ),
        pytest.param(
            "left_out = 'Payer'",
            HistoryMapping("preempt", BASE.columns, BASE.sexes, frozenset({"payer"})),
            id="one heading needs no list",
        ),
        pytest.param(
            "[columns]\nunits = 'Total'",
            HistoryMapping(
                "preempt", {"mrn": ("MRN",), "units": ("Total",)}, BASE.sexes, BASE.left_out
            ),
            id="one column, the others stay",
        ),
        pytest.param(
            "[columns]\nphone = ['Tel.', 'Mobile']",
            HistoryMapping(
                "preempt",
                {**BASE.columns, "phone": ("Tel.", "Mobile")},
                BASE.sexes,
                BASE.left_out,
            ),
            id="one column more, in order of preference",
        ),
        pytest.param(
            "[sexes]\nW = 'female'\nF = 'unknown'",
            HistoryMapping(
                "preempt",
                BASE.columns,
                {"f": Sex.UNKNOWN, "m": Sex.MALE, "w": Sex.FEMALE},
                BASE.left_out,
            ),
            id="a word more, and one with another meaning",
        ),
    ],
)
def test_a_mapping_changes_what_it_says(text: str, mapping: HistoryMapping) -> None:
    assert changed(BASE, text) == mapping


def test_the_empty_mapping_knows_nothing() -> None:
    assert HistoryMapping("", {}, {}, frozenset()) == EMPTY


TEXT = "must be text"


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ("a = = 1", "/mapping", "is not TOML (line 1)"),
        ("\n\nb = = 1", "/mapping", "is not TOML (line 3)"),
        ("protocol = '", "/mapping", "is not TOML"),
        (
            "colums = {}",
            "/mapping",
            "has an unknown key; the known ones are protocol, left_out, columns, sexes",
        ),
        ("protocol = ''", "/mapping/protocol", TEXT),
        ("protocol = ' '", "/mapping/protocol", TEXT),
        ("protocol = 1", "/mapping/protocol", TEXT),
        ("left_out = ['a', 1]", "/mapping/left_out", TEXT),
        ("columns = 3", "/mapping/columns", "must be a table"),
        ("[columns]\nmrn = ['']", "/mapping/columns/mrn", TEXT),
        ("[columns]\nmrn = 3", "/mapping/columns/mrn", TEXT),
        (
            "[columns]\nbirthday = 'DOB'",
            "/mapping/columns",
            "has an unknown key; the known ones are mrn, family_name, given_name, birth_date, "
            "sex, phone, practitioner, location, indication, given_on, units",
        ),
        ("sexes = 'F'", "/mapping/sexes", "must be a table"),
        (
            "[sexes]\nF = 'female'\nQ = 'queen'",
            "/mapping/sexes",
            "each word must mean one of female, male, other, unknown",
        ),
    ],
)
def test_what_a_mapping_may_not_say(text: str, pointer: str, detail: str) -> None:
    with pytest.raises(Invalid) as refused:
        changed(BASE, text)
    assert refused.value.errors == ((pointer, detail),)
