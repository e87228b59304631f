"""What was measured, as a table for the terminal and as `RESULTS.md`."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.load import Sample

RESULTS = Path(__file__).with_name("RESULTS.md")
_NOTES = "## Notes"


@dataclass(slots=True)
class Line:
    """One promise: the values of all rounds, and the limit that their median must keep."""

    what: str
    values: list[float]
    unit: str = "x"
    limit: float | None = None
    at_least: bool = False

    @property
    def reached(self) -> bool:
        if self.limit is None:
            return True
        middle = median(self.values)
        return middle >= self.limit if self.at_least else middle <= self.limit

    @property
    def target(self) -> str:
        if self.limit is None:
            return ""
        return f"{'>=' if self.at_least else '<='} {_number(self.limit)} {self.unit}"

    def cells(self) -> list[str]:
        values = [min(self.values), median(self.values), max(self.values)]
        verdict = "" if self.limit is None else "yes" if self.reached else "NO"
        return [self.what, self.target, *map(_number, values), self.unit, verdict]


@dataclass(slots=True)
class Detail:
    """Bursts against one server: what the ratios were made of."""

    what: str
    connections: int
    samples: list[Sample]

    def cells(self) -> list[str]:
        def middle(values: list[float]) -> str:
            return _number(median(values))

        s = self.samples
        return [
            self.what,
            str(self.connections),
            f"{sum(x.requests for x in s):,}",
            str(sum(x.errors for x in s)),
            middle([x.per_second for x in s]),
            middle([x.percentile(50) * 1e3 for x in s]),
            middle([x.percentile(99) * 1e3 for x in s]),
            middle([x.cpu_per_request * 1e6 for x in s]),
        ]


@dataclass(slots=True)
class Report:
    """All lines of a run; `left_out` says which were not measured and why."""

    versions: dict[str, str]
    lines: list[Line] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def text(self) -> str:
        heads = ["what", "target", "min", "median", "max", "unit", "reached"]
        more = ["requests", "connections", "sent", "errors", "a second", "p50 ms", "p99 ms",
                "CPU us"]  # fmt: skip
        parts = [_table(heads, [line.cells() for line in self.lines])]
        if self.details:
            parts.append(_table(more, [detail.cells() for detail in self.details]))
        parts += [f"Not measured: {reason}." for reason in self.left_out]
        return "\n\n".join(parts)

    def save(self, stamp: str, file: Path = RESULTS) -> None:
        """Write the results; a section `## Notes` at the end is kept as it is."""
        kept = ""
        if file.exists():
            _, mark, notes = file.read_text(encoding="utf-8").partition(f"\n{_NOTES}\n")
            kept = mark + notes
        versions = "".join(f"- {name}: {value}\n" for name, value in self.versions.items())
        head = (
            "# Results of `make bench`\n\n"
            f"Measured {stamp}, every line in this one run. Rounds of the servers compared take "
            "turns;\na ratio is made within a round, and the median of the rounds is what is "
            "judged.\n\n"
            "(a) is Twelveweeks as `twelveweeks serve` runs it, (e) the same endpoints written by "
            "hand on\nFastAPI and asyncpg, (f) FastAPI without a database.\n\n"
        )
        file.write_text(f"{head}{versions}\n{self.text()}\n{kept}", encoding="utf-8")


def machine() -> dict[str, str]:
    """What this ran on."""
    model = platform.processor()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [x for x in about.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return {
        "Machine": f"{os.cpu_count()} cores, {model or platform.machine()}, {platform.system()}; "
        f"load at the start {load}",
        "Python": platform.python_version(),
    }


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]

    def shown(cells: list[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([shown(heads), shown(["-" * width for width in widths]), *map(shown, rows)])
