"""Erase a practice that left: all its rows in one transaction; a proof is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db.engine.engine import Connection, Database
from app.db.engine.scope import OWNER
from app.db.maintenance import erasing
from app.db.queries.audit import audit as audit_rows
from app.db.queries.practice import erasures as rows
from app.db.queries.practice import practice_rows
from app.db.queries.practice import practices as directory
from app.db.rows.practice import ErasureRow
from app.services.practice.practice_export import Exported, last_seal

# Rows that maintenance adds and deletes by itself, so they may differ from the export.
_NOT_COMPARED = frozenset({"audit_seal", "idempotency"})


class NotErased(Exception):
    """Nothing was deleted; the text says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The rows removed by table, and the rows left (none) when they are counted again."""

    practice_id: str
    started_at: datetime
    finished_at: datetime | None
    by_name: str
    export_sha256: str
    last_seal: str | None
    removed: dict[str, int]
    left: dict[str, int]


@dataclass(frozen=True, slots=True)
class Erased:
    """The proofs of the practice and of its sandbox; `file_rewritten` is null on PostgreSQL."""

    practice: Proof
    sandbox: Proof | None
    file_rewritten: bool | None

    @property
    def clean(self) -> bool:
        """Whether nothing is left in any table, and nothing in the file."""
        proofs = [proof for proof in (self.practice, self.sandbox) if proof]
        return self.file_rewritten is not False and not any(
            count for proof in proofs for count in proof.left.values()
        )


def erase(database: Database, *, exported: Exported, by_name: str, now: datetime) -> Erased:
    """Delete the practice of the export, and its sandbox; all of it, or nothing when this fails.

    Raises `NotErased` when the practice has changed since it was exported. An erasure that is
    done already is proved again, and the file rewritten once more.
    """
    practice_id = exported.practice_id
    with database.write(OWNER) as db:
        if not erasing.may_erase(db):
            raise NotErased("this database login may not erase: use the login that owns the tables")
        done = rows.get(db, practice_id=practice_id)
        if done is None:
            _erase(db, exported, by_name=by_name, now=now)
        elif done["export_sha256"] != exported.sha256:
            raise NotErased("the practice was erased before, with another export: use that one")
    rewritten = erasing.rewrite(database)
    return _proved(database, practice_id, rewritten)


def _erase(db: Connection, exported: Exported, *, by_name: str, now: datetime) -> None:
    practice_id = exported.practice_id
    _hold(db, practice_id)
    _compare(db, exported)
    # It refers to its practice, so it goes first.
    sandbox = directory.sandbox(db, practice_id=practice_id)
    if sandbox:
        _hold(db, sandbox["id"])
        _remove(db, sandbox["id"], exported, by_name=by_name, now=now)
        erasing.confine(db, practice_id=practice_id)
    _remove(db, practice_id, exported, by_name=by_name, now=now)


def _hold(db: Connection, practice_id: str) -> None:
    """Lock the practice: from here on nobody can add anything to it."""
    erasing.confine(db, practice_id=practice_id)
    if rows.alone(db, practice_id=practice_id) is None:
        raise NotErased("there is no practice with that id")


def _compare(db: Connection, exported: Exported) -> None:
    """Refuse when the practice has rows that are not in the export.

    Every change and every read leaves an audit event, so the newest event is compared as well.
    """
    present = practice_rows.counts(db, practice_id=exported.practice_id)
    differing = sorted(
        name
        for name in present.keys() | exported.counts.keys()
        if name not in _NOT_COMPARED and present.get(name) != exported.counts.get(name)
    )
    newest = audit_rows.last(db, practice_id=exported.practice_id)
    if differing or newest != exported.last_event:
        named = f" ({', '.join(differing)})" if differing else ""
        raise NotErased(f"the practice was used since the export was made{named}: export it again")


def _remove(
    db: Connection, practice_id: str, exported: Exported, *, by_name: str, now: datetime
) -> None:
    rows.begin(db, practice_id=practice_id, by_name=by_name, export_sha256=exported.sha256, now=now)
    head = last_seal(db, practice_id=practice_id)
    names = [table.name for table in practice_rows.tables()]
    removed = practice_rows.remove(db, practice_id=practice_id, names=names)
    left = {name: n for name, n in practice_rows.counts(db, practice_id=practice_id).items() if n}
    if left:
        named = ", ".join(sorted(left))
        raise NotErased(f"rows were added during the erasure ({named}): try again")
    rows.finish(db, practice_id=practice_id, removed=removed, last_seal=head, now=now)


def _proved(database: Database, practice_id: str, rewritten: bool | None) -> Erased:
    """Return the proofs as they are kept, with a new count of what is left."""
    with database.write(OWNER) as db:
        kept = rows.get(db, practice_id=practice_id)
        if kept is None:
            raise NotErased("no proof of the erasure was kept")
        beside = rows.beside(db, practice_id=practice_id, export_sha256=kept["export_sha256"])
        practice, sandbox = _proof(db, kept), _proof(db, beside) if beside else None
    return Erased(practice, sandbox, rewritten)


def _proof(db: Connection, kept: ErasureRow) -> Proof:
    erasing.confine(db, practice_id=kept["practice_id"])
    return Proof(**kept, left=practice_rows.counts(db, practice_id=kept["practice_id"]))
