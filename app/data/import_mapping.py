"""The column mapping that ships with the program."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from app.domain.imports.import_mapping import EMPTY, HistoryMapping, changed


@cache
def builtin_mapping() -> HistoryMapping:
    """Return the mapping that ships, which fits a usual clinic's sheet."""
    shipped = files("app.data") / "imports" / "clinic-history.toml"
    return changed(EMPTY, shipped.read_text(encoding="utf-8"))


def read_mapping(text: str) -> HistoryMapping:
    """Return the shipped mapping with what a clinic's TOML file changes; `Invalid` as `changed`."""
    return changed(builtin_mapping(), text)
