"""Every combination of filters is sent once, so that the proof of what is sent sees each text.

On SQLite, that is. The same statements differ on PostgreSQL in how functions and types are spelt:
there each filter is sent alone, and all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pytest

from app.db.engine.engine import Connection, Database
from app.db.queries.audit import audit
from app.db.queries.patients import patients
from app.db.queries.scheduling import sessions, worklist
from app.db.queries.scheduling.worklist import Filters, Thresholds
from app.domain.scheduling.worklist import BOOKINGS, STATUSES

DAY, NOW = date(2026, 3, 20), datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
ID = "019d0bc2-a980-7004-aeca-95ac71c09566"
RANGES = ((None, None), (DAY, None), (None, DAY), (DAY, DAY))
AT = Thresholds(DAY, 14, 7, 84)

WORKLIST: dict[str, tuple[Any, ...]] = {
    "statuses": ((), STATUSES),
    "bookings": ((), BOOKINGS),
    "due_from": (None, DAY),
    "due_to": (None, DAY),
    "location_id": (None, ID),
    "practitioner_id": (None, ID),
    "q": (None, "pat example"),
}
SESSIONS: dict[str, tuple[Any, ...]] = {
    "course_id": (None, ID),
    "statuses": ((), ("booked", "given")),
    "given": ((None, None), (DAY, DAY)),
    "starts": ((None, None), (DAY, DAY)),
    "location_id": (None, ID),
    "practitioner_id": (None, ID),
    "after": (None, (NOW, ID)),
}
EVENTS: dict[str, tuple[Any, ...]] = {
    "since": (None, NOW),
    "until": (None, NOW),
    "equal": (None, {"by_id": ID, "action": "read"}),
    "outcomes": ((), ("done", "shown")),
    "patient_id": (None, ID),
    "broken_glass": (None, True, False),
    "before": (None, ID),
}
PATIENTS: dict[str, tuple[Any, ...]] = {
    "q": (None, "pat example"),
    "mrn_key": (None, "a1"),
    "birth_date": (None, DAY),
    "after": (None, ("example", ID)),
}


def combinations(db: Connection, filters: dict[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each; the first value is that of no filter."""
    none, every = ({name: values[n] for name, values in filters.items()} for n in (0, -1))
    if db.dialect.name == "sqlite":
        for chosen in product(*filters.values()):
            yield dict(zip(filters, chosen, strict=True))
        return
    yield from (none, every)
    for name, values in filters.items():
        yield from (none | {name: value} for value in values[1:])


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    with database.read(ID) as db:
        yield db


def page(db: Connection, filters: Filters, **how: Any) -> list[worklist.Stored]:
    how = {"after": None, **how}
    return worklist.page(db, practice_id=ID, filters=filters, at=AT, limit=1, **how)


def test_the_worklist(db: Connection) -> None:
    for chosen in combinations(db, WORKLIST):
        assert page(db, Filters(**chosen)) == []
        assert worklist.counts(db, practice_id=ID, filters=Filters(**chosen), at=AT) == {}


def test_later_pages_of_the_worklist_and_its_table(db: Connection) -> None:
    every = Filters(**{name: values[-1] for name, values in WORKLIST.items()})
    for filters in (Filters(), every):
        for after, doses in product((None, (DAY, ID)), (False, True)):
            assert page(db, filters, after=after, doses=doses) == []


def test_each_status_and_booking_alone(db: Connection) -> None:
    for status in STATUSES:
        assert page(db, Filters(statuses=(status,))) == []
    for booking in BOOKINGS:
        assert page(db, Filters(bookings=(booking,))) == []


def test_the_list_of_sessions(db: Connection) -> None:
    for chosen in combinations(db, SESSIONS):
        assert sessions.page(db, practice_id=ID, limit=1, **chosen) == []
    for given, starts in product(RANGES, RANGES):
        assert sessions.page(db, practice_id=ID, limit=1, given=given, starts=starts) == []


def test_the_log(db: Connection) -> None:
    for chosen in combinations(db, EVENTS):
        assert audit.page(db, practice_id=ID, limit=1, **chosen) == []


def test_patients(db: Connection) -> None:
    for chosen in combinations(db, PATIENTS):
        assert patients.page(db, practice_id=ID, limit=1, **chosen) == []
