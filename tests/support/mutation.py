"""Tries mutants of the rules against the tests of the rules: which faults would nobody notice?

    python -m tests.support.mutation [MODULE ...] [--jobs 2] [--seconds 480]

Every mutant has a process of its own, forked from one that has loaded all tests and knows which
of them run which line. It runs those, quickest first, and stops at the first that fails. A fault
that matters while modules are loaded is tried in a process that has not loaded them yet.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from hypothesis import is_hypothesis_test

from tests.support.mutants import ROOT, Mutant, modules_in, mutants_of, path_of

RULES, TESTS = "app/domain", "tests/domain"
LEAST_KILLED, LEAST_TRIED = 0.95, 300
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
# A mutant that takes more memory, or several times the processor time of its tests, is stopped.
MOST_MEMORY = 4 << 30
SURVIVED, KILLED, TOO_LATE = 0, 1, 2

Line = tuple[str, int]
Statuses = dict[str, int]


@dataclass
class Measured:
    """What a run of all tests without a mutant showed, by pytest's names of the tests."""

    lines: dict[str, set[Line]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    at_import: set[Line] = field(default_factory=set)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run its line, quickest first."""
        lines = {(mutant.path, line) for line in mutant.lines}
        names = [name for name, own in self.lines.items() if not own.isdisjoint(lines)]
        return sorted(names, key=lambda name: self.seconds[name])

    def tests_with(self, module: str) -> list[str]:
        """Return all tests of the files that name the module or run it, quickest first."""
        files = {_file_of(name) for name in self.lines}
        path = str(path_of(module))
        having = {file for file in files if module in (ROOT / file).read_text(encoding="utf-8")}
        having |= {_file_of(n) for n, own in self.lines.items() if any(f == path for f, _ in own)}
        names = [name for name in self.lines if _file_of(name) in having]
        return sorted(names, key=lambda name: self.seconds[name])


def _file_of(test: str) -> str:
    return test.partition("::")[0]


# --- forks ------------------------------------------------------------------------------------


class Forks:
    """Tries mutants in forks, a few at a time, until the time is over."""

    def __init__(self, jobs: int, until: float) -> None:
        self.jobs, self.until = jobs, until
        self.running: dict[int, Mutant] = {}
        self.statuses: Statuses = {}

    def start(self, mutant: Mutant, attempt: Callable[[], int], seconds: float) -> None:
        """Fork to call `attempt`; `seconds` is the most of a processor that it may take."""
        while len(self.running) >= self.jobs:
            self._wait()
        if time.monotonic() < self.until:
            self.running[_fork(attempt, seconds)] = mutant

    def finish(self) -> Statuses:
        """Return the status of every mutant that was tried."""
        while self.running:
            self._wait()
        return self.statuses

    def _wait(self) -> None:
        pid, status = os.wait()
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED
        self.statuses[self.running.pop(pid).name] = code


def _fork(attempt: Callable[[], int], seconds: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = KILLED  # also when the mutant cannot even be loaded
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
        signal.setitimer(signal.ITIMER_PROF, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        status = attempt()
    finally:
        os._exit(status)


def _pytest(tests: Iterable[str], plugin: object) -> int:
    """Run pytest in this process, quietly and the same way each time."""
    options = [
        *("-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no", "-x", "--assert=plain"),
        *(f"--confcutdir={ROOT / TESTS}", f"--rootdir={ROOT}"),
    ]
    return int(pytest.main([*options, *tests], plugins=[plugin]))


# --- faults put into loaded modules -----------------------------------------------------------


class Tracer:
    """Notes which lines of the rules run, once `sys.settrace` has it."""

    def __init__(self) -> None:
        self.folder = str(ROOT / RULES)
        self.seen: set[Line] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self.folder) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def take(self) -> set[Line]:
        """Return the lines since the last time."""
        seen, self.seen = self.seen, set()
        return seen


class Loaded:
    """A pytest plugin in place of the usual run: measures the tests, then tries mutants."""

    def __init__(self, mutants: Sequence[Mutant], forks: Forks) -> None:
        self.mutants, self.forks = mutants, forks
        self.tracer, self.measured = Tracer(), Measured()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # A fault is to be noticed by examples that someone can read, and the same ones each time.
        items[:] = [item for item in items if not is_hypothesis_test(getattr(item, "obj", None))]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        measured = self.measured
        measured.at_import = self.tracer.take()
        session.config.option.tbstyle = "native"  # nobody reads it; this one is made quickly
        for item in session.items:
            begun = time.process_time()
            _run([item])
            measured.seconds[item.nodeid] = time.process_time() - begun
            measured.lines[item.nodeid] = self.tracer.take()
        sys.settrace(None)
        if not session.testsfailed:
            self._try_all({item.nodeid: item for item in session.items})
        return True

    def _try_all(self, items: Mapping[str, pytest.Item]) -> None:
        functions: dict[str, list[FunctionType]] = defaultdict(list)
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                functions[each.__code__.co_filename].append(each)
        caches = [each for each in gc.get_objects() if isinstance(each, type(_of_own_cache))]
        gc.disable()
        gc.freeze()
        for mutant in self.mutants:
            if mutant.in_function:
                names = self.measured.tests_of(mutant)
                own, tests = functions[mutant.path], [items[name] for name in names]
                attempt = partial(_put_in_and_run, mutant, own, caches, tests)
                spent = sum(self.measured.seconds[name] for name in names)
                self.forks.start(mutant, attempt, 2 + 3 * spent)
        self.forks.finish()


@lru_cache
def _of_own_cache() -> None:
    """Gives the type that cached functions have."""


def _put_in_and_run(
    mutant: Mutant, functions: Iterable[FunctionType], caches: Iterable[Any], items: Any
) -> int:
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _inside(mutant.code())}
    for function in functions:
        old = function.__code__
        new = codes.get((old.co_qualname, old.co_firstlineno), old)
        if new.co_freevars != old.co_freevars:
            return TOO_LATE
        function.__code__ = new
    for each in caches:
        each.cache_clear()
    return _run(items)


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def _run(items: Sequence[pytest.Item]) -> int:
    """Run tests up to the first that fails."""
    for item, following in zip(items, [*items[1:], None], strict=False):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return KILLED
    return SURVIVED


def _try_loaded(mutants: Sequence[Mutant], forks: Forks, answer: Path) -> int:
    plugin = Loaded(mutants, forks)
    sys.settrace(plugin.tracer)
    status = _pytest([TESTS], plugin)
    answer.write_bytes(pickle.dumps((plugin.measured, forks.statuses)))
    return status


# --- faults that are there before anything is loaded -------------------------------------------


class Finder(MetaPathFinder):
    """Finds one module with its fault instead of the one on disk."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self.mutant.module:
            return None
        return spec_from_file_location(name, loader=_Loader(self.mutant))


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, mutant.path)
        self.mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return self.mutant.code()


