"""Members of staff who call with keys of their own."""

from __future__ import annotations

from typing import Any

from tests.support.clinic import Clinic


def acting(clinic: Clinic, *roles: str, scopes: list[str] | None = None) -> str:
    """A key that acts as a new member of staff who is named for their role."""
    member = clinic.a_member(*roles, name=f"The {roles[0]}")["id"]
    narrowed = {} if scopes is None else {"scopes": scopes}
    key: str = clinic.post("/keys", {"name": "theirs", "staff_id": member, **narrowed})["key"]
    return key


def asked(clinic: Clinic, key: str, path: str, **headers: str) -> Any:
    return clinic.call("GET", path, authorization=f"Bearer {key}", **headers)
