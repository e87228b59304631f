"""Running commands: what they said, and servers in a process of their own."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

COMMAND = Path(sys.executable).with_name("twelveweeks")


@dataclass
class Ran:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as one JSON document."""
        return json.loads(self.out)

    def refused(self) -> str:
        """The one line of an error; fails when there was none or anything else."""
        assert (self.status, self.out) == (2, ""), self
        assert self.err.startswith("twelveweeks: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err


Cli = Callable[..., Ran]


class Served:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder / "stderr.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND, *arguments, "--port", "0", "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def told(self) -> Any:
        """What it printed once it listened."""
        assert self.process.stdout
        return json.loads(_document(self.process.stdout))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self) -> int:
        status = self.process.wait(20)
        assert self.process.stdout
        assert self.process.stdout.read() == ""
        self.process.stdout.close()
        return status

    @property
    def log(self) -> str:
        return self._log.read_text()


def _document(stream: IO[str]) -> str:
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line == "}\n":
            break
    return "".join(lines)
