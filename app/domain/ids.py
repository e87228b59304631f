"""UUIDv7 keys made by the application (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_lock = threading.Lock()
_last = 0


def new_id(now: datetime) -> str:
    """Return a UUIDv7 in its text form, later than every one made before in this process.

    48 bits of milliseconds, then a 12-bit counter: keys made in one millisecond, or while the
    clock steps back, still rise, so that what is written together lies together in an index.
    """
    global _last
    tick = int(now.timestamp() * 1000) << 12
    with _lock:
        _last = tick = max(tick, _last + 1)
    low = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return _spelled(f"{tick >> 12:012x}{0x7000 | tick & 0xFFF:04x}{low:016x}")


def pack(ids: Iterable[str]) -> bytes:
    """Return keys as bytes, one after the other: 16 bytes each."""
    return bytes.fromhex("".join(ids).replace("-", ""))


def unpack(packed: bytes) -> list[str]:
    """Return the keys that were packed, in their order."""
    return [_spelled(packed[at : at + 16].hex()) for at in range(0, len(packed), 16)]


def _spelled(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_id(text: str) -> bool:
    """Return whether the text is written as a key is."""
    return _ID.fullmatch(text) is not None


def first_id(at: datetime) -> str:
    """Return the lowest key that an instant can have: keys below it were made before."""
    text = f"{int(at.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000000"


def made_at(id: str) -> datetime:
    """Return the instant that a key was made, to the millisecond."""
    return datetime.fromtimestamp(int(id[:13].replace("-", ""), 16) / 1000, UTC)
