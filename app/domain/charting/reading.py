"""Reading a definition field by field, collecting every fault with its JSON pointer.

Definitions come from TOML files and from clients. A fault never repeats what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar, cast

Fault = tuple[str, str]
C = TypeVar("C", bound=str)

# C0 and C1 controls, DEL and lone surrogates: nothing that belongs in a name or a note.
_UNWANTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LARGEST_EXPONENT: Final = 12


def scaled(value: object, places: int) -> int | None:
    """The number times 10**places when that is a whole number, else None.

    Floats are read by their shortest decimal form, so 0.1 with two places is exactly 10.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = Decimal(repr(value))
    elif isinstance(value, int):
        return int(value) * int(10**places)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        return None
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * 10**places, denominator)
    return None if rest else whole


@lru_cache(maxsize=4096)
def number(value: int, places: int) -> int | float:
    """The inverse of `scaled`: a whole number as int, else the nearest float.

    The float's shortest form is the exact decimal again for anything a definition may hold.
    """
    base: int = 10**places
    return value // base if value % base == 0 else value / base


class Fields:
    """One object of a definition. Each reader returns a usable value even after a fault, so
    that one pass finds all of them; the caller raises when `faults` is not empty."""

    __slots__ = ("faults", "pointer", "readable", "values")

    def __init__(
        self, value: object, pointer: str, faults: list[Fault], known: frozenset[str]
    ) -> None:
        self.pointer = pointer
        self.faults = faults
        self.values: Mapping[str, object] = {}
        self.readable = isinstance(value, Mapping)
        if not isinstance(value, Mapping):
            self.fault(None, "must be an object")
            return
        self.values = value
        if any(key not in known for key in value):
            self.fault(None, "has an unknown field")

    def fault(self, key: str | None, detail: str) -> None:
        self.faults.append((self.pointer if key is None else f"{self.pointer}/{key}", detail))

    def _present(self, key: str) -> bool:
        if key in self.values:
            return True
        if self.readable:  # else the one fault already noted says it all
            self.fault(key, "is required")
        return False

    def text(
        self,
        key: str,
        *,
        longest: int = 200,
        pattern: re.Pattern[str] | None = None,
        optional: bool = False,
    ) -> str:
        """Trimmed text without control characters; optional text may be absent or empty."""
        if optional and self.values.get(key) in (None, ""):
            return ""
        if not self._present(key):
            return ""
        value = self.values[key]
        if not isinstance(value, str):
            self.fault(key, "must be text")
            return ""
        value = value.strip()
        if not 1 <= len(value) <= longest:
            self.fault(key, f"must have 1 to {longest} characters")
        elif _UNWANTED.search(value):
            self.fault(key, "must not hold control characters")
        elif pattern is not None and not pattern.fullmatch(value):
            self.fault(key, f"must have the form {pattern.pattern}")
        else:
            return value
        return ""

    def choice(self, key: str, options: Sequence[C]) -> C:
        if self._present(key):
            value = self.values[key]
            if isinstance(value, str) and value in options:
                return options[options.index(cast("C", value))]
            self.fault(key, "must be one of: " + ", ".join(options))
        return options[0]

    def whole(self, key: str, low: int, high: int) -> int:
        if self._present(key):
            value = self.values[key]
            if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
                return int(value)
            self.fault(key, f"must be a whole number from {low} to {high}")
        return low

    def decimal(self, key: str, places: int, *, above: int | None = None, high: int) -> int:
        """The number times 10**places; bounds are given likewise, from 0 where `above` is not."""
        if self._present(key):
            value = scaled(self.values[key], places)
            lowest = 0 if above is None else above + 1
            if value is not None and lowest <= value <= high:
                return value
            least = "above" if above is not None else "at least"
            self.fault(
                key,
                f"must be a number {least} {number(above or 0, places)} and at most "
                f"{number(high, places)} with no more than {places} decimals",
            )
        return high

    def children(
        self, key: str, known: frozenset[str], *, most: int, least: int = 0
    ) -> list[Fields]:
        """The objects of a list; a list that may be empty may also be absent."""
        if key not in self.values and least == 0:
            return []
        if not self._present(key):
            return []
        value = self.values[key]
        if not isinstance(value, list | tuple):
            self.fault(key, "must be a list")
            return []
        if not least <= len(value) <= most:
            self.fault(key, f"must have {least} to {most} entries")
            return []
        return [
            Fields(item, f"{self.pointer}/{key}/{index}", self.faults, known)
            for index, item in enumerate(value)
        ]

    def child(self, key: str, known: frozenset[str]) -> Fields:
        return Fields(self.values.get(key), f"{self.pointer}/{key}", self.faults, known)
