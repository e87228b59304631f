"""Every failure of a command as one line of text."""

from __future__ import annotations

from pathlib import Path

from typer import TyperException

from app.cli.context import Unusable
from app.db.engine.engine import DatabaseAway, DatabaseBusy, translate
from app.db.keys.file_lock import FileInUse
from app.db.keys.keyring import DecryptionFailed, KeyringUnusable
from app.db.maintenance.backup import NoBackup
from app.db.maintenance.copying import NotSound
from app.domain.errors import Invalid, Refusal


def one_line(error: BaseException) -> str:
    """Return what to tell about the failure; nothing in it is a value from the database."""
    known = translate(error) if isinstance(error, Exception) else error
    return " ".join(_told(known).split())


def _told(error: BaseException) -> str:
    if isinstance(error, (Unusable, KeyringUnusable, NoBackup, DecryptionFailed)):
        return str(error)
    if isinstance(error, NotSound):
        return f"nothing was replaced, because the copy has faults: {error}"
    if isinstance(error, FileInUse):
        return f"{error} is in use: stop the server first"
    if isinstance(error, TyperException):
        return error.format_message()
    if isinstance(error, Invalid):
        faults = "; ".join(f"{pointer.lstrip('/')}: {detail}" for pointer, detail in error.errors)
        return f"{error.detail} {faults}"
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, DatabaseAway):
        return f"the database cannot be reached or used ({error}); see TWELVEWEEKS_DATABASE_URL"
    if isinstance(error, DatabaseBusy):
        return "the database is busy with other writes: try again"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}"
    # A fault of the program. Its message may quote data, so the place has to do.
    return f"unexpected {type(error).__name__} at {_place(error)}: please report this"


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, "an unknown place"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "app" in path.parts:
            place = f"{'/'.join(path.parts[-2:])}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
