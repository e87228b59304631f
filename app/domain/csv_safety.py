"""Lines of CSV that a spreadsheet shows and never runs; everything that writes CSV uses `line`.

A spreadsheet takes a cell that begins with one of some signs for a formula, and a formula can
send what other cells hold to an address of its author. Names and record numbers come from people
and other systems, so each such cell gets an apostrophe in front: the spreadsheet then shows it
as text. `unmarked` takes the apostrophes off again when our own table is loaded.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, Final

# The signs of a formula, with their full-width and small forms, which some spreadsheets read as
# the sign itself. Tabs and line ends are dropped by some before they look.
SIGNS: Final = "=+-@\t\r\n＝＋－＠﹦﹢﹣﹫"
# Quotation marks and blanks in front of a sign are dropped by some as well.
_FORMULA: Final = f"(?=[\"' \u00a0]*[{re.escape(SIGNS)}])"
# A table separated by one of these may be opened by a program that separates at another. There a
# cell also begins after that other sign, whatever quotation marks say.
_OTHER_SEPARATORS: Final = {",": ";", ";": ",", "\t": ",;"}
_TO_MARK: Final = {
    separator: re.compile(f"(?:^|(?<=[{others}])){_FORMULA}")
    for separator, others in _OTHER_SEPARATORS.items()
}
_MARKED: Final = re.compile(f"(^|[,;])'{_FORMULA}")


def marked(value: Any, separator: str = ",") -> str:
    """Return the text of a cell, with an apostrophe before whatever could be a formula.

    `separator` is the one of the table, a comma, a semicolon or a tab. None gives an empty text.
    """
    return "" if value is None else _TO_MARK[separator].sub("'", str(value))


def unmarked(text: str) -> str:
    """Return the text of a cell without the apostrophes that `marked` put in."""
    return _MARKED.sub(r"\1", text) if "'" in text else text


def line(cells: Iterable[Any], separator: str = ",") -> str:
    """Return a line of CSV, its end included, with every cell marked and quoted as needed."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerow([marked(cell, separator) for cell in cells])
    return text.getvalue()
