"""The lines about SQLite: a crowd of writers, and the import of a spreadsheet."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from app import clock
from benchmarks import processes
from benchmarks.lines_http import writes
from benchmarks.report import Detail, Line
from benchmarks.stage import Stage

_SESSIONS = 6
_HEADINGS = (
    "MRN", "Last name", "First name", "DOB", "Sex", "Phone", "Injector", "Site", "Dx", "Payer",
    "Treated on", "Units", "Lot", "HA days (28d)", "Notes",
)  # fmt: skip


def writers(stage: Stage) -> None:
    """32 connections that record sessions, all at once."""
    practice = stage.sqlite(stage.medium)
    many = stage.many
    with processes.twelveweeks(practice.url, stage.log) as server:
        asked = [(server, writes(practice, many, 0, 1))]
        (samples,) = stage.take_turns(asked, 32, expected=201)
    errors = [float(s.errors) for s in samples]
    values = [s.percentile(99) / s.percentile(50) for s in samples]
    lines = stage.report.lines
    lines.append(Line("SQLite, 32 writers: errors in a round", errors, unit="errors", limit=0.0))
    lines.append(Line("SQLite, 32 writers: p99 / p50", values, limit=4.0))
    stage.report.details.append(Detail("(a) session write on SQLite", 32, samples))


def imports(stage: Stage, rows: int) -> None:
    """`twelveweeks import history` as a whole, start-up and commit included."""
    sheet = stage.folder / "history.csv"
    _sheet(sheet, rows // _SESSIONS)
    rates = []
    for _ in range(min(stage.rounds, 3)):
        file = stage.folder / "import.db"
        for old in stage.folder.glob("import.db*"):
            old.unlink()
        url = f"sqlite:///{file}"
        _command(url, "db", "upgrade")
        place = ("--name", "Import", "--time-zone", "America/New_York")
        practice = _command(url, "practice", "create", *place)["id"]
        began = perf_counter()
        report = _command(url, "import", "history", str(sheet), "--practice", practice)
        seconds = perf_counter() - began
        if report["accepted"] != rows // _SESSIONS * _SESSIONS:
            stage.report.left_out.append("import, because not every row of the sheet was taken")
            return
        rates.append(report["accepted"] / seconds)
    what = f"import of {rows:,} rows on SQLite"
    stage.report.lines.append(Line(what, rates, "rows/s", 2_000.0, at_least=True))


def _sheet(file: Path, patients: int) -> None:
    """A clinic's sheet as people write it: two ways of dates, places, people, notes."""
    chance, today = random.Random(12), clock.now().date()
    with file.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(_HEADINGS)
        for number in range(patients):
            born = date(1950 + number % 50, 1 + number % 12, 1 + number % 28)
            day = today - timedelta(600 + chance.randrange(100))
            for _ in range(_SESSIONS):
                written = day.isoformat() if number % 3 else f"{day.month}/{day.day}/{day.year}"
                out.writerow(
                    (f"S{number:06d}", f"Family{number % 800}", f"Given{number}", born.isoformat(),
                     "F", f"555-{number % 1000:03d}-0101", f"Dr. {number % 6}",
                     f"Site {number % 3}", "G43.709", "Payer A", written, "155",
                     f"C{number % 40:04d}", chance.randrange(28), "")
                )  # fmt: skip
                day += timedelta(84 + chance.randrange(10))


def _command(url: str, *arguments: str) -> Any:
    program = Path(sys.executable).with_name("twelveweeks")
    done = subprocess.run(
        [program, *arguments, "--json"],
        env={**os.environ, "TWELVEWEEKS_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"twelveweeks {arguments[0]}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)
