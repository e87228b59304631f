"""`Idempotency-Key`: a request sent twice happens once and is answered twice alike.

The key is claimed at the start of the write's own transaction, so a concurrent twin waits for
the row, then finds the answer; a failed request leaves no claim behind.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from app.db.engine.engine import Connection
from app.db.queries import idempotency as rows
from app.domain.access import access
from app.domain.errors import IdempotencyMismatch, IdempotencyPending, Invalid
from app.domain.ids import is_id

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def key_of(request: Request) -> str | None:
    """Return the request's key, None without one; `Invalid` for one that cannot be stored."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid(("Idempotency-Key", "must be 1 to 200 visible ASCII characters"))
    return key


def fingerprint(request: Request, may: frozenset[str]) -> bytes:
    """Return what tells this request from another one under the same key: 32 bytes.

    Any credential of the practice may send it again, unless a body could need a right that only
    one of the two has: an answer is never replayed to who would have been refused.
    """
    rights = ",".join(sorted(may & access.BY_BODY))
    about = f"{rights} {request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(about + request.scope["state"].get("raw_body", b"")).digest()


def claim(
    db: Connection,
    *,
    practice_id: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    hours: int,
) -> Response | None:
    """Take the key for this request, or return the answer that it got before."""
    if rows.claim(
        db,
        practice_id=practice_id,
        key=key,
        fingerprint=fingerprint,
        now=now,
        forgotten_before=now - timedelta(hours=hours),
    ):
        return None
    kept = rows.get(db, practice_id=practice_id, key=key)
    if kept is None or kept["status"] is None:
        raise IdempotencyPending()
    if kept["fingerprint"] != fingerprint:
        raise IdempotencyMismatch()
    headers = {"idempotency-replayed": "true"}
    headers |= {
        name: value
        for name, value in (("location", kept["location"]), ("etag", kept["etag"]))
        if value
    }
    return Response(kept["body"], kept["status"], headers, media_type="application/json")


def about(replay: Response) -> str | None:
    """Return the id of the record that a replayed answer shows, if it is one record's."""
    body = json.loads(bytes(replay.body))
    id = body.get("id") if isinstance(body, dict) else None
    return id if isinstance(id, str) and is_id(id) else None


def keep(db: Connection, *, practice_id: str, key: str, response: Response) -> None:
    """Keep the answer with the key."""
    rows.keep(
        db,
        practice_id=practice_id,
        key=key,
        status=response.status_code,
        location=response.headers.get("location"),
        etag=response.headers.get("etag"),
        body=bytes(response.body),
    )
