"""Sessions, chair time and drug that the coming weeks will need, by location."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter

from app.db.engine.engine import Connection
from app.db.queries.scheduling import worklist as rows
from app.domain.scheduling import demand
from app.domain.scheduling.worklist import BookingState, CourseStatus
from app.services.charting import protocols
from app.services.scheduling import worklist
from app.services.scheduling.course_dates import plan_of
from app.services.scheduling.worklist import WorklistContext

_LEFT_OUT = frozenset({CourseStatus.CLOSED, CourseStatus.ON_HOLD, CourseStatus.LAPSED})


@dataclass(slots=True)
class DemandWeek:
    """What one week asks of one location; the dose is in hundredths of a unit."""

    week_start: date
    location_id: str | None
    sessions: int = 0
    booked: int = 0
    hundredths: int = 0
    vials: int = 0

    @property
    def not_booked(self) -> int:
        return self.sessions - self.booked

    @property
    def chair_minutes(self) -> int:
        return self.sessions * demand.CHAIR_MINUTES


def of_weeks(
    db: Connection, *, setting: WorklistContext, since: date, weeks: int
) -> list[DemandWeek]:
    """Return one row a week and location, counted from the day `since`.

    Courses on hold and lapsed ones are left out; overdue ones stand in the first week.
    """
    until = since + timedelta(7 * weeks)
    practice_id = setting.practice["id"]
    found: dict[tuple[date, str], DemandWeek] = {}
    for stored in rows.stream(
        db, practice_id=practice_id, filters=rows.Filters(), at=setting.at, doses=True
    ):
        state = worklist.state_of(stored, setting)
        if state.status in _LEFT_OUT:
            continue
        protocol = protocols.version(
            db, practice_id=practice_id, code=stored.protocol, number=stored.protocol_version
        )
        dose = stored.last_administered or protocol.limits.fixed_hundredths
        booked = state.booked if state.booking is BookingState.BOOKED else None
        plan = plan_of(
            setting.practice,
            protocol.interval,
            own_interval=stored.interval_days,
            own_minimum=stored.min_interval_days,
        )
        for session in demand.expected(
            today=setting.on,
            since=since,
            until=until,
            due_on=stored.due_on,
            booked_on=booked.on if booked else None,
            plan=plan,
        ):
            start = demand.week_of(session.on, since)
            key = start, state.location_id or ""
            week = found.setdefault(key, DemandWeek(start, state.location_id))
            week.sessions += 1
            week.booked += session.booked
            week.hundredths += dose
            week.vials += demand.fewest_vials(dose)
    return [week for _, week in sorted(found.items(), key=itemgetter(0))]
