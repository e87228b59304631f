"""The list of controls says what is true: its files and tests exist, and it is counted rightly."""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECURITY = ROOT / "docs" / "security"
STATES = ("met", "part", "open", "not applicable")
HEADS = ["set", "id", "requirement", "how it is met", "shown by", "state", "note"]

# Requirements of levels 1 and 2 in each section of ASVS 5.0.0: 253, numbered from 1 without a gap.
ASVS = {
    "V1": (2, 9, 11, 3, 2), "V2": (3, 3, 4, 1), "V3": (0, 2, 4, 6, 5, 0, 2), "V4": (3, 1, 2, 4),
    "V5": (1, 3, 2, 3), "V6": (3, 12, 4, 4, 5, 3, 0, 4), "V7": (3, 4, 2, 5, 2, 2),
    "V8": (2, 3, 1, 1), "V9": (3, 4), "V10": (2, 2, 4, 11, 5, 2, 3), "V11": (2, 3, 3, 4, 1, 1),
    "V12": (3, 2, 4), "V13": (1, 5, 2, 5), "V14": (2, 4, 3), "V15": (3, 3, 7),
    "V16": (1, 5, 4, 3, 3), "V17": (1, 4, 2),
}  # fmt: skip
HIPAA = [
    "(a)(1)", "(a)(2)(i)", "(a)(2)(ii)", "(a)(2)(iii)", "(a)(2)(iv)", "(b)", "(c)(1)", "(c)(2)",
    "(d)", "(e)(1)", "(e)(2)(i)", "(e)(2)(ii)",
]  # fmt: skip

Row = dict[str, str]


def rows() -> list[Row]:
    with (SECURITY / "controls.csv").open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, strict=True)
        found = list(lines)
    assert lines.fieldnames == HEADS
    assert all(None not in row and None not in row.values() for row in found)
    return found


ROWS = rows()


def parts(cell: str) -> list[str]:
    return cell.split("; ") if cell else []


@cache
def functions(file: str) -> frozenset[str]:
    """The functions of a file that pytest would collect; none when there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"), file)
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_each_line_is_whole() -> None:
    ids = Counter(row["id"] for row in ROWS)
    assert [id for id, lines in ids.items() if lines > 1] == []
    for row in ROWS:
        assert row["state"] in STATES, row["id"]
        assert row["set"], row["id"]
        assert row["requirement"], row["id"]
        if row["state"] != "met":
            assert row["note"], f"{row['id']}: why is it not met?"
        if row["state"] in ("met", "part"):
            assert row["how it is met"], row["id"]


def test_what_is_met_is_shown_by_a_test() -> None:
    assert [row["id"] for row in ROWS if row["state"] == "met" and not row["shown by"]] == []


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_what_is_named_exists(row: Row) -> None:
    assert [name for name in parts(row["how it is met"]) if not (ROOT / name).is_file()] == []
    named = [test.partition("::")[::2] for test in parts(row["shown by"])]
    assert [(file, test) for file, test in named if test not in functions(file)] == []


def test_nothing_of_the_sets_is_left_out() -> None:
    listed = [row["id"] for row in ROWS]
    wanted = [
        f"{chapter}.{section}.{number}"
        for chapter, sections in ASVS.items()
        for section, most in enumerate(sections, 1)
        for number in range(1, most + 1)
    ]
    assert len(wanted) == 253
    ours = [id for id in listed if re.match(r"V\d", id)]
    # A section or chapter stands for all of it, and then for none of it a second time.
    covered = Counter(one for id in ours for one in wanted if one == id or one.startswith(f"{id}."))
    assert [one for one in wanted if covered[one] != 1] == []
    assert [id for id in ours if not any(f"{one}.".startswith(f"{id}.") for one in wanted)] == []
    assert [id for id in listed if id.startswith("API")] == [f"API{n}" for n in range(1, 11)]
    assert [id for id in listed if id.startswith("164.")] == [f"164.312{one}" for one in HIPAA]
    assert [id for id in listed if id.startswith("T-")] == [f"T-{n}" for n in (*range(14, 29), 33)]


def test_the_readme_counts_rightly() -> None:
    text = (SECURITY / "README.md").read_text(encoding="utf-8")
    told = {
        cells[0]: [int(cell) for cell in cells[1:]]
        for line in text.splitlines()
        if line.startswith("| ")
        and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
        and cells[1].isdigit()
    }
    counted: dict[str, Counter[str]] = {}
    for row in ROWS:
        for name in (row["set"], "all"):
            counted.setdefault(name, Counter())[row["state"]] += 1
    assert told == {
        name: [states.total(), *(states[state] for state in STATES)]
        for name, states in counted.items()
    }


def test_the_documents_name_files_that_exist() -> None:
    for document in (*SECURITY.glob("*.md"), ROOT / "SECURITY.md"):
        named = re.findall(
            r"`((?:app|docs|tests|requirements|migrations)/[\w./-]+\.\w+)`",
            document.read_text(encoding="utf-8"),
        )
        assert named, document.name
        assert [name for name in named if not (ROOT / name).is_file()] == [], document.name
