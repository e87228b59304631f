"""The demo practice: its history unfolds through the services, event by event, up to today."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from app.cli.demo.demo_story import Event, Patient, Places
from app.data.demo import DemoPractice, demo_practice
from app.db.engine.engine import Connection
from app.db.models import Closure, Location, Practitioner
from app.db.queries.practice import practices as practice_rows
from app.db.rows.practice import LocationValues, PracticeRow, PractitionerValues
from app.db.rows.scheduling import ClosureValues
from app.domain.access.access import Actor, ActorType
from app.domain.dates import local_day
from app.services import records
from app.services.practice import practices

# Before the first of the stories begins.
OPEN_SINCE = timedelta(1500)


def find(db: Connection) -> PracticeRow | None:
    """Return the demo practice, None where it was not made yet."""
    name = demo_practice().name
    return next((p for p in practice_rows.every(db) if p["name"] == name), None)


def build(db: Connection, *, id: str, by_name: str, now: datetime) -> PracticeRow:
    """Make the practice with its patients and return it.

    Each event is recorded as of its own time, so that the record looks as it would have grown.
    """
    plan = demo_practice()
    begun = now - OPEN_SINCE
    practice = practices.create(
        db, id=id, name=plan.name, time_zone=plan.time_zone, by_name=by_name, now=begun
    )
    by = Actor(practice["id"], ActorType.SYSTEM, None, by_name)
    places = _places(db, plan, local_day(now, plan.time_zone), by=by, now=begun)
    events: list[Event] = []
    for number, (story, family) in enumerate(
        zip(plan.stories, plan.family_names, strict=True), start=1
    ):
        given = plan.given_names[number * 7 % len(plan.given_names)]
        events += Patient(number, family, given, story, places).events()
    # Sorting is stable: what one patient's story tells first comes first at the same minute.
    for at, happen in sorted(events, key=lambda event: event[0]):
        happen(db, by, at)
    for closure in plan.closures:
        _close(db, closure, places, by=by, now=now)
    return practice


def _places(db: Connection, plan: DemoPractice, today: date, *, by: Actor, now: datetime) -> Places:
    made = [
        records.create(
            db,
            Location,
            LocationValues(name=place["name"], time_zone=place["time_zone"]),
            kind="location",
            by=by,
            now=now,
        )
        for place in plan.locations
    ]
    people = [
        records.create(
            db, Practitioner, PractitionerValues(name=name), kind="practitioner", by=by, now=now
        )
        for name in plan.practitioners
    ]
    return Places(
        plan.time_zone,
        today,
        plan.elsewhere,
        [(place["id"], place["time_zone"]) for place in made],
        [person["id"] for person in people],
    )


def _close(
    db: Connection, closure: dict[str, Any], places: Places, *, by: Actor, now: datetime
) -> None:
    at, who = closure.get("location"), closure.get("practitioner")
    values: ClosureValues = {
        "location_id": None if at is None else places.locations[at][0],
        "practitioner_id": None if who is None else places.practitioners[who],
        "starts_on": places.today + timedelta(closure["since"]),
        "ends_on": places.today + timedelta(closure["until"]),
        "reason": closure["reason"],
    }
    records.create(db, Closure, values, kind="closure", by=by, now=now)
