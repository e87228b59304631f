"""Files that a command writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def saving(out: Path, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Lend a stream to the file: the whole of it or none, readable by its owner alone.

    It names patients. It is on the disk when this ends, for what is deleted after it.
    """
    written = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        opened = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding=encoding, newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        written.replace(out)
    except OSError as error:
        written.unlink(missing_ok=True)
        # Named as the user did, not as the file on its way.
        raise OSError(error.errno, error.strerror, str(out)) from None
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def save(out: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write the whole file or none of it, readable by its owner alone."""
    with saving(out, encoding=encoding) as stream:
        stream.write(text)
