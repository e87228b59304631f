"""What a run measures with: the databases of each size, kept or made, and how much is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.db.maintenance import migrate
from benchmarks import sameness, seeding
from benchmarks.load import Sample, burst
from benchmarks.postgres import Server
from benchmarks.practice import Practice
from benchmarks.processes import Process
from benchmarks.report import Report

Asked = tuple[Process, list[bytes]]


@dataclass(slots=True)
class Stage:
    """The server, the folder, the sizes; `requests` are sent in one burst of a round.

    `warm` are sent to each server before the first round.
    """

    server: Server
    folder: Path
    sizes: list[int]
    rounds: int
    requests: int
    warm: int
    report: Report
    answers: tuple[Path, Path] = field(default=(Path(), Path()))

    @property
    def log(self) -> Path:
        return self.folder / "servers.log"

    def prepare(self) -> None:
        """Make sure that the floor does the same work, and that every size is there."""
        check = seeding.fill_postgres(self.server, "bench_check", 500)
        self.answers = sameness.check(self.server, check, "bench_check", self.folder)
        for size in self.sizes:
            self.postgres(size)

    def postgres(self, size: int) -> Practice:
        """The PostgreSQL database with so many patients."""
        name, about = f"bench_{size}", self.folder / f"bench_{size}.json"
        if about.exists() and self.server.has(name):
            kept = json.loads(about.read_text())
            # Kept under an older schema, it is made anew.
            if kept.pop("revision") == migrate.head():
                return Practice(**kept)
        practice = seeding.fill_postgres(self.server, name, size)
        about.write_text(json.dumps({"revision": migrate.head(), **practice.document()}))
        return practice

    def copy(self, size: int) -> Practice:
        """A copy of that database, to be written to."""
        practice = self.postgres(size)
        return replace(practice, url=self.server.clone(f"bench_{size}", "bench_written"))

    def sqlite(self, size: int) -> Practice:
        """The SQLite database with so many patients, made anew: it is written to."""
        return seeding.fill_sqlite(self.folder / f"bench_{size}.db", size)

    @property
    def many(self) -> int:
        """How many requests one server is sent in all."""
        return self.warm + self.rounds * self.requests

    @property
    def medium(self) -> int:
        """The size for lines that name none: 100,000, or the largest below."""
        return max([size for size in self.sizes if size <= 100_000] or [min(self.sizes)])

    def take_turns(
        self, asked: list[Asked], connections: int, *, expected: int = 200
    ) -> list[list[Sample]]:
        """Return the samples of each server, whose bursts took turns; requests are dealt out."""
        for server, requests in asked:
            burst(server, requests[: self.warm], connections, expected=expected)
        samples: list[list[Sample]] = [[] for _ in asked]
        for number in range(self.rounds):
            for (server, requests), found in zip(asked, samples, strict=True):
                size = (len(requests) - self.warm) // self.rounds
                first = self.warm + number * size
                part = requests[first : first + size]
                found.append(burst(server, part, connections, expected=expected))
        return samples
