"""Structured logs: one JSON object a line on stderr, holding only keys on a list.

A key that is not on the list is dropped and a long value is cut, so a careless call cannot put a
patient's data into a log. Messages of exceptions are never logged: they may quote values.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from app import clock

ALLOWED = frozenset(
    {
        "ts", "level", "event", "logger", "request_id", "method", "route", "status", "ms", "bytes",
        "practice_id", "key_id", "error", "cause", "frames", "version", "host", "port", "workers",
        "database", "count", "seal",
    }
)  # fmt: skip
LONGEST = 200
_MOST_FRAMES = 30

_Event = dict[str, Any]


def _cut(value: object) -> object:
    kind = type(value)
    if kind is str and len(value) <= LONGEST:  # type: ignore[arg-type]
        return value
    if value is None or kind in (int, float, bool):
        return value
    if isinstance(value, (list, tuple)):
        return [_cut(part) for part in value[:_MOST_FRAMES]]
    # Only plain scalars pass; the text of any other object is unknown, its type is not.
    text = value if isinstance(value, str) else type(value).__name__
    return text if len(text) <= LONGEST else text[:LONGEST]


def allow_list(event: _Event) -> _Event:
    """Return the event without the keys that are not in `ALLOWED`, its values cut to 200."""
    return {key: _cut(value) for key, value in event.items() if key in ALLOWED}


# Kept, because json.dumps with options builds a new encoder for every line.
_encode = json.JSONEncoder(default=lambda value: type(value).__name__).encode


def _write(level: str, event: _Event) -> None:
    """Write one line to whatever stderr is now: tests and supervisors replace it."""
    stamped = {"ts": clock.now().isoformat(timespec="milliseconds"), "level": level, **event}
    sys.stderr.write(_encode(allow_list(stamped)) + "\n")
    sys.stderr.flush()


def info(event: str, **facts: object) -> None:
    """Log that something happened."""
    _write("info", {"event": event, **facts})


def frames(trace: TracebackType | None) -> list[str]:
    """The places an exception went through, outermost first: file, line, function."""
    places: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        places.append(f"{'/'.join(path.parts[-2:])}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-_MOST_FRAMES:]


def failure(error: BaseException, *, request_id: str | None = None, **facts: object) -> None:
    """Log a fault by its type, its cause's type and its frames, without message or values."""
    cause = error.__cause__ or error.__context__
    said = {
        "event": "failure",
        "request_id": request_id,
        "error": type(error).__qualname__,
        "cause": type(cause).__qualname__ if cause else None,
        "frames": frames(error.__traceback__),
    }
    _write("error", said | facts)


class _Foreign(logging.Handler):
    """Records of other libraries in the same form. Their texts are kept unformatted unless all
    that goes into them is numbers, for an argument may be an address or a row."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            plain = isinstance(record.args, tuple) and all(
                isinstance(argument, (int, float)) for argument in record.args
            )
            event: _Event = {
                "event": record.getMessage() if plain else str(record.msg),
                "logger": record.name,
            }
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                event["error"] = type(error).__qualname__
                event["frames"] = frames(error.__traceback__)
            _write(record.levelname.lower(), event)
        except Exception:
            self.handleError(record)


def configure(level: str = "INFO") -> None:
    """Send every library's log through the same allow-list. Called once, when a server starts."""
    # A handler that fails must not print the record it failed on.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [_Foreign()]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
    # Alembic says at every look at the schema what dialect it speaks.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
