"""How answers and messages are printed: the answer to stdout, all else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python


def emit(data: Any, as_json: bool, human: Callable[[], None]) -> None:
    """Print the answer: one JSON document, or what `human` prints."""
    if as_json:
        # ASCII only: whatever the terminal's or the pipe's encoding, it stays one document.
        print(json.dumps(to_jsonable_python(data), indent=2), flush=True)  # noqa: T201
    else:
        human()


def say(text: str) -> None:
    """Print an answer's line to stdout, with what the terminal cannot show spelled out."""
    _line(text, sys.stdout)


def tell(text: str) -> None:
    """Print a message, which is not the answer, to stderr."""
    _line(text, sys.stderr)


def _line(text: str, stream: Any) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their heads, each column as wide as it needs to be."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(heads), *shown]) for i in range(len(heads))]
    for row in [list(heads), *shown]:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return "" if value is None else str(value)
