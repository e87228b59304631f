"""Facts that ship with the program, checked when they are first read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from app.domain.charting.protocol import Protocol, from_definition


@cache
def builtin_protocols() -> tuple[Protocol, ...]:
    """Return every built-in version, by code and version; a file that does not add up raises
    `InvalidProtocol`."""
    folder = files(__name__) / "protocols"
    texts = [
        entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    ]
    versions = [from_definition(tomllib.loads(text)) for text in texts]
    return tuple(sorted(versions, key=lambda version: (version.code, version.version)))
