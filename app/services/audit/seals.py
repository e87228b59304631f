"""Seals over a practice's audit log: made outside every request, and verified on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.db.engine.engine import Connection, Database
from app.db.engine.integrity import unique_violation_as_contended
from app.db.queries.audit import audit as rows
from app.db.rows.audit import AuditSealRow
from app.domain.audit import sealing
from app.domain.audit.sealing import Fault
from app.domain.ids import first_id, made_at

# A row is sealed when no transaction that was under way when its id was made can still be so.
SETTLING = timedelta(seconds=60)
# A row that came later all the same (a long import) is looked for this far back.
LATE = timedelta(minutes=10)
# Rows in one seal.
BATCH_SIZE = 1_000
# Rows named in one statement, and in memory at once: a row of a list holds some kilobytes.
_READ_SIZE = 100
# Seals in memory at once, of 48 bytes for every row.
_SEALS_READ = 10


def seal(
    database: Database, *, practice_id: str, now: datetime, settling: timedelta = SETTLING
) -> str | None:
    """Seal every row that has settled; return the newest seal's head if one was made.

    Raises `Contended` when another worker was at it.
    """
    made: str | None = None
    with database.read(practice_id) as db:
        last = rows.last_seal(db, practice_id=practice_id)
        waiting = _unsealed(db, last, practice_id=practice_id, below=first_id(now - settling))
    number, before = (last["number"], last["digest"]) if last else (0, sealing.BEGINNING)
    for start in range(0, len(waiting), BATCH_SIZE):
        ids = waiting[start : start + BATCH_SIZE]
        with database.read(practice_id) as db:
            entries = b"".join(_entries(db, ids, practice_id=practice_id))
        number += 1
        before = sealing.seal_digest(before, practice_id, number, entries)
        row = AuditSealRow(
            practice_id=practice_id, number=number, sealed_at=now, entries=entries, digest=before
        )
        with database.write(practice_id) as db, unique_violation_as_contended():
            rows.add_seal(db, practice_id=practice_id, row=row)
        made = sealing.head(number, before)
    return made


def _entries(db: Connection, ids: list[str], *, practice_id: str) -> Iterator[bytes]:
    """Yield the entries of these rows, in their order, some rows at a time."""
    for part in _parts(ids):
        events = rows.by_ids(db, practice_id=practice_id, ids=part)
        yield sealing.entries_of([events[id] for id in part])


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _READ_SIZE):
        yield ids[start : start + _READ_SIZE]


def _unsealed(
    db: Connection, last: AuditSealRow | None, *, practice_id: str, below: str
) -> list[str]:
    if last is None:
        return rows.ids_between(db, practice_id=practice_id, above=None, below=below)
    # Behind the newest seal there may be a backlog, made long before that seal was.
    newest = max(id for id, _ in sealing.read_entries(last["entries"]))
    since = min(last["sealed_at"], made_at(newest)) - LATE
    ids = rows.ids_between(db, practice_id=practice_id, above=first_id(since), below=below)
    if not ids:
        return []
    waiting = dict.fromkeys(ids)
    # A row younger than that instant was sealed after it.
    for one in _seals(db, practice_id=practice_id, since=since):
        for id, _ in sealing.read_entries(one["entries"]):
            waiting.pop(id, None)
    return list(waiting)


def _seals(
    db: Connection, *, practice_id: str, since: datetime | None = None
) -> Iterator[AuditSealRow]:
    after = 0
    while True:
        batch = rows.seals(db, practice_id=practice_id, after=after, since=since, limit=_SEALS_READ)
        yield from batch
        if len(batch) < _SEALS_READ:
            return
        after = batch[-1]["number"]


@dataclass(slots=True)
class Verified:
    """What the log was found to be: `faults` names rows and seals; young rows are not sealed yet.

    A fault is (what, id of the row or number of the seal): `edited`, `deleted`, `inserted` rows,
    `missing` and `altered` seals, `truncated` when the seal noted elsewhere is not there.
    """

    sealed: int = 0
    unsealed: int = 0
    head: str | None = None
    faults: list[tuple[Fault, str]] = field(default_factory=list)


def verify(
    database: Database,
    *,
    practice_id: str,
    now: datetime,
    noted: str | None = None,
    settling: timedelta = SETTLING + timedelta(seconds=120),
) -> Verified:
    """Compare every row with its seal, and every seal with the one before.

    `noted` is a head that was written down earlier, outside this database.
    """
    result = Verified()
    before, expected = sealing.BEGINNING, 1
    heads: set[str] = set()
    sealed: set[str] = set()
    with database.read(practice_id) as db:
        for one in _seals(db, practice_id=practice_id):
            number, entries = one["number"], bytes(one["entries"])
            for missing in range(expected, number):
                result.faults.append((Fault.MISSING, str(missing)))
            digest = sealing.seal_digest(before, practice_id, number, entries)
            # After a gap nothing is known of the seal before.
            if number == expected and digest != one["digest"]:
                result.faults.append((Fault.ALTERED, str(number)))
            _compare(db, entries, result, practice_id=practice_id)
            sealed.update(id for id, _ in sealing.read_entries(entries))
            before, expected = bytes(one["digest"]), number + 1
            result.head = sealing.head(number, before)
            heads.add(result.head)
        settled = first_id(now - settling)
        for id in rows.ids_between(db, practice_id=practice_id, above=None, below=first_id(now)):
            if id not in sealed:
                result.unsealed += 1
                if id < settled:
                    result.faults.append((Fault.INSERTED, id))
    result.sealed = len(sealed)
    if noted is not None and noted not in heads:
        result.faults.append((Fault.TRUNCATED, noted.partition(":")[0]))
    return result


def _compare(db: Connection, entries: bytes, result: Verified, *, practice_id: str) -> None:
    told = dict(sealing.read_entries(entries))
    for part in _parts(list(told)):
        events = rows.by_ids(db, practice_id=practice_id, ids=part)
        for id in part:
            if id not in events:
                result.faults.append((Fault.DELETED, id))
            elif sealing.row_digest(events[id]) != told[id]:
                result.faults.append((Fault.EDITED, id))
