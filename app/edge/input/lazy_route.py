"""Routes that are built when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import RLock
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import compile_path

_building = RLock()


class LazyRoute(APIRoute):
    """A route that can do no more than match a path until anything else of it is asked for.

    To take all endpoints' signatures apart, and make validators of them, would be a good part of
    a server's start, and of its memory.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        **options: Any,
    ) -> None:
        self.path, self.endpoint, self.methods = path, endpoint, {*(methods or ("GET",))}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._unbuilt = options

    def __getattr__(self, name: str) -> Any:
        """Build the route: this is called for what is not there yet."""
        with _building:
            options = self.__dict__.pop("_unbuilt", None)
            if options is not None:
                super().__init__(self.path, self.endpoint, methods=self.methods, **options)
            return object.__getattribute__(self, name)
