"""The keys this service signs its own tokens with: make the next one, read those there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.db.engine.engine import Connection
from app.db.keys.keyring import DecryptionFailed, Keyring
from app.db.queries.access import tokens as rows
from app.db.rows.access import SigningKeyRow
from app.db.rows.base import JsonObject
from app.domain.ids import new_id
from app.lazy import LazyModule

if TYPE_CHECKING:
    from joserfc import jwk
else:
    jwk = LazyModule("joserfc.jwk")

# How long a token is good for, and how long a server may go on signing with the key before.
TOKEN_SECONDS = 300
NOTICED_SECONDS = 60
_PLACE = {"table": "signing_key", "column": "sealed", "practice_id": ""}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys whose tokens are accepted, newest first; the first one signs. Its kid is its id."""

    private: jwk.ECKey | None
    public: dict[str, JsonObject]


def rotate(db: Connection, *, keyring: Keyring, now: datetime) -> str:
    """Make the next signing key and return its id.

    The key before is accepted until the last token it may still sign has expired.
    """
    key = jwk.ECKey.generate_key("P-256")
    id = new_id(now)
    members = {"kid": id, "use": "sig", "alg": "ES256"}
    private = json.dumps(key.as_dict(private=True)).encode()
    row: SigningKeyRow = {
        "id": id,
        "public": {**key.as_dict(private=False), **members},
        "sealed": keyring.encrypt(private, row_id=id, **_PLACE),
        "created_at": now,
        "retires_at": None,
    }
    overlap = timedelta(seconds=TOKEN_SECONDS + 2 * NOTICED_SECONDS)
    rows.add_signing_key(db, row=row, retires_at=now + overlap)
    return id


def current(db: Connection, *, keyring: Keyring, now: datetime) -> SigningKeys:
    """Return the keys that are accepted; `private` is None while there is none, or none that
    the master keys decrypt."""
    keys = rows.signing_keys(db, now=now)
    public = {key["id"]: key["public"] for key in keys}
    if not keys:
        return SigningKeys(None, public)
    newest = keys[0]
    try:
        opened = json.loads(keyring.decrypt(newest["sealed"], row_id=newest["id"], **_PLACE))
    except DecryptionFailed:
        return SigningKeys(None, public)
    return SigningKeys(jwk.ECKey.import_key({**opened, "kid": newest["id"]}), public)
