"""Who holds a file: many share it, or one has it alone while it is replaced."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class FileInUse(Exception):
    """Others hold the file."""


class SharedLock:
    """A share in a file, from `take` to `release`.

    SQLite's own locks belong to the file's content. When that is replaced by a rename, whoever
    still waits for them would get them, and write into a file without a name.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._descriptor: int | None = None

    def take(self) -> None:
        """Hold on; `Held` when somebody has the file alone, OSError when it cannot be told."""
        with self._guard:
            if self._descriptor is None:
                self._descriptor = _locked(self._file, exclusive=False)

    def release(self) -> None:
        """Let go; for the end of everything that was opened under the share."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


@contextmanager
def alone(file: Path, *, patient: bool = False) -> Iterator[None]:
    """Hold the file alone; `Held` at once when others hold it, unless `patient`."""
    descriptor = _locked(file, exclusive=True, patient=patient)
    try:
        yield
    finally:
        os.close(descriptor)


def settle(folder: Path) -> None:
    """Make renames in the folder outlive a power cut."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _locked(file: Path, *, exclusive: bool, patient: bool = False) -> int:
    # Beside it, and never the file itself: closing that would drop SQLite's locks on it.
    beside = file.with_name(f"{file.name}-lock")
    descriptor = os.open(beside, os.O_RDONLY | os.O_CREAT, 0o600)
    if sys.platform != "win32":  # there a file that is open cannot be replaced anyway
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, how if patient else how | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise FileInUse(file.name) from None
    return descriptor
