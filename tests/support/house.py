"""What the house forbids and no import contract can see: checks of one source file each.

Each check returns what is wrong, as `line: what`; an empty list is a kept rule.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

# What reads the wall clock. Stop watches (time.monotonic, time.perf_counter) are not clocks.
CLOCK = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.asctime",
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "time.ctime",
    "time.gmtime",
    "time.localtime",
    "time.strftime",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid6",
    "uuid.uuid7",
}
# The same where it cannot be told what stands before: `self.datetime.now()`.
CLOCK_CALLS = {".".join(name.split(".")[-2:]) for name in CLOCK}

ENVIRONMENT = {
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.getenvb",
    "os.path.expandvars",
    "os.putenv",
    "os.unsetenv",
}
IMPORTERS = {"__import__", "importlib.__import__", "importlib.import_module"}


class Source(NamedTuple):
    """A file by its path from the root, and what it says."""

    name: str
    tree: ast.Module


@cache
def read(path: Path) -> Source:
    return parse(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Source:
    return Source(name, ast.parse(text, name))


def files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


@cache
def imports(tree: ast.Module) -> tuple[tuple[int, str], ...]:
    """Every module named by an import, and `package.name` for each name taken from one."""
    return tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


@cache
def names(tree: ast.Module) -> tuple[tuple[int, str], ...]:
    """Every dotted name that is used, by where it comes from.

    After `from datetime import datetime as d`, `d.now` is `datetime.datetime.now`.
    """
    return (*imports(tree), *_names(tree))


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    origins = _origins(tree)
    for node in ast.walk(tree):
        dotted = _dotted(node, origins)
        if dotted:
            yield getattr(node, "lineno", 0), dotted


def _origins(tree: ast.Module) -> dict[str, str]:
    """What each name of a module stands for: imported, or another such name given a new one."""
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                origins[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            dotted = _dotted(node.value, origins)
            if dotted:
                origins.setdefault(node.targets[0].id, dotted)
    return origins


def _dotted(node: ast.AST, origins: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id if node.id in IMPORTERS else None)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, origins)
        return f"{before}.{node.attr}" if before else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        match node.func.id, node.args:
            case "getattr", [of, ast.Constant(value=str() as name), *_]:
                before = _dotted(of, origins)
                return f"{before}.{name}" if before else None
    return None


def _last(node: ast.expr) -> str | None:
    """The name that stands just before the last dot."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _used(source: Source, forbidden: set[str]) -> list[str]:
    found = {
        f"{line}: {name}"
        for line, name in names(source.tree)
        if any(name == one or name.startswith(f"{one}.") for one in forbidden)
    }
    return sorted(found)


def clock_is_read(source: Source) -> list[str]:
    """The time is read by app.clock only."""
    if source.name == "app/clock.py":
        return []
    called = [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        if f"{_last(node.value)}.{node.attr}" in CLOCK_CALLS
    ]
    return called + _used(source, CLOCK)


def environment_is_read(source: Source) -> list[str]:
    """The environment is read by app.settings only."""
    return [] if source.name == "app/settings.py" else _used(source, ENVIRONMENT)


# A driver that may be missing; modules loaded late, which their users import for the checker of
# types as well; commands of this very package, loaded when they are called.
_IMPORTS_BY_HAND = ("app/db/engine/sqlite.py", "app/lazy.py", "app/cli/__init__.py")


def imported_by_hand(source: Source) -> list[str]:
    """Contracts see import statements only; each exception imports nothing that they do not see."""
    if source.name in _IMPORTS_BY_HAND:
        return []
    relative = [f"{line}: {name}" for line, name in imports(source.tree) if name.startswith(".")]
    known = {name for _, name in imports(source.tree)}
    unseen = [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "LazyModule"
        and ast.literal_eval(node.args[0]) not in known
    ]
    return relative + unseen + _used(source, IMPORTERS)


def transaction_is_ended(source: Source) -> list[str]:
    """Who opens a unit of work ends it: what runs inside neither commits nor rolls back."""
    if source.name.startswith("app/db/engine/"):
        return []
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback")
    ]


def rules_need_a_library(source: Source) -> list[str]:
    """The rules import the standard library and each other."""
    if not source.name.startswith("app/domain/"):
        return []
    return [
        f"{line}: {name}"
        for line, name in imports(source.tree)
        if name.partition(".")[0] not in sys.stdlib_module_names
        if not f"{name}.".startswith("app.domain.")
    ]


def migration_needs_the_application(source: Source) -> list[str]:
    """A migration must not change when the code does."""
    if not source.name.startswith("migrations/versions/"):
        return []
    return [
        f"{line}: {name}"
        for line, name in imports(source.tree)
        if name.startswith(".") or name.partition(".")[0] in ("app", "migrations", "tests")
    ]


def imports_a_test(source: Source) -> list[str]:
    """What tests share lies in tests/support; no test and no conftest is imported."""
    return [
        f"{line}: {name}"
        for line, name in imports(source.tree)
        if name.startswith((".", "tests.", "conftest", "test_")) or name == "tests"
        if not f"{name}.".startswith("tests.support.")
    ]
