"""The directory of credentials, API keys, and a practice's list of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from app.db.models import ApiKey, Credential, Practice, Staff
from app.db.queries.table_rows import PRACTICE_ID, every, first, table_of
from app.db.rows.access import CredentialRow, KeyHolderRow, NamedKeyRow
from app.domain.access.access import CredentialKind

_table, _practice, _staff = table_of(ApiKey), table_of(Practice), table_of(Staff)
_credential = table_of(Credential)

_OWNER = select(_credential).where(_credential.c.digest == bindparam("digest"))
_HOLDER = (
    select(
        _table,
        _practice.c.time_zone,
        _practice.c.name.label("practice_name"),
        _staff.c.name.label("staff_name"),
        _staff.c.roles,
        _staff.c.active,
    )
    .select_from(_table)
    .join(_practice, _practice.c.id == PRACTICE_ID)
    .outerjoin(
        _staff,
        and_(_staff.c.practice_id == PRACTICE_ID, _staff.c.id == _table.c.staff_id),
    )
    .where(_table.c.practice_id == PRACTICE_ID, _table.c.id == bindparam("id"))
)


def credential(db: Connection, *, digest: bytes) -> CredentialRow | None:
    """Return whose credential this is: where a practice is first known."""
    return first(db.execute(_OWNER, {"digest": digest}), CredentialRow)


def add_credential(
    db: Connection,
    *,
    practice_id: str,
    kind: CredentialKind,
    holder_id: str,
    digest: bytes,
    now: datetime,
) -> None:
    """Enter a credential of the practice into the directory."""
    values = {"digest": digest, "kind": kind, "holder_id": holder_id, "created_at": now}
    db.execute(insert(_credential), {**values, "expires_at": None, "practice_id": practice_id})


def end_credentials(
    db: Connection, *, practice_id: str, holder_id: str, at: datetime | None
) -> None:
    """Let the holder's present credentials end at an instant, or now and for good with None.

    One that ends sooner, or has ended, is left as it is.
    """
    own = (_credential.c.practice_id == practice_id, _credential.c.holder_id == holder_id)
    if at is None:
        db.execute(delete(_credential).where(*own))
    else:
        ends = _credential.c.expires_at
        later = or_(ends.is_(None), ends > at)
        db.execute(update(_credential).where(*own, later).values(expires_at=at))


def holder(db: Connection, *, practice_id: str, key_id: str) -> KeyHolderRow | None:
    """Return a key with its practice and the member of staff it acts as."""
    return first(db.execute(_HOLDER, {"practice_id": practice_id, "id": key_id}), KeyHolderRow)


def of_practice(db: Connection, *, practice_id: str) -> list[NamedKeyRow]:
    """Return the practice's keys with the name of whom each acts as, revoked ones too."""
    rows = db.execute(
        select(_table, _staff.c.name.label("staff_name"))
        .select_from(_table)
        .outerjoin(
            _staff,
            and_(_staff.c.practice_id == PRACTICE_ID, _staff.c.id == _table.c.staff_id),
        )
        .where(_table.c.practice_id == PRACTICE_ID)
        .order_by(_table.c.id),
        {"practice_id": practice_id},
    )
    return every(rows, NamedKeyRow)


def used(db: Connection, *, practice_id: str, key_ids: Sequence[str], at: datetime) -> None:
    """Note when keys were last used; no change of theirs, so their version stays."""
    own = (_table.c.practice_id == practice_id, _table.c.id.in_(key_ids))
    db.execute(update(_table).where(*own).values(last_used_at=at))
