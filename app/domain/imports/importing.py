"""One row of a clinic's treatment history: what it says, or why it is refused.

The checks stand in a fixed order and the first that fails is the reason, so that the same row
is always refused for the same one. No remark repeats what a cell holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from app.domain.imports import import_values as values
from app.domain.imports.import_values import Unreadable

# What a row says of a treatment; those not in REQUIRED may lack a column.
FIELDS: Final = (
    "mrn",
    "family_name",
    "given_name",
    "birth_date",
    "sex",
    "phone",
    "practitioner",
    "location",
    "indication",
    "given_on",
    "units",
)
REQUIRED: Final = ("mrn", "family_name", "given_name", "birth_date", "given_on", "units")
SEXES: Final = ("female", "male", "other", "unknown")
LONGEST_INDICATION: Final = 32


class Remark(NamedTuple):
    """Something about a row: why it was refused, or what is to be looked at.

    `column` is the file's own heading, None where the whole row is meant.
    """

    line: int
    column: str | None
    code: str
    message: str


@dataclass(slots=True)
class Row:
    """A row that can be read: one treatment of one patient, units in hundredths."""

    line: int
    mrn: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str | None
    phone: str | None
    practitioner: str | None
    location: str | None
    indication: str | None
    given_on: date
    hundredths: int
    kept: dict[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file has what: the place and heading of each field, and the columns to keep.

    `sexes` says what the words in the column of that field mean, in lower case.
    """

    heads: Sequence[str]
    of_field: Mapping[str, int]
    kept: Sequence[tuple[int, str]]
    sexes: Mapping[str, str]

    def head(self, field: str) -> str:
        return self.heads[self.of_field[field]]


class _Refused(Exception):
    def __init__(self, field: str | None, code: str, message: str) -> None:
        self.field, self.code, self.message = field, code, message


def read_row(
    line: int, cells: Sequence[str], columns: Columns, today_at: Callable[[str | None], date]
) -> Row | Remark:
    """Return what the row says, or the reason why it is refused.

    `today_at` gives the present day at a location by its name; None stands for the practice.
    """
    try:
        return _read(line, cells, columns, today_at)
    except _Refused as refused:
        column = columns.head(refused.field) if refused.field else None
        return Remark(line, column, refused.code, refused.message)


def _read(
    line: int, cells: Sequence[str], columns: Columns, today_at: Callable[[str | None], date]
) -> Row:
    width = len(columns.heads)
    if len(cells) < width:
        cells = [*cells, *[""] * (width - len(cells))]
    elif len(cells) > width and any(values.trimmed(cell) for cell in cells[width:]):
        raise _Refused(
            None,
            "too_many_cells",
            "The row has more cells than the header: quote cells that hold the separator.",
        )
    said = {field: cells[place] for field, place in columns.of_field.items()}
    mrn = _text(said, "mrn", values.trimmed)
    if not mrn:
        raise _Refused("mrn", "mrn_missing", "The MRN is empty.")
    names: dict[str, str] = {}
    for field in ("family_name", "given_name"):
        names[field] = _text(said, field, values.words)
        if not names[field]:
            raise _Refused(field, "name_missing", "The name is empty.")
    phone, practitioner, location, indication = (
        _text(said, field, values.words) or None
        for field in ("phone", "practitioner", "location", "indication")
    )
    if indication and len(indication) > LONGEST_INDICATION:
        message = f"The diagnosis has more than {LONGEST_INDICATION} characters."
        raise _Refused("indication", "text_unreadable", message)
    birth_date, given_on = _day(said, "birth_date"), _day(said, "given_on")
    try:
        hundredths = values.units(said["units"])
    except Unreadable as error:
        raise _Refused("units", "units_unreadable", f"The number of units {error}.") from None
    if given_on > today_at(location):
        raise _Refused("given_on", "treated_in_future", "The treatment date lies in the future.")
    if given_on < birth_date:
        raise _Refused(
            "given_on", "treated_before_birth", "The treatment date lies before the birth date."
        )
    kept = {name: text for place, name in columns.kept if (text := values.trimmed(cells[place]))}
    word = said.get("sex", "")
    sex = columns.sexes.get(values.same_words(word))
    if sex is None and (text := values.trimmed(word)):
        kept[columns.head("sex")] = text  # a word we do not know is kept, not guessed at
    return Row(
        line,
        mrn,
        names["family_name"],
        names["given_name"],
        birth_date,
        sex,
        phone,
        practitioner,
        location,
        indication,
        given_on,
        hundredths,
        kept,
    )


def _text(said: Mapping[str, str], field: str, form: Callable[[str], str]) -> str:
    try:
        return values.checked(form(said.get(field, "")))
    except Unreadable as error:
        raise _Refused(field, "text_unreadable", f"The text {error}.") from None


def _day(said: Mapping[str, str], field: str) -> date:
    try:
        return values.day(said[field])
    except Unreadable as error:
        reason = str(error)
        message = "There is no such date." if reason == "no such date" else f"The date {reason}."
        raise _Refused(field, "date_unreadable", message) from None
