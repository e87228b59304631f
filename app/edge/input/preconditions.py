"""Versions as ETags: what `If-Match` and `If-None-Match` ask, answered.

A tag is a record's version, not a digest of bytes. Proxies that compress mark tags as weak
(`W/"5"`); a version says the same either way, so both forms match.
"""

from __future__ import annotations

import re

from app.domain.errors import PreconditionRequired, StaleVersion

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def etag(version: int | str) -> str:
    """The `ETag` of a version, quotes included."""
    return f'"{version}"'


def matches(header: str, tag: str) -> bool:
    """Whether a list of tags (or `*`) names this tag."""
    if header == tag or header.strip() == "*":
        return True
    return any(listed == tag for listed in _TAG.findall(header))


def require_match(header: str | None, tag: str) -> None:
    """Nothing when the change is made on the present version.

    Raises `PreconditionRequired` without a header, `StaleVersion` when another version is meant.
    """
    if header is None:
        raise PreconditionRequired
    if not matches(header, tag):
        raise StaleVersion


def not_modified(header: str | None, tag: str) -> bool:
    """Whether the reader holds the present version already (304)."""
    return header is not None and matches(header, tag)
