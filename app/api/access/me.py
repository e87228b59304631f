"""Who the caller is."""

from __future__ import annotations

from app.api.shapes import Shape
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services.practice import practices

router = ResourceRouter(tag="practice")


class KeyOut(Shape):
    id: str
    name: str
    prefix: str


class PracticeRef(Shape):
    id: str
    name: str
    time_zone: str


class ActorOut(Shape):
    """A member of staff, or the system a credential is named for."""

    type: str
    id: str | None
    name: str
    roles: list[str]


class MeOut(Shape):
    practice: PracticeRef
    key: KeyOut
    by: ActorOut
    may: list[str]
    today: str
    sandbox: bool


@router.read("/me", permission="practice:read", patients=False, response_model=MeOut)
def me(ctx: Ctx) -> Answer:
    """Return which practice and key this is, who it acts as, what it may do, and the day there."""
    caller = ctx.caller
    practice = practices.load(ctx.db, practice_id=ctx.practice_id)
    return Answer(
        {
            "practice": {
                "id": caller.practice_id,
                "name": caller.practice_name,
                "time_zone": caller.time_zone,
            },
            "key": {
                "id": caller.credential_id,
                "name": caller.credential_name,
                "prefix": caller.prefix,
            },
            "by": {
                "type": caller.by.type,
                "id": caller.by.id,
                "name": caller.by.name,
                "roles": caller.roles,
            },
            "may": sorted(caller.permissions),
            "today": ctx.today,
            "sandbox": practice["sandbox_of"] is not None,
        }
    )
