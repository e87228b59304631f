"""Who acts, and for which practice."""

from __future__ import annotations

from typing import NamedTuple


class Actor(NamedTuple):
    """The person or named system behind a change; the credential decides the practice."""

    practice_id: str
    type: str
    id: str | None
    name: str
    request_id: str | None = None
