"""A practice's sandbox: a practice of its own for trying things out, with its own keys.

Only people of the live practice make, key and empty it; where that changes both practices, it is
in the log of both. The rows of one are out of reach while the other's are changed: the
transaction switches its scope between the two, and row-level security follows the scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from app.db.engine.engine import Connection, Database
from app.db.engine.integrity import unique_violation_as_contended
from app.db.engine.scope import DIRECTORY
from app.db.models import Staff
from app.db.queries import table_rows
from app.db.queries.access import keys as key_rows
from app.db.queries.patients import identifiers as identifier_rows
from app.db.queries.practice import practice_rows
from app.db.queries.practice import practices as rows
from app.db.rows.access import ApiKeyRow, NamedKeyRow
from app.db.rows.base import Changes, picked
from app.db.rows.practice import PracticeRow, PracticeValues
from app.domain.access.access import Actor
from app.domain.errors import NotFound, WrongState
from app.domain.ids import new_id
from app.services.access import keys, staff
from app.services.audit import audit
from app.services.practice import practices

KIND = "sandbox"
_ENDING = " (sandbox)"

# What a reset leaves: the practice and who gets into it, what was done, and published protocols,
# which never change, so that servers remember them.
KEPT = frozenset(
    {"practice", "staff", "api_key", "credential", "audit_event", "audit_seal"}
    | {"protocol_version", "client", "issuer", "issuer_subject", "client_assertion"}
)


def find(database: Database, db: Connection, *, practice_id: str) -> PracticeRow:
    """Return the sandbox of the practice; `NotFound` when it has none."""
    with database.as_practice(db, DIRECTORY):
        sandbox = rows.sandbox(db, practice_id=practice_id)
    if sandbox is None:
        raise NotFound()
    return sandbox


def keys_of(database: Database, db: Connection, *, sandbox: PracticeRow) -> list[NamedKeyRow]:
    """Return the sandbox's keys, revoked ones too."""
    with database.as_practice(db, sandbox["id"]):
        return key_rows.of_practice(db, practice_id=sandbox["id"])


def find_or_create(
    database: Database, db: Connection, *, by: Actor, now: datetime
) -> tuple[PracticeRow, bool]:
    """Return the practice's sandbox, and whether it was made just now.

    It begins with the settings of the live practice. `WrongState` for a sandbox, which has none.
    """
    live = _live(db, by)
    with database.as_practice(db, DIRECTORY):
        there = rows.sandbox(db, practice_id=live["id"])
    if there:
        return there, False
    id = new_id(now)
    name = f"{live['name'][: 200 - len(_ENDING)]}{_ENDING}"
    with unique_violation_as_contended(), database.as_practice(db, id):
        made = practices.create(
            db,
            id=id,
            name=name,
            time_zone=live["time_zone"],
            by_name=by.name,
            by=by._replace(practice_id=id),
            settings={**_settings(live), "sandbox_of": live["id"]},
            now=now,
        )
    changes = audit.made({"name": name})
    audit.record(db, by=by, now=now, action="sandbox.create", kind=KIND, id=id, changes=changes)
    return made, True


def make_key(
    database: Database,
    db: Connection,
    *,
    name: str,
    scopes: Sequence[str] | None,
    expires_at: datetime | None,
    by: Actor,
    now: datetime,
) -> tuple[ApiKeyRow, str]:
    """Make a key of the sandbox, for the system `name`; the key itself is returned this once only.

    It may do there whatever its scopes say: a sandbox holds no real records.
    """
    sandbox = find(database, db, practice_id=by.practice_id)
    with database.as_practice(db, sandbox["id"]):
        made, key = keys.create(
            db,
            name=name,
            scopes=scopes,
            expires_at=expires_at,
            by=by._replace(practice_id=sandbox["id"]),
            now=now,
        )
    told = picked(made, ("name", "prefix", "scopes", "expires_at"))
    audit.record(
        db,
        by=by,
        now=now,
        action="sandbox.make_key",
        kind=KIND,
        id=sandbox["id"],
        changes=audit.made(told),
    )
    return made, key


def reset(
    database: Database, db: Connection, *, by: Actor, now: datetime
) -> tuple[PracticeRow, dict[str, int]]:
    """Empty the sandbox but for what is `KEPT`, and give it the live practice's settings.

    Returns it with the rows that went, by table.
    """
    live = _live(db, by)
    sandbox = find(database, db, practice_id=live["id"])
    there = by._replace(practice_id=sandbox["id"])
    names = [table.name for table in practice_rows.tables() if table.name not in KEPT]
    with database.as_practice(db, sandbox["id"]):
        named = _of_staff(db, practice_id=sandbox["id"])
        removed = practice_rows.remove(db, practice_id=sandbox["id"], names=names)
        for id, identifiers in named.items():
            identifier_rows.add(
                db,
                practice_id=sandbox["id"],
                kind=staff.KIND,
                resource_id=id,
                identifiers=identifiers,
            )
            removed["identifier"] -= len(identifiers)
        changes: Changes = {name: [count, 0] for name, count in removed.items() if count}
        audit.record(
            db,
            by=there,
            now=now,
            action="sandbox.reset",
            kind=KIND,
            id=sandbox["id"],
            changes=changes,
        )
        emptied = practices.change(db, practice=sandbox, values=_settings(live), by=there, now=now)
    audit.record(
        db, by=by, now=now, action="sandbox.reset", kind=KIND, id=sandbox["id"], changes=changes
    )
    return emptied, removed


def _of_staff(db: Connection, *, practice_id: str) -> dict[str, list[dict[str, str]]]:
    """Return the identifiers by which other systems know the staff, who stay."""
    members = table_rows.page(db, Staff, practice_id=practice_id, limit=10_000)
    ids = [member["id"] for member in members]
    return identifier_rows.of(db, practice_id=practice_id, kind=staff.KIND, ids=ids)


def _live(db: Connection, by: Actor) -> PracticeRow:
    practice = practices.load(db, practice_id=by.practice_id)
    if practice["sandbox_of"] is not None:
        raise WrongState(
            "This key belongs to a sandbox, which has no sandbox of its own. "
            "Use a key of the live practice.",
            state="sandbox",
        )
    return practice


def _settings(live: PracticeRow) -> PracticeValues:
    names = [name for name in practices.SETTINGS if name not in ("id", "name")]
    return cast("PracticeValues", picked(live, names))
