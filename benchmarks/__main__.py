"""`python -m benchmarks`: seed, measure, print the table, write `RESULTS.md`."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from app import clock
from app.db.engine import sqlite
from benchmarks import (
    lines_alone,
    lines_encryption,
    lines_http,
    lines_sqlite,
    lines_storage,
    lines_trust,
    postgres,
    report,
)
from benchmarks.report import Report
from benchmarks.seeding import tell
from benchmarks.stage import Stage
from tests.support.postgres import temporary_folder

_SIZES = "10000,100000,1000000"


def main() -> None:
    """Run what the arguments ask for."""
    asked = _arguments()
    folder = asked.keep or temporary_folder("twelveweeks-bench-")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    # Commands encrypt what they make, with a key of this run.
    os.environ["TWELVEWEEKS_KEY_FILE"] = str(folder / "master.key")
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run is at work in {folder}")
        _measure(asked, folder)


def _measure(asked: argparse.Namespace, folder: Path) -> None:
    found = Report(report.machine())
    server = postgres.server(folder / "pg")
    found.versions["PostgreSQL"] = f"{server.version()}, fsync and synchronous_commit on"
    found.versions["SQLite"] = sqlite.driver().sqlite_version
    found.versions["Sizes"] = ", ".join(f"{size:,}" for size in asked.patients) + " patients"
    warm = 20 if asked.quick else 300
    stage = Stage(server, folder, asked.patients, asked.rounds, asked.requests, warm, found)
    try:
        stage.prepare()
        for name, measure in _steps(stage, quick=asked.quick).items():
            if not asked.only or name in asked.only:
                tell(f"{name} ...")
                measure()
    finally:
        server.stop()
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(found.text())
    if not asked.quick and not asked.only:
        found.save(f"{clock.now():%Y-%m-%d %H:%M} UTC")


def _steps(stage: Stage, *, quick: bool) -> dict[str, Callable[[], None]]:
    def less(full: int, short: int) -> int:
        return short if quick else full

    return {
        "worklist": lambda: lines_http.worklist_against_floors(stage),
        "session": lambda: lines_http.session_against_floors(stage),
        "size": lambda: lines_http.by_size(stage),
        "depth": lambda: lines_http.by_depth(stage),
        "crowd": lambda: lines_http.in_a_crowd(stage),
        "writers": lambda: lines_sqlite.writers(stage),
        "encryption": lambda: lines_encryption.encrypted(stage),
        "import": lambda: lines_sqlite.imports(stage, less(20_000, 600)),
        "space": lambda: lines_storage.bytes_a_session(stage, less(5_000, 300)),
        "engine": lambda: lines_alone.engine(stage, less(200_000, 10_000)),
        "row security": lambda: lines_trust.row_security(stage, less(300, 20)),
        "key": lambda: lines_trust.key_check(stage, less(2_000, 50)),
        "memory": lambda: lines_alone.memory(stage, less(10_000, 400)),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--patients", default=_SIZES, help=f"sizes to seed (default {_SIZES})")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=700, help="requests in one burst")
    parser.add_argument("--keep", type=Path, help="a folder whose databases are used again")
    parser.add_argument("--only", nargs="*", help="measure these lines only, and save nothing")
    parser.add_argument("--quick", action="store_true", help="try everything out, save nothing")
    asked = parser.parse_args()
    if asked.quick:
        asked.patients, asked.rounds, asked.requests = "300,600", 2, 40
    asked.patients = sorted(int(size) for size in asked.patients.split(","))
    return asked


if __name__ == "__main__":
    main()
