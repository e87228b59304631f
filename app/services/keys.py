"""API keys: make, find, revoke. Only a SHA-256 of a key is kept.

A key is 256 random bits, so a fast hash is enough: there is nothing to guess. Its form lets
scanners of leaked secrets find it: `tw_<8 characters of its id>_<secret><checksum>`.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from datetime import datetime

from app.db.engine import Connection
from app.db.models import ApiKey
from app.db.queries import keys as rows
from app.db.queries.records import Record
from app.domain.access import Actor
from app.domain.ids import new_id
from app.services import records

KIND = "api_key"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def create(db: Connection, *, name: str, by: Actor, now: datetime) -> tuple[Record, str]:
    """Make a key for the actor's practice; the key itself is returned this once only."""
    id = new_id(now)
    prefix = f"tw_{id[-8:]}"
    secret = _base62(int.from_bytes(secrets.token_bytes(32), "big"), 43)
    key = f"{prefix}_{secret}{checksum(f'{prefix}_{secret}')}"
    values = {"id": id, "name": name, "prefix": prefix, "key_hash": hashed(key)}
    return records.create(db, ApiKey, values, kind=KIND, by=by, now=now), key


def well_formed(key: str) -> bool:
    """Return whether the text can be a key at all, by its length and checksum."""
    return len(key) == 61 and key.startswith("tw_") and checksum(key[:-6]) == key[-6:]


def hashed(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def find(db: Connection, *, key: str) -> Record | None:
    """Return the live key's record with its practice, None for an unknown or revoked one."""
    return rows.live(db, key_hash=hashed(key))


def revoke(db: Connection, *, key_id: str, by: Actor, now: datetime) -> Record:
    """Revoke a key; servers stop accepting it within their cache time, 60 s at most."""
    record = records.load(db, ApiKey, practice_id=by.practice_id, id=key_id)
    values = {"revoked_at": record["revoked_at"] or now}
    return records.change(db, ApiKey, record, values, kind=KIND, action="revoke", by=by, now=now)


def checksum(text: str) -> str:
    """Return six characters of CRC-32 over the text."""
    return _base62(zlib.crc32(text.encode()), 6)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
