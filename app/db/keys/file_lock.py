"""A lock file beside a database file: many share it, or one holds it alone to replace the file."""

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
    """Other processes hold the lock of the file."""


class SharedLock:
    """A shared lock of a file, from `take` to `release`.

    SQLite's own locks belong to the file that was opened. After a rename has put another in its
    place, a process that waited for them would write into the old file, which has no name.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock; `FileInUse` when another process holds the file alone."""
        with self._guard:
            if self._descriptor is None:
                self._descriptor = _locked(self._file, exclusive=False)

    def release(self) -> None:
        """Release the lock, once everything that was opened under it is closed."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


@contextmanager
def alone(file: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the file alone; `FileInUse` at once when others hold it, unless `wait`."""
    descriptor = _locked(file, exclusive=True, wait=wait)
    try:
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in the folder survive a power cut."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _locked(file: Path, *, exclusive: bool, wait: bool = False) -> int:
    # Beside it, and never the file itself: closing that would drop SQLite's locks on it.
    beside = file.with_name(f"{file.name}-lock")
    descriptor = os.open(beside, os.O_RDONLY | os.O_CREAT, 0o600)
    if sys.platform != "win32":  # there a file that is open cannot be replaced anyway
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise FileInUse(file.name) from None
    return descriptor
