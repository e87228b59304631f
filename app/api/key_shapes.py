"""API keys as they are sent and shown, those of the sandbox too."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from app.api.shapes import Record, Resource, some_of, stamps
from app.db.rows.access import ApiKeyRow
from app.db.rows.base import picked
from app.domain.access.access import PERMISSIONS

Scopes = Annotated[list[str], some_of(sorted(PERMISSIONS))]
_SHOWN = ("id", "name", "prefix", "staff_id", "scopes", "expires_at", "last_used_at", "revoked_at")


class ApiKeyOut(Resource):
    name: str
    prefix: str
    staff_id: str | None
    scopes: list[str] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyMadeOut(ApiKeyOut):
    """`key` is shown this once; in the answer to a retry it is null, because it is not kept."""

    key: str | None


def shown(key: ApiKeyRow) -> Record:
    """Return a key as it is shown; its secret is nowhere."""
    return picked(key, _SHOWN) | stamps(key)
