"""The types every request schema is built from: strict, bounded, and silent about values.

Messages come from `refuse` alone and are written here, so an answer can show them as they are;
texts of other libraries may quote what was sent and are never shown (see `problems`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, NoReturn
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.domain.errors import NotFound

FIRST_YEAR, LAST_YEAR = 1900, 2200
OWN_MESSAGE = "field"

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters that print as nothing or as a blank; a name made of them alone would look empty.
_BLANK = " \t\r\n\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
_EDGES = re.compile(f"^[{_BLANK}]+|[{_BLANK}]+$")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INT_TEXT = re.compile(r"-?[0-9]{1,18}")

# The same rule for readers of the OpenAPI document: no control characters, not blank.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff][^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"  # noqa: E501


def refuse(message: str) -> NoReturn:
    """Refuse a field with a message that may be shown. Never put the value into it."""
    raise PydanticCustomError(OWN_MESSAGE, "{message}", {"message": message})


class Rule:
    """One check and its JSON schema, to stand in `Annotated[...]`; what it returns is the value."""

    __slots__ = ("_schema", "check")

    def __init__(self, check: Callable[[object], object], schema: dict[str, Any]) -> None:
        self.check = check
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self._schema)


# --- texts ------------------------------------------------------------------------------------


def text(most: int = 200, *, lines: bool = False) -> Rule:
    """A trimmed text of 1 to `most` characters; with `lines`, newlines and tabs may stand in it."""
    forbidden = _CONTROL_BUT_LINES if lines else _CONTROL

    def check(value: object) -> str:
        if not isinstance(value, str):
            refuse("must be text")
        if forbidden.search(value):
            refuse("must not hold control characters")
        trimmed = _EDGES.sub("", value)
        if not 1 <= len(trimmed) <= most:
            refuse(f"must have 1 to {most} characters")
        return trimmed

    pattern = {} if lines else {"pattern": _ONE_LINE}
    return Rule(check, {"type": "string", "minLength": 1, "maxLength": most, **pattern})


def _code(value: object) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        refuse("must be 1 to 64 letters, digits, dots, dashes or underscores")
    return value


@cache
def _zones() -> frozenset[str]:
    # These two files stand among the zones but name no place.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _zone(value: object) -> str:
    if not isinstance(value, str) or value not in _zones():
        refuse("must be an IANA time zone, such as America/New_York")
    return value


_CODE_SCHEMA = {"type": "string", "pattern": f"^{_CODE.pattern}$"}

Text = Annotated[str, text(200)]
LongText = Annotated[str, text(2000, lines=True)]
Mrn = Annotated[str, text(200)]
Code = Annotated[str, Rule(_code, _CODE_SCHEMA)]
TimeZoneName = Annotated[str, Rule(_zone, {"type": "string", "maxLength": 64})]

# --- ids --------------------------------------------------------------------------------------


def _id(value: object) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        refuse("must be an id: a UUID of 36 characters")
    return value.lower()


def _path_id(value: object) -> str:
    # What can be no id names nothing: 404, as for any other id that is not there.
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise NotFound
    return value.lower()


def _path_code(value: object) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise NotFound
    return value


_UUID_SCHEMA = {"type": "string", "format": "uuid"}

Id = Annotated[str, Rule(_id, _UUID_SCHEMA)]
PathId = Annotated[str, Rule(_path_id, _UUID_SCHEMA)]
PathCode = Annotated[str, Rule(_path_code, _CODE_SCHEMA)]

# --- days and instants ------------------------------------------------------------------------


def parse_day(value: object) -> date:
    """The day a text names. Only `YYYY-MM-DD`, years 1900 to 2200; else the field is refused."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        refuse("must be a date written as YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        refuse("is not a day of the calendar")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        refuse(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def parse_instant(value: object) -> datetime:
    """The instant a text names, in UTC. RFC 3339 with an offset, years 1900 to 2200."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        refuse("must be a time with an offset, such as 2026-03-30T09:20:00-04:00")
    try:
        # fromisoformat keeps six digits of a fraction; the rest is below what is stored.
        local = datetime.fromisoformat(value.upper())
        instant = local.astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("is not a time of the calendar")
    if not (FIRST_YEAR <= local.year <= LAST_YEAR and FIRST_YEAR <= instant.year <= LAST_YEAR):
        refuse(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant


Day = Annotated[date, Rule(parse_day, {"type": "string", "format": "date"})]
Instant = Annotated[datetime, Rule(parse_instant, {"type": "string", "format": "date-time"})]

# --- numbers ----------------------------------------------------------------------------------


def to_hundredths(value: object) -> int:
    """A JSON number of units as exact hundredths: 2.5 is 250. More than 2 decimals is refused."""
    if type(value) is int:
        return value * 100
    if not isinstance(value, (float, Decimal)):
        refuse("must be a number")
    # The shortest text of a float is what its sender wrote, so 0.1 is ten hundredths exactly.
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        refuse("must be a number")
    if exact.adjusted() > 18:
        refuse("is too large")
    scaled = exact * 100
    hundredths = int(scaled)
    if scaled != hundredths:
        refuse("must have at most 2 decimals")
    return hundredths


def to_number(hundredths: int) -> int | float:
    """Hundredths as the JSON number people read: 15500 is 155, 250 is 2.5."""
    whole, rest = divmod(hundredths, 100)
    return hundredths / 100 if rest else whole


def units(most: int = 1000) -> Rule:
    """Units above 0 and up to `most`, as int hundredths."""

    def check(value: object) -> int:
        hundredths = to_hundredths(value)
        if not 0 < hundredths <= most * 100:
            refuse(f"must be above 0 and at most {most}")
        return hundredths

    return Rule(check, {"type": "number", "exclusiveMinimum": 0, "maximum": most})


def count(least: int, most: int) -> Rule:
    """A whole number from `least` to `most`; text, booleans and 5.0 are refused."""

    def check(value: object) -> int:
        if type(value) is not int:
            refuse("must be a whole number")
        if not least <= value <= most:
            refuse(f"must be {least} to {most}")
        return value

    return Rule(check, {"type": "integer", "minimum": least, "maximum": most})


Units = Annotated[int, units()]
UnitsShown = Annotated[int, PlainSerializer(to_number), WithJsonSchema({"type": "number"})]

# --- query strings: the same strictness, read from text ----------------------------------------


def query_count(least: int, most: int) -> Rule:
    """A whole number in digits, such as `limit=50`."""

    def check(value: object) -> int:
        if type(value) is int:
            number = value
        elif isinstance(value, str) and _INT_TEXT.fullmatch(value):
            number = int(value)
        else:
            refuse("must be a whole number")
        if not least <= number <= most:
            refuse(f"must be {least} to {most}")
        return number

    return Rule(check, {"type": "integer", "minimum": least, "maximum": most})


def _flag(value: object) -> bool:
    if value in ("true", "false"):
        return value == "true"
    if isinstance(value, bool):
        return value
    refuse("must be true or false")


QueryFlag = Annotated[bool, Rule(_flag, {"type": "boolean"})]


def comma_list(*allowed: str) -> Rule:
    """The words of `status=overdue,due` as a tuple; each one of `allowed`, if any are given.

    Stands on `tuple[str, ...]`. Repeated words count once.
    """
    known = frozenset(allowed)

    def check(value: object) -> tuple[str, ...]:
        given = value if isinstance(value, (list, tuple)) else [value]
        words: dict[str, None] = {}
        for part in given:
            if not isinstance(part, str):
                refuse("must be words separated by commas")
            words.update(dict.fromkeys(part.split(",")))
        if len(words) > 50 or not all(map(_CODE.fullmatch, words)):
            refuse("must be 1 to 50 words separated by commas")
        if known and not known.issuperset(words):
            refuse("must be some of: " + ", ".join(allowed))
        return tuple(words)

    word = f"({'|'.join(map(re.escape, allowed))})" if allowed else _CODE.pattern
    return Rule(check, {"type": "string", "pattern": f"^{word}(,{word})*$"})


# --- model bases ------------------------------------------------------------------------------


class Body(BaseModel):
    """Base of request bodies: unknown fields refused, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Base of query-string models: unknown parameters refused, text read by each field."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def path_number(least: int, most: int) -> Rule:
    """A whole number in a path; what is none names nothing, so it is 404."""

    def check(value: object) -> int:
        if not isinstance(value, str) or not _INT_TEXT.fullmatch(value):
            raise NotFound
        number = int(value)
        if not least <= number <= most:
            raise NotFound
        return number

    return Rule(check, {"type": "integer", "minimum": least, "maximum": most})
