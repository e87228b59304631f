"""How far one session write travels inside the application: calls, and moves between files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from app.db.engine.engine import Database
from tests.support.clinic import a_clinic

APP = Path(__file__).resolve().parents[3] / "app"
MOST_CALLS, MOST_MOVES = 200, 100
# The line in the log and the measure of a request are made when its answer is out.
_AFTERWARDS = (str(APP / "edge" / "observability"), str(APP / "clock.py"))


@contextmanager
def _entered() -> Iterator[list[tuple[str, str]]]:
    """Collect (file, function) of every function of ours that is entered while this is cleared.

    Only threads that start within the block are looked at.
    """
    found: list[tuple[str, str]] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # Comprehensions are part of the function they stand in, as in newer Pythons.
        if event == "call" and not code.co_name.startswith("<"):
            file = code.co_filename
            if file.startswith(f"{APP}/") and not file.startswith(_AFTERWARDS):
                found.append((file, code.co_name))

    threading.setprofile(look)
    try:
        yield found
    finally:
        threading.setprofile(None)


def test_a_session_write_stays_within_its_calls_and_moves(sqlite: Database) -> None:
    """One POST of a given session with the protocol's 31 injections, to a course with one before.

    A call is a function of `app/` that is entered (a coroutine again after each wait); a move
    is one after the other in another file. Counted by `sys.setprofile` in every thread that
    serves the request. Statements are compiled and the caller is known by then.
    """
    with _entered() as entered, a_clinic(sqlite) as clinic:
        course_id = clinic.a_course("2025-12-30")["id"]
        body = {"status": "given", "given_on": "2026-03-19", "chart": {"plan": "as_protocol"}}
        entered.clear()
        made = clinic.post(f"/courses/{course_id}/sessions", body)
        calls = list(entered)
    assert len(made["injections"]) == 31
    moves = sum(one[0] != other[0] for one, other in pairwise(calls))
    files = len({file for file, _ in calls})
    told = f"{len(calls)} calls, {moves} moves between {files} files"
    assert len(calls) <= MOST_CALLS, told
    assert moves <= MOST_MOVES, told
