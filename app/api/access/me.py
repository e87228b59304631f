"""Who the caller is."""

from __future__ import annotations

from app.api.shapes import Shape
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Working
from app.services.practice import practices

router = Door(tag="practice")


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


@router.read("/me", may="practice:read", patients=False, gives=MeOut)
def me(work: Working) -> Answer:
    """Say which practice and key this is, who it acts as and what it may, and what day it is."""
    caller = work.caller
    practice = practices.load(work.db, practice_id=work.practice_id)
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
            "may": sorted(caller.may),
            "today": work.today,
            "sandbox": practice["sandbox_of"] is not None,
        }
    )
