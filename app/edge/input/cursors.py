"""Cursors of keyset pages: where the last page ended, encrypted for one list of one practice.

A cursor holds the sort values of the last row, which may be a name, and it travels in addresses;
so it is encrypted and authenticated with AES-SIV (RFC 5297). SIV needs no random number: the
same page has the same cursor. What is authenticated along with it, the list and its filters, is
not in the cursor; the practice is bound by its key.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from app.domain.errors import BadCursor

DEFAULT_LIMIT, MOST = 50, 200

Value = str | int | None
_compact = json.JSONEncoder(separators=(",", ":")).encode
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort values of the last row sent, and the date the first page was asked for."""

    position: tuple[Value, ...]
    on: str | None


def _cipher(key: bytes) -> AESSIV:
    """AES-256-SIV under 64 bytes derived from `key`, the 32 random ones of the practice."""
    return AESSIV(HKDFExpand(SHA512(), length=64, info=b"twelveweeks cursor").derive(key))


def _bound_to(listing: str, pinned: Mapping[str, str | None]) -> list[bytes]:
    """The associated data of AES-SIV: the list, and its filters in one order."""
    filters = sorted(item for item in pinned.items() if item[1] is not None)
    return [listing.encode(), _compact(filters).encode()]


def encode(
    key: bytes,
    position: tuple[Value, ...],
    pinned: Mapping[str, str | None],
    *,
    listing: str,
    on: str | None = None,
) -> str:
    """A cursor after `position`; `key` is the practice's, `pinned` the filters as sent.

    `listing` names the list, so that a cursor of one cannot be shown to another.
    """
    plain = _compact([on, *position]).encode()
    encrypted = _cipher(key).encrypt(plain, _bound_to(listing, pinned))
    return urlsafe_b64encode(encrypted).rstrip(b"=").decode()


def decode(
    key: bytes,
    cursor: str,
    pinned: Mapping[str, str | None],
    *,
    listing: str,
    on: str | None = None,
) -> Cursor:
    """What the cursor holds. `BadCursor` for one forged, of another list, practice or filters.

    `on` is the date the request names, if it names one; it must be the cursor's.
    """
    if len(cursor) > _LONGEST:
        raise BadCursor
    try:
        encrypted = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        plain = _cipher(key).decrypt(encrypted, _bound_to(listing, pinned))
    except (ValueError, InvalidTag):
        raise BadCursor from None
    pinned_on, *position = json.loads(plain)
    if on is not None and on != pinned_on:
        raise BadCursor
    return Cursor(tuple(position), pinned_on)


def link_header(path: str, params: Mapping[str, str], cursor: str) -> str:
    """The `Link` of the next page: the same filters, the new cursor."""
    query = urlencode({**params, "cursor": cursor})
    return f'<{quote(path)}?{query}>; rel="next"'
