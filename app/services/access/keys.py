"""API keys: make, find, rotate, revoke. Only a SHA-256 of a key is kept.

A key is 256 random bits, so a fast hash is enough: there is nothing to guess. Its form lets
scanners of leaked secrets find it: `tw_live_<8 characters of its id>_<secret><checksum>`, with
`test` for a sandbox's. Keys made before that word was in them stay good.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.db.engine.engine import Connection, Database
from app.db.engine.scope import NONE
from app.db.models import ApiKey, Staff
from app.db.queries import table_rows as record_rows
from app.db.queries.access import keys as rows
from app.db.queries.practice import practices as practice_rows
from app.db.rows.access import ApiKeyRow, ApiKeyValues, KeyHolderRow, StaffRow
from app.domain.access import access
from app.domain.access.access import OPERATOR, Actor, ActorType, CredentialKind, Giver, KeyState
from app.domain.errors import Forbidden, Invalid, WrongState
from app.domain.ids import new_id
from app.services import records

KIND = "api_key"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"tw_(?:live_|test_)?[0-9a-f]{8}_[0-9A-Za-z]{49}")
# How long the old secret still works beside the new one, so that clients can be changed.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Holder:
    """A key as it was looked up: with its practice, whoever it acts as, and its last moment."""

    key: KeyHolderRow
    until: datetime | None

    @property
    def by(self) -> Actor:
        """The person the key acts as, or the system it is named for."""
        key = self.key
        person = key["staff_id"] is not None
        return Actor(
            key["practice_id"],
            ActorType.STAFF if person else ActorType.SYSTEM,
            key["staff_id"],
            key["staff_name"] or key["name"],
            credential_id=key["id"],
        )

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.key["roles"] or ())

    @property
    def may(self) -> frozenset[str]:
        scopes = self.key["scopes"]
        if self.key["staff_id"] is None:
            return access.of_system(scopes)
        return access.granted(self.roles, scopes)

    def usable(self, now: datetime) -> bool:
        """Whether neither key nor secret has ended, and its member of staff is active."""
        key = self.key
        ended = key["revoked_at"] is not None or (self.until is not None and self.until <= now)
        return not ended and (key["staff_id"] is None or bool(key["active"]))


def create(
    db: Connection,
    *,
    name: str,
    staff_id: str | None = None,
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> tuple[ApiKeyRow, str]:
    """Make a key for the actor's practice; the key itself is returned this once only.

    It acts as a member of staff, or else as the system `name`. `Forbidden` beyond what the
    `giver` can hand on.
    """
    _check_scopes(scopes)
    if expires_at is not None and expires_at <= now:
        raise Invalid(("/expires_at", "must lie in the future"))
    member = None
    if staff_id is not None:
        member = record_rows.get(db, Staff, practice_id=by.practice_id, id=staff_id)
        if member is None or not member["active"]:
            raise Invalid(("/staff_id", "no active member of staff in this practice"))
    _check_reach(member, scopes, giver)
    id = new_id(now)
    values: ApiKeyValues = {
        "name": name,
        "prefix": f"tw_{_environment(db, by.practice_id)}_{id[-8:]}",
        "staff_id": staff_id,
        "scopes": None if scopes is None else sorted(set(scopes)),
        "expires_at": expires_at,
    }
    made = records.create(db, ApiKey, values, kind=KIND, id=id, by=by, now=now)
    return made, _secret(db, made, now)


def rotate(
    db: Connection,
    *,
    key_id: str,
    overlap: timedelta = OVERLAP,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> tuple[ApiKeyRow, str]:
    """Give the key a new secret; the old one works for `overlap` more.

    The new secret is handed out, so it must not reach beyond what its receiver can hand on.
    """
    key = records.load(db, ApiKey, practice_id=by.practice_id, id=key_id)
    if by.credential_id != key["id"]:
        member = None
        if key["staff_id"] is not None:
            member = records.load(db, Staff, practice_id=by.practice_id, id=key["staff_id"])
        _check_reach(member, key["scopes"], giver)
    if key["revoked_at"]:
        raise WrongState(state=KeyState.REVOKED)
    if key["expires_at"] and key["expires_at"] <= now:
        raise WrongState(state=KeyState.EXPIRED)
    rows.end_credentials(
        db, practice_id=by.practice_id, holder_id=key["id"], at=now + overlap if overlap else None
    )
    secret = _secret(db, key, now)
    changes = {"earlier_secret_until": [None, (now + overlap).isoformat()]}
    changed = records.touch(
        db, ApiKey, key, kind=KIND, action="rotate", changes=changes, by=by, now=now
    )
    return changed, secret


def revoke(db: Connection, *, key_id: str, by: Actor, now: datetime) -> ApiKeyRow:
    """Revoke a key; servers stop accepting it within their cache time, 60 s at most."""
    record = records.load(db, ApiKey, practice_id=by.practice_id, id=key_id)
    values = ApiKeyValues(revoked_at=record["revoked_at"] or now)
    return records.change(db, ApiKey, record, values, kind=KIND, action="revoke", by=by, now=now)


def find(database: Database, *, digest: bytes) -> Holder | None:
    """Return who presents a key with this digest, None for one that is not known."""
    with database.read(NONE) as db:
        known = rows.credential(db, digest=digest)
    if known is None or known["kind"] != CredentialKind.KEY:
        return None
    practice_id = known["practice_id"]
    with database.read(practice_id) as db:
        key = rows.holder(db, practice_id=practice_id, key_id=known["holder_id"])
    if key is None:
        return None
    ends = [at for at in (known["expires_at"], key["expires_at"]) if at is not None]
    return Holder(key, min(ends, default=None))


def well_formed(key: str) -> bool:
    """Return whether the text can be a key at all, by its length and checksum."""
    return _FORM.fullmatch(key) is not None and checksum(key[:-6]) == key[-6:]


def hashed(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def checksum(text: str) -> str:
    """Return six characters of CRC-32 over the text."""
    return _base62(zlib.crc32(text.encode()), 6)


def _secret(db: Connection, key: ApiKeyRow, now: datetime) -> str:
    drawn = _base62(int.from_bytes(secrets.token_bytes(32), "big"), 43)
    text = f"{key['prefix']}_{drawn}"
    whole = f"{text}{checksum(text)}"
    rows.add_credential(
        db,
        practice_id=key["practice_id"],
        kind=CredentialKind.KEY,
        holder_id=key["id"],
        digest=hashed(whole),
        now=now,
    )
    return whole


def _environment(db: Connection, practice_id: str) -> str:
    practice = practice_rows.get(db, practice_id=practice_id)
    return "test" if practice and practice["sandbox_of"] else "live"


def _check_reach(member: StaffRow | None, scopes: Sequence[str] | None, giver: Giver) -> None:
    """Refuse a key of that member of staff, or of a system, that the giver cannot hand on."""
    if giver.scoped and scopes is None:
        raise Forbidden("Your key is limited to scopes, so a key that it makes needs scopes too.")
    if member is None:
        giver.check(access.of_system(scopes))
    else:
        giver.check(access.granted(member["roles"], scopes), acts_as=member["id"])


def _check_scopes(scopes: Sequence[str] | None) -> None:
    unknown = [n for n, scope in enumerate(scopes or ()) if scope not in access.PERMISSIONS]
    if unknown:
        raise Invalid(
            *((f"/scopes/{n}", "is not a permission: see GET /v1/roles") for n in unknown)
        )


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
