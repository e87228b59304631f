"""The log of reads: what fails for all is told to all at once, what fails for one to one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from app.db.engine.engine import Database, DatabaseBusy
from app.db.engine.scope import OWNER
from app.db.rows.audit import AuditEventRow
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.edge.requests.audit_log import AuditLog
from app.services.audit import audit
from tests.support.clinic import NOW, a_clinic
from tests.support.notes import another


def an_event(practice_id: str) -> AuditEventRow:
    by = Actor(practice_id, ActorType.SYSTEM, None, "tests")
    return audit.event(by=by, now=NOW, action="a", kind="patients", id=None, outcome="shown")


def test_a_busy_database_is_told_to_all_at_once(sqlite: Database) -> None:
    with a_clinic(sqlite) as clinic, another(sqlite, busy_timeout=0.5) as impatient:
        log = AuditLog(impatient)
        with ThreadPoolExecutor(20) as waiting, sqlite.write(OWNER):
            began = monotonic()
            asked = [waiting.submit(log.keep, an_event(clinic.practice_id)) for _ in range(20)]
            failures = [one.exception() for one in asked]
            taken = monotonic() - began
        log.close()
    assert all(isinstance(failure, DatabaseBusy) for failure in failures)
    # One by one they would have waited twenty times as long as the first.
    assert taken < 5


def test_a_row_that_cannot_be_saved_takes_no_other_with_it(database: Database) -> None:
    with a_clinic(database) as clinic:
        log = AuditLog(database)
        good = [an_event(clinic.practice_id) for _ in range(3)]
        with ThreadPoolExecutor(4) as waiting:
            bad = waiting.submit(log.keep, an_event(new_id(NOW)))
            kept = [waiting.submit(log.keep, event) for event in good]
            assert [one.exception() for one in kept] == [None] * 3
            assert bad.exception() is not None
        log.close()
        saved = {row["id"] for row in clinic.audit()}
    assert {event["id"] for event in good} <= saved


@pytest.mark.parametrize("count", [0, 1, 5])
def test_closing_saves_what_is_left(database: Database, count: int) -> None:
    with a_clinic(database) as clinic:
        log = AuditLog(database)
        events = [an_event(clinic.practice_id) for _ in range(count)]
        with ThreadPoolExecutor(5) as waiting:
            asked = [waiting.submit(log.keep, event) for event in events]
            assert [one.result() for one in asked] == [None] * count
            log.close()
        saved = {row["id"] for row in clinic.audit()}
    assert {event["id"] for event in events} <= saved
