"""The routes of the application, and which of them anyone may ask."""

from __future__ import annotations

import re
from typing import Any

# What anyone may read: health, the contract and its pages, and where tokens are made. Nothing of a
# practice is in them.
PUBLIC = re.compile(
    r"/($|(healthz|readyz|metrics|openapi\.json|docs|problems|oauth/token|\.well-known)\b)"
)


def flat(found: Any) -> list[Any]:
    """Routes, however deep their routers were included."""
    routes: list[Any] = []
    for route in found:
        inner = getattr(route, "original_router", None)
        routes += flat(inner.routes) if inner else [route]
    return routes
