"""Routes: each states the permission it needs; the caller is known before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.db.engine.engine import DatabaseAway, DatabaseBusy
from app.domain.access import access
from app.domain.errors import Overloaded, Unauthenticated
from app.edge.input.strict_route import StrictInputRoute
from app.edge.problems.problem_openapi import SCHEME, responses_for
from app.edge.problems.problems import code_of
from app.edge.requests.request_context import REASON, RoutePolicy, Threaded, enter, reads, writes

E = TypeVar("E", bound=Callable[..., Any])

_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "Send the same key with a retry: it is carried out once, with one answer.",
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
    "description": "The ETag you hold: 304 when it is still current.",
}


_BREAK_GLASS = {
    "name": "Break-Glass",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{REASON.pattern}$"},
    "description": "In an emergency: the reason to read what your role does not show.",
}

_WRITE_PROBLEMS = (
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
_POST_PROBLEMS = ("idempotency-mismatch", "idempotency-pending")
_PATCH_PROBLEMS = ("stale-version", "precondition-required")


class StrictRoute(StrictInputRoute):
    """A route that lets in whom its policy allows, reads strictly, and logs what it refuses."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        policy = getattr(endpoint, "policy", None)
        if (
            not isinstance(policy, RoutePolicy)
            or not policy.permissions
            or not policy.permissions <= access.PERMISSIONS
        ):
            raise RuntimeError(f"the route {path} does not state a permission")
        self.policy = policy
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        read_strictly = super().get_route_handler()
        policy = self.policy

        async def logged(request: Request) -> Response:
            """Answer; a refusal is in the audit log before it is sent."""
            try:
                await enter(request, policy)
                return await read_strictly(request)
            except Overloaded:
                # Nothing was read, and a wait for the audit log would add to the load.
                raise
            except Exception as failure:
                ctx = request.scope["state"].get("context")
                code = code_of(failure)
                if ctx is not None and code is not None:
                    await ctx.app_context.log.kept(ctx.event(code))
                raise

        async def answered(request: Request) -> Response:
            """Answer 401, not 500, when the practice was erased meanwhile."""
            try:
                return await logged(request)
            except (DatabaseAway, DatabaseBusy):
                raise
            except Exception as fault:
                ctx = request.scope["state"].get("context")
                # Without its practice neither a change nor an audit row can be saved.
                if ctx is None or code_of(fault) is not None:
                    raise
                if await ctx.app_context.callers.gone(ctx.practice_id):
                    raise Unauthenticated() from None
                raise

        return answered


class ResourceRouter(APIRouter):
    """The routes of one noun. `permission` names what a caller must have."""

    def __init__(self, *, tag: str) -> None:
        super().__init__(prefix="/v1", route_class=StrictRoute, tags=[tag])

    def read(
        self,
        path: str,
        *,
        permission: str,
        response_model: Any = None,
        problems: tuple[str, ...] = (),
        etag: bool = False,
        patients: bool = True,
        **options: Any,
    ) -> Callable[[E], E]:
        """Add a GET route; `etag`: its answer carries one.

        Its endpoint calls `ctx.saw` with whose data it shows, unless `patients` is false.
        """
        parameters = [_NONE_MATCH_HEADER] if etag else []
        responses = responses_for("unauthenticated", "forbidden", "not-found", "invalid", *problems)
        if etag:
            responses[304] = {"description": "Not changed since the ETag sent."}

        def add(endpoint: E) -> E:
            self._add(
                path,
                reads(endpoint),
                _policy(endpoint, permission, patients=patients, reads=True),
                method="GET",
                response_model=response_model,
                responses=responses,
                parameters=parameters,
                **options,
            )
            return endpoint

        return add

    def search(
        self,
        path: str,
        *,
        permission: str,
        response_model: Any,
        problems: tuple[str, ...] = (),
        **options: Any,
    ) -> Callable[[E], E]:
        """Add a POST route that only reads: a list whose filters no address should hold."""
        responses = responses_for(
            "unauthenticated",
            "forbidden",
            "invalid",
            "bad-json",
            "unsupported-media-type",
            *problems,
        )

        def add(endpoint: E) -> E:
            self._add(
                path,
                reads(endpoint),
                _policy(endpoint, permission, patients=True, reads=True),
                method="POST",
                response_model=response_model,
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
        permission: str,
        response_model: Any = None,
        status: int = 200,
        may_create: bool = False,
        problems: tuple[str, ...] = (),
        **options: Any,
    ) -> Callable[[E], E]:
        """Add a POST or PATCH route that runs in one transaction, committed before the answer.

        `may_create` says that it answers 201 with the same shape when it made something.
        """
        parameters = [_KEY_HEADER] if method == "POST" else [_MATCH_HEADER]
        own = _POST_PROBLEMS if method == "POST" else _PATCH_PROBLEMS
        responses = responses_for(*_WRITE_PROBLEMS, *own, *problems)
        if may_create:
            responses[201] = {"description": "Created.", "model": response_model}

        def add(endpoint: E) -> E:
            self._add(
                path,
                writes(endpoint),
                _policy(endpoint, permission, patients=False, reads=False),
                method=method,
                response_model=response_model,
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
        policy: RoutePolicy,
        *,
        method: str,
        response_model: Any,
        parameters: list[dict[str, Any]],
        **options: Any,
    ) -> None:
        endpoint.policy = policy  # type: ignore[attr-defined]
        if policy.reads and policy.permissions <= access.EMERGENCY:
            parameters = [*parameters, _BREAK_GLASS]
        extra = {
            "parameters": parameters,
            "x-permission": " ".join(sorted(policy.permissions)),
            "security": [{SCHEME: []}],
        }
        self.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=response_model,
            openapi_extra=extra | options.pop("openapi_extra", {}),
            summary=(endpoint.__doc__ or "").split("\n")[0].rstrip("."),
            operation_id=policy.action,
            **options,
        )


def _policy(
    endpoint: Callable[..., Any], permission: str, *, patients: bool, reads: bool
) -> RoutePolicy:
    """What a route states: it is named for its module and function, its noun is the first one."""
    action = f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"
    return RoutePolicy(
        action, frozenset(permission.split()), permission.partition(":")[0], patients, reads
    )
