"""What every command shares: settings, the database, who acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app import clock
from app.cli import printing
from app.db.engine import cipher, sqlite
from app.db.engine.engine import Connection, Database, open_database
from app.db.engine.scope import DIRECTORY, OWNER
from app.db.keys.keyring import Keyring
from app.db.maintenance import encrypted_columns, migrate
from app.db.queries.practice import practices as practice_rows
from app.db.rows.practice import PracticeRow
from app.domain.access.access import Actor, ActorType
from app.domain.audit.events import Outcome
from app.domain.ids import is_id
from app.services.audit import audit
from app.settings import Settings

NAME = "twelveweeks command line"
PLAIN = "the database file is not encrypted: run twelveweeks db encrypt"

Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout and nothing else, for scripts.")
]
PracticeId = Annotated[
    str | None,
    typer.Option("--practice", metavar="ID", help="The practice; not needed if there is only one."),
]


class Unusable(Exception):
    """The command cannot do its work; its text is the one line that is shown."""


def settings() -> Settings:
    """Return what the environment and `.env` say; `Unusable` names the setting that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
        told = "; ".join(
            f"TWELVEWEEKS_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in wrong
        )
        raise Unusable(told) from None
    except UnicodeDecodeError:
        raise Unusable("the file .env in this folder is not UTF-8 text: save it as UTF-8") from None


def opened(chosen: Settings) -> Database:
    """Return the database the settings name; nothing is contacted yet."""
    try:
        return open_database(
            chosen.database_url,
            pool_size=chosen.pool_size,
            busy_timeout=chosen.busy_timeout_seconds,
            prepared=chosen.prepared_statements,
            keyring=Keyring.chosen(chosen.key_file, chosen.master_key),
            encrypt=chosen.encryption,
        )
    except ValueError as error:
        raise Unusable(f"TWELVEWEEKS_DATABASE_URL: {error}") from None


@contextmanager
def database(chosen: Settings | None = None) -> Iterator[Database]:
    """Lend the migrated database; `Unusable` says what to run when it is not migrated."""
    lent = opened(chosen or settings())
    try:
        check_migrated(lent)
        yield lent
    finally:
        lent.dispose()


def check_migrated(database: Database) -> None:
    """Refuse a database whose tables are not those of this program."""
    current = revision(database)
    if current is None:
        raise Unusable("the database has no tables yet: run twelveweeks db upgrade")
    if current != migrate.head():
        _refuse_newer(current)
        raise Unusable(
            f"the database is at {current} and this program needs {migrate.head()}: "
            "run twelveweeks db upgrade"
        )


def upgrade(chosen: Settings) -> None:
    """Bring the database to this program's tables; one of a newer program is left alone."""
    database = opened(chosen)
    try:
        current = revision(database)
        if current == migrate.head():
            return
        if current:
            _refuse_newer(current)
        make_key(database, chosen)
    finally:
        database.dispose()
    migrate.upgrade(chosen.database_url, keyring=database.keyring, encrypt=chosen.encryption)


def make_key(database: Database, chosen: Settings) -> None:
    """Make the first master key when it is for a database file that is yet to be made."""
    file = file_of(database)
    if file and chosen.encryption and database.keyring and cipher.is_new(file):
        cipher.demand(sqlite.driver())
        database.keyring.first(made_on=today())


def reencrypt(database: Database, keyring: Keyring) -> int:
    """Encrypt every secret again under the newest key, the practices' and the service's own.

    Returns how many there were.
    """
    with database.read(DIRECTORY) as db:
        known = [None, *(practice["id"] for practice in practice_rows.every(db))]
    return sum(encrypted_columns.reencrypt(database, keyring, practice_id=id) for id in known)


def today() -> str:
    """Return the day that a new key is noted with."""
    return clock.now().date().isoformat()


def warn_plain(chosen: Settings) -> None:
    """Say on stderr when the database file is not encrypted."""
    database = opened(chosen)
    try:
        with database.read(OWNER):
            plain = database.encrypted_with is None
    finally:
        database.dispose()
    if plain:
        printing.tell(
            f"warning: {PLAIN if chosen.encryption else f'{PLAIN} (encryption is switched off)'}"
        )


def revision(database: Database) -> str | None:
    """Return what the database was migrated to; None for an empty one and a missing file."""
    file = file_of(database)
    if file and not file.exists():
        return None  # asking would make the file
    with database.read(OWNER) as db:
        return migrate.current(db)


def file_of(database: Database) -> Path | None:
    """Return the file of an SQLite database, None for PostgreSQL."""
    name = database.engine.url.database
    return Path(name) if database.dialect == "sqlite" and name else None


def _refuse_newer(current: str) -> None:
    # Revisions are numbered in one line, so a later one is a greater one.
    if current > migrate.head():
        raise Unusable(f"the database is at {current}: a newer Twelveweeks made it; use that one")


def practice_of(database: Database, practice_id: str | None) -> PracticeRow:
    """Return the practice named, or the only one there is; `Unusable` when neither."""
    with database.read(DIRECTORY) as db:
        return _practice_of(db, practice_id)


def _practice_of(db: Connection, practice_id: str | None) -> PracticeRow:
    if practice_id is None:
        known = [p for p in practice_rows.every(db) if p["sandbox_of"] is None]
        if len(known) == 1:
            return known[0]
        if not known:
            raise Unusable("there is no practice yet: run twelveweeks practice create")
        raise Unusable("name the practice: --practice ID (twelveweeks practice list shows it)")
    wanted = practice_id.strip().lower()
    practice = practice_rows.get(db, practice_id=wanted) if is_id(wanted) else None
    if practice is None:
        raise Unusable(
            "there is no practice with that id (twelveweeks practice list shows those there are)"
        )
    return practice


def id_of(text: str) -> str:
    """Return the text if it is written as an id; `Unusable` for anything else."""
    if not is_id(text):
        raise Unusable("an id must be a UUID, as the lists show it")
    return text


@contextmanager
def writing(practice_id: str | None) -> Iterator[tuple[Connection, Actor]]:
    """Lend a transaction of the practice named (or the only one), and who acts in it."""
    with database() as lent:
        by = actor(practice_of(lent, practice_id)["id"])
        with lent.write(by.practice_id) as db:
            yield db, by


def shown(
    lent: Database,
    practice_id: str,
    action: str,
    *,
    kind: str,
    id: str | None = None,
    patient_id: str | None = None,
    patients: Iterable[str] | None = None,
) -> None:
    """Note in the practice's log what a command is about to show or write into a file.

    `patients` are those of a list.
    """
    event = audit.event(
        by=actor(practice_id),
        now=clock.now(),
        action=action,
        kind=kind,
        id=id,
        patient_id=patient_id,
        patients=None if patients is None else audit.packed(patients),
        outcome=Outcome.SHOWN,
    )
    with lent.write(practice_id) as db:
        audit.append(db, [event])


def actor(practice_id: str) -> Actor:
    """Return who the audit row of a change made here names."""
    return Actor(practice_id, ActorType.SYSTEM, None, NAME)
