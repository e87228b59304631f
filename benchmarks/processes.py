"""Servers under test: each in a process of its own, with its CPU time and memory read from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A server process; `url` is where it listens."""

    def __init__(self, name: str, command: list[str], log: Path, **environment: str) -> None:
        self.name = name
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        said = ""
        assert self._process.stdout
        for line in self._process.stdout:
            said += line
            if line.rstrip().endswith("}"):
                break
        else:
            raise RuntimeError(f"{name} does not start, see {log}")
        self.port = int(json.loads(said)["url"].rpartition(":")[2])

    def cpu(self) -> float:
        """CPU seconds used so far by all threads, the ended ones too."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def memory(self) -> float:
        """Resident memory in MB."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process does not tell its memory")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._log.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def twelveweeks(url: str, log: Path) -> Process:
    """(a): the service as `twelveweeks serve` runs it."""
    command = [str(Path(sys.executable).with_name("twelveweeks")), "serve", "--json"]
    settings = {
        "TWELVEWEEKS_DATABASE_URL": url,
        "TWELVEWEEKS_PORT": "0",
        # Never reached, but counted, as they are where the service runs.
        "TWELVEWEEKS_RATE_PER_KEY": "1000000000",
        "TWELVEWEEKS_RATE_PER_ADDRESS": "1000000000",
    }
    return Process("twelveweeks", command, log, **settings)


def floor_raw(url: str, log: Path) -> Process:
    """(e): hand-written on FastAPI and asyncpg."""
    return Process("raw", [sys.executable, "-m", "benchmarks.floor_raw", url], log)


def floor_empty(worklist: Path, session: Path, log: Path) -> Process:
    """(f): FastAPI without a database."""
    command = [sys.executable, "-m", "benchmarks.floor_empty", str(worklist), str(session)]
    return Process("empty", command, log)
