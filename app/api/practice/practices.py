"""The caller's practice and its settings."""

from __future__ import annotations

from typing import Annotated, Literal

from app.api.shapes import Resource, changes_of, stamps
from app.db.rows.base import picked
from app.db.rows.practice import PracticeRow, PracticeValues
from app.edge.input.fields import Body, Text, TimeZoneName, count
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx
from app.edge.requests.routing import ResourceRouter
from app.services.practice import practices

router = ResourceRouter(tag="practice")


class PracticeOut(Resource):
    name: str
    time_zone: str
    min_interval_days: int
    early_tolerance_days: int
    overdue_after_days: int
    lapsed_after_days: int
    lead_days: int
    renewal_lead_days: int
    continuation_days: int
    early_booking: str
    booking_master: str


class PracticePatch(Body):
    """Settings to change. `min_interval_days` moves dates; the others how they are judged."""

    name: Text | None = None
    time_zone: TimeZoneName | None = None
    min_interval_days: Annotated[int, count(1, 366)] | None = None
    early_tolerance_days: Annotated[int, count(0, 14)] | None = None
    overdue_after_days: Annotated[int, count(1, 366)] | None = None
    lapsed_after_days: Annotated[int, count(2, 1000)] | None = None
    lead_days: Annotated[int, count(0, 366)] | None = None
    renewal_lead_days: Annotated[int, count(0, 366)] | None = None
    continuation_days: Annotated[int, count(0, 84)] | None = None
    early_booking: Literal["warn", "reason_required", "refuse"] | None = None
    booking_master: Literal["twelveweeks", "ehr"] | None = None


@router.read(
    "/practice", permission="practice:read", patients=False, response_model=PracticeOut, etag=True
)
def show(ctx: Ctx) -> Answer:
    """Return the practice and its settings."""
    return _answer(practices.load(ctx.db, practice_id=ctx.practice_id))


@router.write("PATCH", "/practice", permission="practice:update", response_model=PracticeOut)
def change(ctx: Ctx, body: PracticePatch) -> Answer:
    """Change settings; dates that depend on them are recomputed."""
    practice = practices.load(ctx.db, practice_id=ctx.practice_id)
    ctx.require_match(etag(practice["version"]))
    values = changes_of(body, PracticeValues, *PracticePatch.model_fields)
    changed = practices.change(ctx.db, practice=practice, values=values, by=ctx.by, now=ctx.now)
    # The practice's name and time zone are remembered with its keys.
    ctx.forget_callers()
    return _answer(changed)


def _answer(practice: PracticeRow) -> Answer:
    shown = picked(practice, practices.SETTINGS)
    return Answer(shown | stamps(practice), etag=etag(practice["version"]))