class InOrder:
    """A pytest plugin that keeps only the tests named, in the order of their names."""

    def __init__(self, names: Sequence[str]) -> None:
        self.place = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(kept, key=lambda item: self.place[item.nodeid])


def _load_and_run(mutant: Mutant, names: Sequence[str]) -> int:
    sys.meta_path.insert(0, Finder(mutant))
    files = dict.fromkeys(_file_of(name) for name in names)
    return SURVIVED if _pytest(files, InOrder(names)) == 0 else KILLED


# --- the whole run ----------------------------------------------------------------------------


def equivalent() -> dict[str, str]:
    """Return the mutants that no test can kill, each with the reason why."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" -- ") for line in lines if line and not line.startswith("#")]
    return {name: reason for name, _, reason in pairs}


def try_all(mutants: Sequence[Mutant], jobs: int, seconds: float) -> Statuses:
    """Return the status of every mutant that was tried within the time, by its name."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        forks = Forks(jobs, begun + seconds * 0.7)
        os.waitpid(_fork(partial(_try_loaded, mutants, forks, answer), 10 * seconds), 0)
        measured, statuses = pickle.loads(answer.read_bytes())
    if not statuses:
        raise SystemExit("The tests fail without any mutant.")
    forks, tests_with = Forks(jobs, begun + seconds), cache(measured.tests_with)
    for mutant in mutants:
        loading = not measured.at_import.isdisjoint((mutant.path, n) for n in mutant.lines)
        status = statuses.get(mutant.name)
        if not mutant.in_function or status == TOO_LATE or (status == SURVIVED and loading):
            names = tests_with(mutant.module)
            spent = sum(measured.seconds[name] for name in names)
            forks.start(mutant, partial(_load_and_run, mutant, names), 10 + 3 * spent)
    return {**statuses, **forks.finish()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Which mutants of the rules survive the tests?")
    parser.add_argument("modules", nargs="*", default=modules_in(RULES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=480)
    asked = parser.parse_args()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and each takes time
    begun, known = time.monotonic(), equivalent()
    every = [mutant for module in asked.modules for mutant in mutants_of(module)]
    # In an order that follows from what they are: those of a run cut short are a fair sample.
    every.sort(key=lambda mutant: hashlib.sha256(mutant.name.encode()).digest())
    mutants = [mutant for mutant in every if mutant.name not in known]
    statuses = try_all(mutants, asked.jobs, asked.seconds)
    survivors = [mutant for mutant in mutants if statuses.get(mutant.name) == SURVIVED]
    for mutant in sorted(survivors, key=lambda each: (each.path, each.lines.start)):
        print(f"SURVIVED line {mutant.lines.start}: {mutant.name}")
    tried, killed = len(statuses), len(statuses) - len(survivors)
    print(
        f"{tried} of {len(mutants)} mutants tried, {killed} killed, {killed / tried:.1%}; "
        f"{len(every) - len(mutants)} equivalent; {time.monotonic() - begun:.0f} s"
    )
    enough = tried >= min(LEAST_TRIED, len(mutants)) and killed >= LEAST_KILLED * tried
    untouched = {each.module for each in mutants} - {
        each.module for each in mutants if each.name in statuses
    }
    if asked.modules == modules_in(RULES) and (gone := known.keys() - {m.name for m in every}):
        print(*sorted(gone), sep="\n")
    return 0 if enough and not untouched else 1


if __name__ == "__main__":
    sys.exit(main())
