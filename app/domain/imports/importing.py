"""One row of a clinic's treatment history: what it says, or why it is refused.

The checks stand in a fixed order and the first that fails is the reason, so that the same row
is always refused for the same one. No remark repeats what a cell holds. Whether a row is there
already is decided against what is stored, in `services.imports.import_plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain.imports import import_values as values
from app.domain.imports.import_values import Unreadable
from app.domain.patients.patients import Sex

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
LONGEST_INDICATION: Final = 32


class RemarkCode(StrEnum):
    """Why a row was refused, or what is to be looked at."""

    TOO_MANY_CELLS = "too_many_cells"
    ROW_UNREADABLE = "row_unreadable"
    MRN_MISSING = "mrn_missing"
    NAME_MISSING = "name_missing"
    TEXT_UNREADABLE = "text_unreadable"
    DATE_UNREADABLE = "date_unreadable"
    UNITS_UNREADABLE = "units_unreadable"
    TREATED_IN_FUTURE = "treated_in_future"
    TREATED_BEFORE_BIRTH = "treated_before_birth"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    NAME_DIFFERS = "name_differs"
    SEX_DIFFERS = "sex_differs"
    PHONE_DIFFERS = "phone_differs"
    INDICATION_DIFFERS = "indication_differs"
    INDICATION_MISSING = "indication_missing"
    UNITS_DIFFER = "units_differ"


class Remark(NamedTuple):
    """Something about a row: why it was refused, or what is to be looked at.

    `column` is the file's own heading, None where the whole row is meant.
    """

    line: int
    column: str | None
    code: RemarkCode
    message: str


@dataclass(slots=True)
class Row:
    """A row that can be read: one treatment of one patient, units in hundredths."""

    line: int
    mrn: str
    family_name: str
    given_name: str
    birth_date: date
    sex: Sex | None
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
    sexes: Mapping[str, Sex]

    def head(self, field: str) -> str:
        return self.heads[self.of_field[field]]


class _Refused(Exception):
    def __init__(self, field: str | None, code: RemarkCode, message: str) -> None:
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
            RemarkCode.TOO_MANY_CELLS,
            "The row has more cells than the header: quote cells that hold the separator.",
        )
    said = {field: cells[place] for field, place in columns.of_field.items()}
    mrn = _text(said, "mrn", values.trimmed)
    if not mrn:
        raise _Refused("mrn", RemarkCode.MRN_MISSING, "The MRN is empty.")
    names: dict[str, str] = {}
    for field in ("family_name", "given_name"):
        names[field] = _text(said, field, values.words)
        if not names[field]:
            raise _Refused(field, RemarkCode.NAME_MISSING, "The name is empty.")
    phone, practitioner, location, indication = (
        _text(said, field, values.words) or None
        for field in ("phone", "practitioner", "location", "indication")
    )
    if indication and len(indication) > LONGEST_INDICATION:
        message = f"The diagnosis has more than {LONGEST_INDICATION} characters."
        raise _Refused("indication", RemarkCode.TEXT_UNREADABLE, message)
    birth_date, given_on = _day(said, "birth_date"), _day(said, "given_on")
    try:
        hundredths = values.units(said["units"])
    except Unreadable as error:
        raise _Refused(
            "units", RemarkCode.UNITS_UNREADABLE, f"The number of units {error}."
        ) from None
    if given_on > today_at(location):
        raise _Refused(
            "given_on", RemarkCode.TREATED_IN_FUTURE, "The treatment date lies in the future."
        )
    if given_on < birth_date:
        raise _Refused(
            "given_on",
            RemarkCode.TREATED_BEFORE_BIRTH,
            "The treatment date lies before the birth date.",
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
        raise _Refused(field, RemarkCode.TEXT_UNREADABLE, f"The text {error}.") from None


def _day(said: Mapping[str, str], field: str) -> date:
    try:
        return values.day(said[field])
    except Unreadable as error:
        reason = str(error)
        message = "There is no such date." if reason == "no such date" else f"The date {reason}."
        raise _Refused(field, RemarkCode.DATE_UNREADABLE, message) from None
