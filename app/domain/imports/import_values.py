"""Reading what people type into a spreadsheet: texts, days, units.

Nothing here repeats what it read: an `Unreadable` says which kind of problem it is, no more.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from app.domain.charting.protocol_sums import MOST_HUNDREDTHS
from app.domain.charting.reading import number
from app.domain.csv_safety import unmarked
from app.domain.dates import FIRST_DAY, LAST_DAY

LONGEST: Final = 200

# Blanks that stand around a cell's text without being seen, no-break spaces among them.
_BLANK: Final = (
    " \t\r\n\x0b\x0c\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
_UNWANTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_US: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_MONTH_FIRST: Final = re.compile(r"([a-z]{3,9})\.? ([0-9]{1,2}),? ([0-9]{4})")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[ -]([a-z]{3,9})\.?,?[ -]([0-9]{4})")
_UNITS: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:u|unit|units)?")

_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH: Final = (
    {name: place for place, name in enumerate(_MONTHS, 1)}
    | {name[:3]: place for place, name in enumerate(_MONTHS, 1)}
    | {"sept": 9}
)


class Unreadable(ValueError):
    """The text is not what its column should hold; the message says why, without the text."""


def trimmed(text: str) -> str:
    """Return the text without the blanks around it, and without marks that say it is text."""
    return unmarked(text.strip(_BLANK)).strip(_BLANK)


def words(text: str) -> str:
    """Return the text trimmed, with single spaces between its words."""
    return " ".join(trimmed(text).split())


def same_words(text: str) -> str:
    """Return the form in which names are compared: without regard to case and spaces."""
    return unicodedata.normalize("NFC", words(text)).casefold()


def checked(text: str) -> str:
    """Return the text if it can be stored in a field of one line."""
    # The form it is compared in may be longer (one letter folds to up to three) and is stored too.
    if len(text) > LONGEST or len(text.casefold()) > 2 * LONGEST:
        raise Unreadable(f"has more than {LONGEST} characters")
    if _UNWANTED.search(text):
        raise Unreadable("has control characters")
    return text


@lru_cache(maxsize=65_536)
def day(text: str) -> date:
    """Return the day that `6/17/2025` (month first), `2025-06-17` or `Jun 17, 2025` names.

    Years have four digits and lie between 1900 and 2200: a guess at the century would be one
    at a patient's age.
    """
    text = words(text).lower()
    if not text:
        raise Unreadable("is empty")
    try:
        return _in_calendar(*_parts(text))
    except ValueError as error:
        raise Unreadable(str(error) if isinstance(error, Unreadable) else "no such date") from None


def _parts(text: str) -> tuple[int, int, int]:
    """Return (year, month, day) as written."""
    if match := _US.fullmatch(text):
        return int(match[3]), int(match[1]), int(match[2])
    if match := _ISO.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if (match := _MONTH_FIRST.fullmatch(text)) and match[1] in _MONTH:
        return int(match[3]), _MONTH[match[1]], int(match[2])
    if (match := _DAY_FIRST.fullmatch(text)) and match[2] in _MONTH:
        return int(match[3]), _MONTH[match[2]], int(match[1])
    raise Unreadable("cannot be read: write 6/17/2025, 2025-06-17 or Jun 17, 2025")


def _in_calendar(year: int, month: int, number_of_day: int) -> date:
    read = date(year, month, number_of_day)
    if not FIRST_DAY <= read <= LAST_DAY:
        raise Unreadable(f"lies outside the years {FIRST_DAY.year} to {LAST_DAY.year}")
    return read


@lru_cache(maxsize=4_096)
def units(text: str) -> int:
    """Return the hundredths of a unit that `155`, `155.5`, `155u` or `155 units` names."""
    text = words(text).lower()
    if not text:
        raise Unreadable("is empty")
    match = _UNITS.fullmatch(text)
    if match is None:
        raise Unreadable("cannot be read: write 155 or 155.5")
    exact = Decimal(match[1]) * 100
    hundredths = int(exact)
    if hundredths != exact:
        raise Unreadable("has more than 2 decimals")
    if hundredths <= 0:
        raise Unreadable("must be above 0")
    if hundredths > MOST_HUNDREDTHS:
        raise Unreadable(f"is more than {number(MOST_HUNDREDTHS, 2)} units in one session")
    return hundredths
