"""Sessions, chair time and drug that the coming weeks will need, by location."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.db.engine.engine import Connection
from app.db.queries.scheduling import worklist as rows
from app.db.queries.scheduling.facts import plan_of
from app.db.queries.table_rows import Record
from app.domain.scheduling import demand
from app.services.charting import protocols
from app.services.scheduling import worklist
from app.services.scheduling.worklist import WorklistContext


def of_weeks(db: Connection, *, setting: WorklistContext, since: date, weeks: int) -> list[Record]:
    """Return one row a week and location, counted from the day `since`; doses in hundredths.

    Courses on hold and lapsed ones are left out; overdue ones stand in the first week.
    """
    until = since + timedelta(7 * weeks)
    practice_id = setting.practice["id"]
    found: dict[tuple[date, str], dict[str, Any]] = {}
    for stored in rows.stream(
        db, practice_id=practice_id, filters=rows.Filters(), at=setting.at, doses=True
    ):
        stands = worklist.state_of(stored, setting)
        if stands.status in ("closed", "on_hold", "lapsed"):
            continue
        protocol = protocols.version(
            db, practice_id=practice_id, code=stored.protocol, number=stored.protocol_version
        )
        dose = stored.last_administered or protocol.limits.fixed_hundredths
        booked = stands.booked if stands.booking == "booked" else None
        for session in demand.expected(
            today=setting.on,
            since=since,
            until=until,
            due_on=stored.due_on,
            booked_on=booked.on if booked else None,
            plan=plan_of(stored._asdict(), setting.practice, protocol.interval),
        ):
            week = demand.week_of(session.on, since)
            place = stands.location_id or ""
            row = found.setdefault((week, place), _empty(week, stands.location_id))
            row["sessions"] += 1
            row["booked" if session.booked else "not_booked"] += 1
            row["chair_minutes"] += demand.CHAIR_MINUTES
            row["hundredths"] += dose
            row["vials"] += demand.fewest_vials(dose)
    return [row for _, row in sorted(found.items())]


def _empty(week: date, location_id: str | None) -> dict[str, Any]:
    return {
        "week_start": week,
        "location_id": location_id,
        "sessions": 0,
        "booked": 0,
        "not_booked": 0,
        "chair_minutes": 0,
        "hundredths": 0,
        "vials": 0,
    }
