"""Files that a command writes."""

from __future__ import annotations

import os
from pathlib import Path


def save(out: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write the whole file or none of it, readable by its owner alone: it names patients."""
    written = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        opened = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding=encoding, newline="") as stream:
            stream.write(text)
        written.replace(out)
    except OSError as error:
        written.unlink(missing_ok=True)
        # Named as the user did, not as the file on its way.
        raise OSError(error.errno, error.strerror, str(out)) from None
