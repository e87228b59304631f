"""Cursors of keyset pages: where the last page ended, sealed for one list of one practice.

A cursor holds the sort values of the last row, which may be a name, and it travels in addresses;
so it is encrypted as well as signed. The tag over everything it depends on serves as the nonce
(the SIV construction), which needs no random number and no second key.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest, digest
from urllib.parse import quote, urlencode

from app.domain.errors import BadCursor

DEFAULT_LIMIT, MOST = 50, 200

Value = str | int | None
_compact = json.JSONEncoder(separators=(",", ":")).encode
_TAG_BYTES = 16
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort values of the last row sent, and the date the first page was asked for."""

    position: tuple[Value, ...]
    on: str | None


def _canonical(listing: str, pinned: Mapping[str, str | None]) -> bytes:
    filters = sorted(item for item in pinned.items() if item[1] is not None)
    return _compact([listing, filters]).encode()


def _tag(key: bytes, about: bytes, plain: bytes) -> bytes:
    length = len(about).to_bytes(4, "big")
    return digest(key, b"tag" + length + about + plain, "sha256")[:_TAG_BYTES]


def _crypt(key: bytes, tag: bytes, data: bytes) -> bytes:
    """`data` combined with a stream that depends on key and tag; the same call undoes it."""
    stream = b"".join(
        digest(key, b"pad" + tag + block.to_bytes(4, "big"), "sha256")
        for block in range(-(-len(data) // 32))
    )
    size = len(data)
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(
        size, "big"
    )


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
    tag = _tag(key, _canonical(listing, pinned), plain)
    return urlsafe_b64encode(tag + _crypt(key, tag, plain)).rstrip(b"=").decode()


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
        sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadCursor from None
    tag, body = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
    if len(tag) < _TAG_BYTES:
        raise BadCursor
    plain = _crypt(key, tag, body)
    if not compare_digest(tag, _tag(key, _canonical(listing, pinned), plain)):
        raise BadCursor
    pinned_on, *position = json.loads(plain)
    if on is not None and on != pinned_on:
        raise BadCursor
    return Cursor(tuple(position), pinned_on)


def link_header(path: str, params: Mapping[str, str], cursor: str) -> str:
    """The `Link` of the next page: the same filters, the new cursor."""
    query = urlencode({**params, "cursor": cursor})
    return f'<{quote(path)}?{query}>; rel="next"'
