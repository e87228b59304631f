"""The practice that the benchmark's patients belong to: made by the application's own verbs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.db.engine.engine import Connection, open_database
from app.db.engine.scope import OWNER
from app.db.models import Closure, Location, Practitioner
from app.db.rows.scheduling import ClosureValues
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services import records
from app.services.access import keys
from app.services.practice import practices

ZONE = "America/New_York"
_CLOSURES = ((-30, -30), (12, 12), (25, 27), (60, 60), (95, 96), (140, 140), (200, 204), (310, 310))


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice in a database, and what a client needs to ask for its data."""

    url: str
    practice_id: str
    key: str
    cursor_key: str
    today: str
    locations: list[str]
    practitioners: list[str]
    # Ids of its courses, in no order that the lists know; of large practices a part.
    courses: list[str]

    @property
    def day(self) -> date:
        return date.fromisoformat(self.today)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def found(url: str, now: datetime, today: date) -> Practice:
    """Make the practice with three places, five people and eight closures."""
    database = open_database(url)
    with database.write(OWNER) as db:
        made = practices.create(
            db,
            id=new_id(now),
            name="Benchmark Headache Clinic",
            time_zone=ZONE,
            by_name="bench",
            now=now,
        )
        by = Actor(made["id"], ActorType.SYSTEM, None, "bench")
        _, key = keys.create(db, name="bench", by=by, now=now)
        places = [_named(db, Location, f"Site {n}", by, now, time_zone=ZONE) for n in range(3)]
        people = [_named(db, Practitioner, f"Dr {n}", by, now) for n in range(5)]
        for since, until in _CLOSURES:
            values: ClosureValues = {
                "location_id": None,
                "practitioner_id": None,
                "starts_on": today + timedelta(since),
                "ends_on": today + timedelta(until),
                "reason": None,
            }
            records.create(db, Closure, values, kind="closure", by=by, now=now)
    database.dispose()
    cursor_key = bytes(made["cursor_key"]).hex()
    return Practice(url, made["id"], key, cursor_key, today.isoformat(), places, people, [])


def _named(db: Connection, model: Any, name: str, by: Actor, now: datetime, **more: Any) -> str:
    kind = model.__tablename__
    made = records.create(db, model, {"name": name, **more}, kind=kind, by=by, now=now)
    return str(made["id"])
