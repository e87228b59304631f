"""The column mapping of a spreadsheet import: which columns hold what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain.errors import Invalid
from app.domain.imports.import_values import same_words
from app.domain.imports.importing import FIELDS
from app.domain.patients.patients import Sex

_KEYS: Final = ("protocol", "left_out", "columns", "sexes")


@dataclass(frozen=True, slots=True)
class HistoryMapping:
    """Which columns hold what. Headings are lists in order of preference, as people write them;
    `sexes` and `left_out` are in the form that `same_words` gives."""

    protocol: str
    columns: Mapping[str, tuple[str, ...]]
    sexes: Mapping[str, Sex]
    left_out: frozenset[str]


EMPTY: Final = HistoryMapping("", {}, {}, frozenset())


def changed(base: HistoryMapping, text: str) -> HistoryMapping:
    """Return a mapping with what a TOML file changes.

    `Invalid` names the key that is not known or does not hold what it should.
    """
    try:
        said = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line ([0-9]+)", str(error))
        where = f" (line {place[1]})" if place else ""
        raise Invalid(("/mapping", f"is not TOML{where}")) from None
    _only("/mapping", said, _KEYS)
    mapping = base
    if "protocol" in said:
        mapping = replace(mapping, protocol=_text("/mapping/protocol", said["protocol"]))
    if "left_out" in said:
        headings = _texts("/mapping/left_out", said["left_out"])
        mapping = replace(mapping, left_out=frozenset(map(same_words, headings)))
    if "columns" in said:
        own = _table("/mapping/columns", said["columns"])
        _only("/mapping/columns", own, FIELDS)
        read = {field: _texts(f"/mapping/columns/{field}", own[field]) for field in own}
        mapping = replace(mapping, columns={**mapping.columns, **read})
    if "sexes" in said:
        table = _table("/mapping/sexes", said["sexes"])
        if any(meaning not in tuple(Sex) for meaning in table.values()):
            raise Invalid(("/mapping/sexes", f"each word must mean one of {', '.join(Sex)}"))
        meanings = {same_words(word): Sex(meaning) for word, meaning in table.items()}
        mapping = replace(mapping, sexes={**mapping.sexes, **meanings})
    return mapping


def _only(pointer: str, said: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if any(key not in known for key in said):
        raise Invalid((pointer, f"has an unknown key; the known ones are {', '.join(known)}"))


def _table(pointer: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Invalid((pointer, "must be a table"))
    return value


def _text(pointer: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid((pointer, "must be text"))
    return value.strip()


def _texts(pointer: str, value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(_text(pointer, entry) for entry in listed)
