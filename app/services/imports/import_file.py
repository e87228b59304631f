"""A spreadsheet saved as text: its encoding, its delimiter, its lines, and rows to mend."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.domain import csv_safety
from app.domain.errors import BadImportFile
from app.domain.imports.import_mapping import HistoryMapping
from app.domain.imports.import_values import same_words, trimmed
from app.domain.imports.importing import REQUIRED, Columns, Remark

# Columns of our own in a file of refused rows; ignored when it is loaded again.
LINE, REASON = "_line", "_reason"

_DELIMITERS: Final = (",", ";", "\t")
# Over how many lines one cell may run before a quotation mark counts as forgotten.
_MOST_LINES: Final = 50
_ENDS: Final = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Line(NamedTuple):
    """A row of the sheet at the line it begins on; `broken` where its quotes do not match."""

    number: int
    cells: list[str]
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it was sent: headings, and the rows that hold anything at all."""

    heads: list[str]
    lines: list[Line]
    delimiter: str


def read_sheet(content: bytes | str) -> Sheet:
    """Return the table a file holds; `BadImportFile` when it is no text or has no header."""
    text = content if isinstance(content, str) else _decoded(content)
    if "\0" in text:
        raise BadImportFile(("/file", "is not text: save the spreadsheet as CSV"))
    rows = _ENDS.findall(text.removeprefix("\ufeff"))
    first = next((place for place, row in enumerate(rows) if row.strip()), None)
    if first is None:
        raise BadImportFile(("/file", "is empty"))
    delimiter = max(_DELIMITERS, key=lambda sign: len(next(_lines(rows, first, sign, 1)).cells))
    lines = _lines(rows, first, delimiter, None)
    header = next(lines)
    if header.broken:
        raise BadImportFile(("/file", "has a header line whose quotation marks do not match"))
    heads = [trimmed(cell) for cell in header.cells]
    return Sheet(
        heads, [line for line in lines if line.broken or any(map(trimmed, line.cells))], delimiter
    )


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    try:
        if encoding:
            return content.decode(encoding)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            # What spreadsheets on Windows write unless they are asked for UTF-8.
            return content.decode("cp1252")
    except UnicodeDecodeError:
        raise BadImportFile(
            ("/file", "is in no encoding that can be read: save it as CSV in UTF-8")
        ) from None


def _lines(rows: Sequence[str], start: int, delimiter: str, width: int | None) -> Iterator[Line]:
    """Yield the rows from line `start` on, the first of them the header.

    A cell in quotation marks may run over several lines. A mark that is opened and never closed
    would swallow all that follows; it breaks its own line only, and the next one stands again.
    """
    place = start
    while place < len(rows):
        end = min(place + _MOST_LINES, len(rows))
        reader = csv.reader(
            map(rows.__getitem__, range(place, end)), delimiter=delimiter, strict=True
        )
        try:
            cells = next(reader)
            taken = reader.line_num
            broken = taken > 1 and width is not None and len(cells) != width
        except csv.Error:
            cells, taken, broken = [], 1, True
        if broken:
            cells, taken = _loosely(rows[place], delimiter), 1
        if width is None:
            width = len(cells)
        yield Line(place + 1, cells, broken)
        place += taken


def _loosely(row: str, delimiter: str) -> list[str]:
    return row.rstrip("\r\n").replace('"', "").split(delimiter)


def columns_of(sheet: Sheet, mapping: HistoryMapping) -> Columns:
    """Return where the sheet has what; `BadImportFile` names each column it lacks."""
    places: dict[str, list[int]] = {}
    for place, head in enumerate(sheet.heads):
        if head:
            places.setdefault(same_words(head), []).append(place)
    faults: list[tuple[str, str]] = []
    of_field: dict[str, int] = {}
    for field, headings in mapping.columns.items():
        columns = next((places[h] for h in map(same_words, headings) if h in places), None)
        if columns is None:
            if field in REQUIRED:
                named = " or ".join(headings)
                faults.append((f"/columns/{field}", f"the file has no column {named}"))
        elif len(columns) > 1:
            faults.append(
                (f"/columns/{field}", "the file has this column more than once: keep one")
            )
        else:
            of_field[field] = columns[0]
    if len(set(of_field.values())) < len(of_field):
        faults.append(("/columns", "two fields are read from the same column: correct the mapping"))
    if faults:
        raise BadImportFile(*faults)
    return Columns(sheet.heads, of_field, _kept(sheet, mapping, of_field), mapping.sexes)


def _kept(sheet: Sheet, mapping: HistoryMapping, of_field: dict[str, int]) -> list[tuple[int, str]]:
    homed = set(of_field.values())
    ignored = mapping.left_out | {LINE, REASON}
    kept: list[tuple[int, str]] = []
    names: set[str] = set()
    for place, head in enumerate(sheet.heads):
        if place in homed or same_words(head) in ignored:
            continue
        name = head or f"column {place + 1}"
        if name in names:
            name = f"{name} (column {place + 1})"
        names.add(name)
        kept.append((place, name))
    return kept


def rejected_csv(rejected: Sequence[Remark], content: bytes | str) -> str:
    """Return the refused rows of the file as they stood, with the line and the reason of each.

    Cells that a spreadsheet would run as a formula begin with an apostrophe, which is taken
    off again when the mended file is loaded.
    """
    sheet = read_sheet(content)
    reasons = {remark.line: remark for remark in rejected}
    own = [place for place, head in enumerate(sheet.heads) if head not in (LINE, REASON)]
    lines = [[*(sheet.heads[place] for place in own), LINE, REASON]]
    for line in sheet.lines:
        remark = reasons.get(line.number)
        if remark is None:
            continue
        about = f"{remark.column}: {remark.message}" if remark.column else remark.message
        # A row with too many cells keeps them all: which one is too many is for people to see.
        extra = range(len(sheet.heads), len(line.cells))
        cells = [line.cells[p] if p < len(line.cells) else "" for p in [*own, *extra]]
        # Cells that were marked as text when they came keep one mark, not two.
        cells = [csv_safety.unmarked(cell) for cell in cells]
        lines.append([*cells[: len(own)], str(line.number), about, *cells[len(own) :]])
    return "".join(csv_safety.line(line, sheet.delimiter) for line in lines)
