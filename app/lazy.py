"""Libraries that most servers never use: each is loaded when something of it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module that is not loaded yet; its names are looked up in it when they are used.

    A checker of types sees the module itself:

        if TYPE_CHECKING:
            import httpx2
        else:
            httpx2 = LazyModule("httpx2")
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
