"""Routes that read their query string and body strictly, before the framework sees them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.edge.input import json_body
from app.edge.input.lazy_route import LazyRoute
from app.edge.input.query import check_query


class StrictInputRoute(LazyRoute):
    """A route that refuses what it does not know: parameters, media types, loose JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known: set[str] = set()
        for parameter in self.dependant.query_params:
            fields = getattr(parameter.field_info.annotation, "model_fields", None)
            if fields is None:
                known.add(parameter.alias)
            else:
                known.update(field.alias or name for name, field in fields.items())
        known_names = frozenset(known)
        takes_json = self.body_field is not None
        has_body = self.methods is not None and not self.methods.isdisjoint({"POST", "PATCH"})
        takes_nothing = not takes_json and "requestBody" not in (self.openapi_extra or {})
        patch = self.methods is not None and "PATCH" in self.methods

        async def strict(request: Request) -> Response:
            check_query(request.scope["query_string"], known_names)
            if has_body:
                body = await request.body()
                request.scope["state"]["raw_body"] = body
                if takes_json and body:
                    json_body.check_content_type(request.headers.get("content-type"), patch=patch)
                    request._json = json_body.parse(body)
                elif takes_nothing and body:
                    json_body.check_content_type(request.headers.get("content-type"))
                    # Some clients send an empty object with every POST; there is nothing to refuse.
                    if json_body.parse(body) not in ({}, None):
                        raise Invalid(("", "must be empty: this address takes no body"))
            return await handle(request)

        return strict
