"""What a seal covers: the digest of an audit row, and the chain of seals.

Tamper evidence, not prevention: whoever can write to the tables can write, but not without
changing a digest that the next seal, or whoever noted the newest one, holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from app.domain.ids import pack, unpack


class Fault(StrEnum):
    """What can be wrong with a row of the log, or with one of its seals."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    MISSING = "missing"
    ALTERED = "altered"
    TRUNCATED = "truncated"


# Id and SHA-256 of one row.
ENTRY = 16 + 32
# Digest of "the seal before the first".
BEGINNING = bytes(32)


def row_digest(row: Mapping[str, object]) -> bytes:
    """Return the SHA-256 of all that a row says, 32 bytes; the same from either database."""
    said = {name: _plain(value) for name, value in row.items()}
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def entries_of(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Return the entries of these rows, in their order."""
    return b"".join(pack([str(row["id"])]) + row_digest(row) for row in rows)


def read_entries(entries: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield id and digest of each row that a seal covers."""
    for at in range(0, len(entries), ENTRY):
        [id] = unpack(entries[at : at + 16])
        yield id, entries[at + 16 : at + ENTRY]


def seal_digest(before: bytes, practice_id: str, number: int, entries: bytes) -> bytes:
    """Return the digest of a seal, which holds the seal before it: 32 bytes."""
    about = f"{practice_id} {number} ".encode()
    return hashlib.sha256(before + about + entries).digest()


def head(number: int, digest: bytes) -> str:
    """Return a seal as it is noted elsewhere: `12:<64 hex digits>`."""
    return f"{number}:{digest.hex()}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value
