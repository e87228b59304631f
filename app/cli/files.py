"""Files that a command writes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from app.cli.context import Unusable

Replace = Annotated[bool, typer.Option("--replace", help="Overwrite what is there.")]


def refuse_existing(file: Path, replace: bool) -> None:
    """Refuse a file that holds something, unless it is to be replaced."""
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not replace and file.exists() and file.stat().st_size:
        raise Unusable(f"{file} exists already; --replace overwrites it")


@contextmanager
def saving(out: Path, *, replace: bool, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Lend a stream to the file: the whole of it or none, readable by its owner alone.

    It names patients. It is on the disk when this ends, for what is deleted after it. A place
    that cannot be written is refused at once, so what is logged inside has somewhere to go.
    """
    refuse_existing(out, replace)
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
        if error.filename not in (None, str(written)):
            raise
        # Named as the user did, not as the file on its way.
        raise OSError(error.errno, error.strerror, str(out)) from None
    except BaseException:
        written.unlink(missing_ok=True)
        raise
