"""Who the caller is."""

from __future__ import annotations

from app.api.shapes import Shape
from app.edge.routing import Door
from app.edge.work import Answer, Working

router = Door(tag="practice")


class KeyOut(Shape):
    id: str
    name: str
    prefix: str


class PracticeRef(Shape):
    id: str
    name: str
    time_zone: str


class MeOut(Shape):
    practice: PracticeRef
    key: KeyOut
    today: str


@router.read("/me", may="practice:read", gives=MeOut)
def me(work: Working) -> Answer:
    """Say which practice and key this is, and what day it is there."""
    caller = work.caller
    return Answer(
        {
            "practice": {
                "id": caller.practice_id,
                "name": caller.practice_name,
                "time_zone": caller.time_zone,
            },
            "key": {"id": caller.key_id, "name": caller.key_name, "prefix": caller.prefix},
            "today": work.today,
        }
    )
