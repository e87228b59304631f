"""The SQL texts that tests have the program send, each proved to stay within one practice.

Every test proves what it was the first to send; see the fixture in `tests/conftest.py`. A text that
the owner's scope sends counts when the program built it, not when a test or a migration did.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import alembic
from sqlalchemy.sql.compiler import SQLCompiler

from app.db.base import PracticeKey
from app.db.engine import guard
from app.db.engine.scope import DIRECTORY, OWNER, Scope
from tests.support.confinement import Text, faults

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM, _ENGINE = f"{_ROOT / 'app'}/", f"{_ROOT / 'app' / 'db' / 'engine'}/"
_OTHERS = (f"{_ROOT / 'tests'}/", f"{_ROOT / 'benchmarks'}/", f"{Path(alembic.__file__).parent}/")

_texts: WeakKeyDictionary[guard.Reach, Text] = WeakKeyDictionary()
_seen: set[Text] = set()
_new: list[Text] = []


def collect() -> None:
    """Collect from now on what passes the guard, in this process."""
    look, check = guard.reach_of, guard.check

    def reach_of(compiled: SQLCompiler) -> guard.Reach:
        reach = look(compiled)
        _texts[reach] = text_of(compiled)
        return reach

    def checked(reach: guard.Reach, sent: Iterable[Mapping[str, Any]], scope: Scope | None) -> None:
        check(reach, sent, scope)
        text = _texts[reach]
        if reach.tables and text not in _seen and _counts(reach, scope):
            _seen.add(text)
            _new.append(text)

    guard.reach_of, guard.check = reach_of, checked


def text_of(compiled: SQLCompiler) -> Text:
    """Return the text of a compiled statement."""
    practices = {
        name for bind, name in compiled.bind_names.items() if isinstance(bind.type, PracticeKey)
    }
    places = tuple(compiled.positiontup or ()) if compiled.positional else ()
    return Text(compiled.dialect.name, compiled.string, places, frozenset(practices))


def taken() -> list[Text]:
    """Return the texts that wait for their proof, and forget that they were sent."""
    waiting = _new[:]
    _new.clear()
    _seen.difference_update(waiting)
    return waiting


def unproved() -> list[str]:
    """Prove the texts that are new; what cannot be proved, and why."""
    waiting = _new[:]
    _new.clear()
    return [
        f"{'; '.join(found)}\n  {text.dialect}: {' '.join(text.sql.split())}"
        for text in waiting
        if (found := faults(text))
    ]


def _counts(reach: guard.Reach, scope: Scope | None) -> bool:
    if scope in (OWNER, DIRECTORY) and reach.lists_practices:
        return False
    return scope is not OWNER or _built_by_program()


def _built_by_program() -> bool:
    """Whether the nearest caller outside the engine is the program."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PROGRAM) and not file.startswith(_ENGINE):
            return True
        if file.startswith(_OTHERS) and file != __file__:
            return False
        frame = frame.f_back
    return False
