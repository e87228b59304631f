"""Routes: each states what it may do; bodies and query strings are read strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.db.engine.engine import DatabaseAway, DatabaseBusy
from app.domain.access import access
from app.domain.errors import Invalid, Overloaded, Unauthenticated
from app.edge.input import json_body
from app.edge.input.query import check_query
from app.edge.problems import problems
from app.edge.problems.problem_openapi import SCHEME, responses_for
from app.edge.requests.work import REASON, Needs, Threaded, enter, reads, writes

E = TypeVar("E", bound=Callable[..., Any])

_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "Send the same key with a retry: it happens once and is answered alike.",
}
_MATCH_HEADER = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag that was read; 428 without it, 412 when it is stale.",
}
_NONE_MATCH_HEADER = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag at hand: 304 when it is still the present one.",
}


_BREAK_GLASS = {
    "name": "Break-Glass",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{REASON.pattern}$"},
    "description": "In an emergency: why a person reads what their role does not show them.",
}

_WRITE_CAN = (
    "unauthenticated",
    "forbidden",
    "not-found",
    "invalid",
    "bad-json",
    "unsupported-media-type",
    "contended",
    "content-too-large",
    "database-busy",
)
_POST_CAN = ("idempotency-mismatch", "idempotency-pending")
_PATCH_CAN = ("stale-version", "precondition-required")


class StrictRoute(APIRoute):
    """A route that refuses what it does not know: parameters, media types, loose JSON."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        needs = getattr(endpoint, "needs", None)
        if not isinstance(needs, Needs) or not needs.may or not needs.may <= access.PERMISSIONS:
            raise RuntimeError(f"the route {path} does not state a permission")
        self.needs = needs
        super().__init__(path, endpoint, **options)

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

        needs = self.needs

        async def strict(request: Request) -> Response:
            await enter(request, needs)
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
                        raise Invalid(("", "nothing is taken here"))
            return await handle(request)

        async def told(request: Request) -> Response:
            """Answer; a refusal is in the log before it goes out."""
            try:
                return await strict(request)
            except Overloaded:
                # Nothing was looked at, and the log is what may be waited for.
                raise
            except Exception as failure:
                work = request.scope["state"].get("work")
                code = problems.code_of(failure)
                if work is not None and code is not None:
                    await work.surroundings.log.kept(work.event(code))
                raise

        async def answered(request: Request) -> Response:
            """Answer; whose practice was erased a moment ago is nobody any more."""
            try:
                return await told(request)
            except (DatabaseAway, DatabaseBusy):
                raise
            except Exception as fault:
                work = request.scope["state"].get("work")
                # Where there is no practice, neither a change nor the row of a look can be saved.
                if work is None or problems.code_of(fault) is not None:
                    raise
                if await work.surroundings.callers.gone(work.practice_id):
                    raise Unauthenticated() from None
                raise

        return answered


class Door(APIRouter):
    """The routes of one noun. `may` names the permissions a caller must have."""

    def __init__(self, *, tag: str) -> None:
        super().__init__(route_class=StrictRoute, tags=[tag])

    def read(
        self,
        path: str,
        *,
        may: str,
        gives: Any = None,
        can: tuple[str, ...] = (),
        tagged: bool = False,
        patients: bool = True,
        **options: Any,
    ) -> Callable[[E], E]:
        """Add a GET route; `gives` is the shape of its answer, `tagged` one with an ETag.

        Its endpoint says by `work.saw` whose data it shows, unless `patients` is false.
        """
        parameters = [_NONE_MATCH_HEADER] if tagged else []
        responses = responses_for("unauthenticated", "forbidden", "not-found", "invalid", *can)
        if tagged:
            responses[304] = {"description": "Still the version at hand."}

        def add(endpoint: E) -> E:
            self._add(
                path,
                reads(endpoint),
                _needs(endpoint, may, patients=patients, reads=True),
                method="GET",
                gives=gives,
                responses=responses,
                parameters=parameters,
                **options,
            )
            return endpoint

        return add

    def search(
        self, path: str, *, may: str, gives: Any, can: tuple[str, ...] = (), **options: Any
    ) -> Callable[[E], E]:
        """Add a POST route that only reads: a list whose filters no address should hold."""
        responses = responses_for(
            "unauthenticated", "forbidden", "invalid", "bad-json", "unsupported-media-type", *can
        )

        def add(endpoint: E) -> E:
            self._add(
                path,
                reads(endpoint),
                _needs(endpoint, may, patients=True, reads=True),
                method="POST",
                gives=gives,
                responses=responses,
                parameters=[],
                **options,
            )
            return endpoint

        return add

    def write(
        self,
        method: str,
        path: str,
        *,
        may: str,
        gives: Any = None,
        status: int = 200,
        may_create: bool = False,
        can: tuple[str, ...] = (),
        **options: Any,
    ) -> Callable[[E], E]:
        """Add a POST or PATCH route that runs in one transaction, committed before the answer.

        `may_create` says that it answers 201 with the same shape when it made something.
        """
        parameters = [_KEY_HEADER] if method == "POST" else [_MATCH_HEADER]
        own = _POST_CAN if method == "POST" else _PATCH_CAN
        responses = responses_for(*_WRITE_CAN, *own, *can)
        if may_create:
            responses[201] = {"description": "Created.", "model": gives}

        def add(endpoint: E) -> E:
            self._add(
                path,
                writes(endpoint),
                _needs(endpoint, may, patients=False, reads=False),
                method=method,
                gives=gives,
                responses=responses,
                parameters=parameters,
                status_code=status,
                **options,
            )
            return endpoint

        return add

    def _add(
        self,
        path: str,
        endpoint: Threaded,
        needs: Needs,
        *,
        method: str,
        gives: Any,
        parameters: list[dict[str, Any]],
        **options: Any,
    ) -> None:
        endpoint.needs = needs  # type: ignore[attr-defined]
        if needs.reads and needs.may <= access.EMERGENCY:
            parameters = [*parameters, _BREAK_GLASS]
        extra = {
            "parameters": parameters,
            "x-permission": " ".join(sorted(needs.may)),
            "security": [{SCHEME: []}],
        }
        self.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=gives,
            openapi_extra=extra | options.pop("openapi_extra", {}),
            summary=(endpoint.__doc__ or "").split("\n")[0].rstrip("."),
            operation_id=needs.action,
            **options,
        )


def _needs(endpoint: Callable[..., Any], may: str, *, patients: bool, reads: bool) -> Needs:
    """What a route states: it is named for its module and function, its noun is the first one."""
    action = f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"
    return Needs(action, frozenset(may.split()), may.partition(":")[0], patients, reads)
