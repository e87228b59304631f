"""The demo practice as data: an invented clinic and the stories of its patients."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to one patient; days are counted from the day the practice is made."""

    sessions: int = 0
    last: int = 0
    chart: str = "protocol"
    paper: int = 0
    outside: int = 0
    partial: str | None = None
    early: int = 0
    book: int | None = None
    made: int = 9
    at: int | None = None
    confirmed: bool = False
    override: str | None = None
    missed: int | None = None
    given_up: int | None = None
    withdrawn: int | None = None
    slot: int = 0
    registered: int | None = None
    planned: int | None = None
    hold: dict[str, Any] | None = None
    closed: int | None = None
    outcome: str = "completed"
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPractice:
    """The clinic: places and people by number in their lists, one name for each story."""

    name: str
    time_zone: str
    elsewhere: str
    locations: list[dict[str, str]]
    practitioners: list[str]
    closures: list[dict[str, Any]]
    family_names: list[str]
    given_names: list[str]
    stories: list[Story]


@cache
def demo_practice() -> DemoPractice:
    """Return the demo practice; an unknown key in the file raises `TypeError`."""
    read = tomllib.loads((files("app.data") / "demo.toml").read_text(encoding="utf-8"))
    stories = [Story(**story) for story in read.pop("stories")]
    return DemoPractice(stories=stories, **read)
