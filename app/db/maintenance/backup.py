"""Backups of a database file: one moment of it, encrypted, verified, in one file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.keys import file_lock
from app.db.keys.keyring import (
    BACKUP,
    DATABASE,
    DecryptionFailed,
    Keyring,
    KeyringUnusable,
    MasterKey,
)
from app.db.maintenance import copying, migrate
from app.db.maintenance.copying import Check, NotSound

_MAGIC = b"twelveweeks backup 1\n"
_LONGEST_HEAD = 1 << 20
_BATCH_SIZE = 1 << 20
_PLACE = {"table": "backup", "column": "contents", "practice_id": "", "row_id": ""}


class NoBackup(Exception):
    """The file is no backup, or not as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a backup holds: rows by table, the schema's revision, when and by what it was made."""

    key: str
    made_at: str
    program: str
    revision: str | None
    rows: dict[str, int]
    sha256: str


def save(
    file: Path,
    out: Path,
    keyring: Keyring,
    *,
    made_at: str,
    program: str,
    more: Sequence[Check] = (),
) -> tuple[Contents, list[str]]:
    """Write the backup of a database file that may be in use.

    Returns what it holds and the faults that the checks found; the backup is kept in spite of
    them. Nothing is at `out` before all of it was read again and equals what the database held.
    Raises `NotSound`, and `KeyringUnusable` when there is no key.
    """
    key = keyring.newest
    out = out.resolve()
    with copying.workplace(out) as folder:
        snapshot, finished = folder / "snapshot.db", folder / "backup"
        with copying.opened(file, keyring) as (source, was):
            rows = copying.copy(source, was, snapshot, key.derived(BACKUP))
        at: list[str | None] = []

        def revision(database: Database) -> list[str]:
            with database.read(OWNER) as db:
                at.append(migrate.current(db))
            return []

        more = [revision, *more]
        told = copying.verify(snapshot, rows, keyring, label=BACKUP, more=more)
        with snapshot.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
        contents = Contents(
            key=key.id,
            made_at=made_at,
            program=program,
            revision=at[0],
            rows=rows,
            sha256=digest,
        )
        opened = os.open(finished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as into, snapshot.open("rb") as stream:
            encrypted = keyring.encrypt(json.dumps(asdict(contents)).encode(), **_PLACE)
            into.write(_MAGIC + f"{key.id} {len(encrypted)}\n".encode() + encrypted)
            shutil.copyfileobj(stream, into, _BATCH_SIZE)
        _compare(finished, contents, keyring)
        copying.put(finished, out)
    return contents, told


def contents(file: Path, keyring: Keyring) -> Contents:
    """Return what a backup says it holds, once that is decrypted and authenticated.

    Raises `NoBackup`, also when it was changed, and `KeyringUnusable` when its key is not here.
    """
    with file.open("rb") as stream:
        return _head(stream, file, keyring)[0]


def restore(
    file: Path,
    place: Path,
    keyring: Keyring,
    *,
    encrypt: bool = True,
    more: Sequence[Check] = (),
) -> tuple[Contents, list[str]]:
    """Put a backup's database at `place`, under the newest key.

    Returns what it holds and the faults that the checks found. The old database is replaced in
    the last step, as a whole. Raises as `contents` does, `NotSound`, and `FileInUse` when another
    process has the old one open.
    """
    with file.open("rb") as stream:
        held, key = _head(stream, file, keyring)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock.alone(place), copying.workplace(place, alone=True) as folder:
            payload, made = folder / "payload.db", folder / place.name
            if _unpacked(stream, payload) != held.sha256:
                raise NoBackup(f"{file.name} is damaged: use another backup")
            with copying.opened(payload, Keyring([key]), label=BACKUP) as (source, was):
                wanted = keyring.newest.derived(DATABASE) if encrypt else None
                copying.copy(source, was, made, wanted)
            told = copying.verify(made, held.rows, keyring, more=more)
            if place.exists():
                copying.clear(place, keyring)
            copying.put(made, place)
    return held, told


def _head(stream: IO[bytes], file: Path, keyring: Keyring) -> tuple[Contents, MasterKey]:
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise NoBackup(f"{file.name} is not a backup that this program can read")
    id, _, length = stream.readline(64).decode("ascii", "replace").strip().partition(" ")
    if not (length.isdigit() and 0 < int(length) <= _LONGEST_HEAD):
        raise NoBackup(f"{file.name} is damaged at its beginning: use another backup")
    key = keyring.find(id)
    if key is None:
        raise KeyringUnusable(f"{file.name} needs the master key {id}: add it to {keyring.place}")
    try:
        told = json.loads(keyring.decrypt(stream.read(int(length)), **_PLACE))
    except DecryptionFailed:
        raise NoBackup(
            f"{file.name} was changed, or the master key {id} in {keyring.place} is a different one"
        ) from None
    return Contents(**told), key


def _unpacked(stream: IO[bytes], into: Path) -> str:
    digest = sha256()
    opened = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as out:
        while piece := stream.read(_BATCH_SIZE):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def _compare(finished: Path, written: Contents, keyring: Keyring) -> None:
    with finished.open("rb") as stream:
        read, _ = _head(stream, finished, keyring)
        if read != written or file_digest(stream, "sha256").hexdigest() != written.sha256:
            raise NotSound("the finished backup differs from what was written")
