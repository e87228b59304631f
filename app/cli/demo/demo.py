"""`twelveweeks demo`: a practice to look at, in a database of its own."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.cli.demo import demo_practice
from app.cli.demo.demo_practice import OPEN_SINCE
from app.cli.serve import Host, Port, listen
from app.db.engine.engine import Database
from app.db.engine.scope import DIRECTORY
from app.db.queries.practice import practices as practice_rows
from app.db.rows.practice import PracticeRow
from app.domain.dates import local_day
from app.domain.ids import new_id
from app.services.access import keys
from app.settings import Settings, data_folder

_KEY_NAME = "demo"


def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Serve it at once.")] = False,
    host: Host = None,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Make the demo practice if it is not there yet, and say where to look.

    It lives in `demo.db` in the user's data folder, or where TWELVEWEEKS_DATABASE_URL says, and
    stays as it is between calls.
    """
    chosen = _own_settings(host, port)
    answer = _prepared(chosen)

    def show(address: str) -> None:
        told = answer | {
            "url": address,
            "docs": f"{address}/docs",
            "worklist": f"{address}/v1/worklist",
            "curl": f"curl -H 'Authorization: Bearer {answer['key']}' "
            f"'{address}/v1/worklist?status=overdue'",
        }
        printing.emit(told, as_json, lambda: _show(told, serving=serve))

    if serve:
        if Path(answer["database"]).is_file():
            context.warn_plain(chosen)
        listen(chosen, show)
    else:
        show(f"http://{chosen.host}:{chosen.port}")


def _own_settings(host: str | None, port: int | None) -> Settings:
    chosen = context.settings()
    update: dict[str, Any] = {"workers": 1}
    if "database_url" not in chosen.model_fields_set:
        update["database_url"] = f"sqlite:///{(data_folder() / 'demo.db').as_posix()}"
    if host is not None:
        update["host"] = host
    if port is not None:
        update["port"] = port
    return chosen.model_copy(update=update)


def _prepared(chosen: Settings) -> dict[str, Any]:
    """Return the practice, its key and its database, made where they were not there yet."""
    database = context.opened(chosen)
    try:
        if context.file_of(database):
            context.upgrade(chosen)
        else:
            context.check_migrated(database)
        now = clock.now()
        practice = _practice(database, now)
        key = _key(database, practice["id"], _key_file(database), now)
        file = context.file_of(database)
        return {
            "practice_id": practice["id"],
            "practice": practice["name"],
            "made_on": local_day(practice["created_at"] + OPEN_SINCE, practice["time_zone"]),
            "database": str(file or database.dialect),
            "key": key,
        }
    finally:
        database.dispose()


def _practice(database: Database, now: datetime) -> PracticeRow:
    with database.read(DIRECTORY) as db:
        practice = demo_practice.find(db)
    if practice is None:
        with database.write(DIRECTORY) as db:
            # Looked for again: another call may have made it while this one waited its turn.
            practice = demo_practice.find(db)
            if practice is None:
                if practice_rows.every(db):
                    raise Unusable(
                        "the database of TWELVEWEEKS_DATABASE_URL holds real practices: "
                        "set it to a new database for the demo"
                    )
                printing.tell("making the demo practice ...")
                id = new_id(now)
                with database.as_practice(db, id):
                    practice = demo_practice.build(db, id=id, by_name=context.NAME, now=now)
    return practice


def _key_file(database: Database) -> Path:
    file = context.file_of(database)
    return file.with_suffix(".key") if file else data_folder() / "demo-postgresql.key"


def _key(database: Database, practice_id: str, file: Path, now: datetime) -> str:
    """Return the key that is kept beside the database, a new one where it is gone or revoked."""
    try:
        kept = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        kept = ""
    if keys.well_formed(kept):
        known = keys.find(database, digest=keys.hashed(kept))
        if known and known.key["practice_id"] == practice_id and known.usable(now):
            return kept
    with database.write(practice_id) as db:
        _, key = keys.create(db, name=_KEY_NAME, by=context.actor(practice_id), now=now)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
        new.write(f"{key}\n")
    written.replace(file)
    return key


def _show(told: dict[str, Any], *, serving: bool) -> None:
    lines = [
        f"{told['practice']}, made on {told['made_on']}, kept in {told['database']}",
        "",
        f"  docs       {told['docs']}",
        f"  worklist   {told['worklist']}",
        f"  API key    {told['key']}",
        "",
        "who is overdue:",
        f"  {told['curl']}",
        "",
        "serving; Ctrl-C stops" if serving else "to serve it: twelveweeks demo --serve",
    ]
    for line in lines:
        printing.say(line)
