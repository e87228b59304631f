"""T-28: whatever is done to the log afterwards is found, and the row named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.models import AuditEvent
from app.db.queries import table_rows
from app.db.queries.audit import audit as rows
from app.domain.audit import sealing
from app.domain.audit.events import Outcome
from app.domain.errors import Contended
from app.domain.ids import first_id, made_at, new_id
from app.services.audit import audit, seals
from app.services.audit.seals import SETTLING, Verified
from tests.support.clinic import NOW, Clinic, a_clinic
from tests.support.serving import at_once

pytestmark = pytest.mark.verify

ROWS = 10_000
# SQLite's triggers hold whoever comes: who tampers drops them first.
TRIGGERS = [f"{t}_{what}" for t in ("audit_event", "audit_seal") for what in ("stays", "is_final")]


@pytest.fixture
def clinic(database: Database) -> Iterator[Clinic]:
    # Ids never go back in time within a process, though a test's clock would.
    with a_clinic(database, now=made_at(new_id(NOW)) + timedelta(days=1)) as made:
        yield made


def append(clinic: Clinic, count: int) -> list[str]:
    """Add rows as reads would; their ids in order."""
    now = clinic.clock()
    made = [
        audit.event(
            by=clinic.by,
            now=now,
            action="patients.show",
            kind="patients",
            id=new_id(now),
            patient_id=new_id(now),
            outcome=Outcome.SHOWN,
        )
        for _ in range(count)
    ]
    for at in range(0, count, 1000):
        with clinic.database.write(clinic.practice_id) as db:
            audit.append(db, made[at : at + 1000])
    return [one["id"] for one in made]


def seal(clinic: Clinic) -> str | None:
    return seals.seal(clinic.database, practice_id=clinic.practice_id, now=clinic.clock())


def verify(clinic: Clinic, noted: str | None = None) -> Verified:
    return seals.verify(
        clinic.database, practice_id=clinic.practice_id, now=clinic.clock(), noted=noted
    )


def settled(clinic: Clinic) -> None:
    clinic.clock.now += timedelta(minutes=5)


def tamper(clinic: Clinic, *statements: str, **values: Any) -> None:
    """Change the tables as their owner, past every trigger and policy."""
    with clinic.database.write(OWNER) as db:
        if db.dialect.name == "sqlite":
            for name in TRIGGERS:
                db.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        for sql in statements:
            db.execute(text(sql), {"of": clinic.practice_id, **values})


ONE = "WHERE practice_id = :of AND id = :id"


def test_one_row_in_ten_thousand(clinic: Clinic) -> None:
    """Edited, deleted, two exchanged, the newest cut off: four of four are named."""
    ids = append(clinic, ROWS)
    settled(clinic)
    noted = seal(clinic)
    clean = verify(clinic, noted)
    assert clean.faults == []
    assert clean.sealed >= ROWS
    assert clean.head == noted
    keep = _copy(clinic)
    edited, gone, left, right = ids[4_321], ids[77], ids[100], ids[9_000]
    exchange = [
        f"UPDATE audit_event SET patient_id = :of_right {ONE.replace(':id', ':left')}",
        f"UPDATE audit_event SET patient_id = :of_left {ONE.replace(':id', ':right')}",
    ]
    attacks: dict[str, tuple[Callable[[], None], set[tuple[str, str]]]] = {
        "edit": (
            lambda: tamper(
                clinic, f"UPDATE audit_event SET outcome = 'forbidden' {ONE}", id=edited
            ),
            {("edited", edited)},
        ),
        "delete": (
            lambda: tamper(clinic, f"DELETE FROM audit_event {ONE}", id=gone),
            {("deleted", gone)},
        ),
        "reorder": (
            lambda: tamper(
                clinic,
                *exchange,
                left=left,
                right=right,
                of_left=keep[left]["patient_id"],
                of_right=keep[right]["patient_id"],
            ),
            {("edited", left), ("edited", right)},
        ),
        "truncate": (
            lambda: tamper(clinic, f"DELETE FROM audit_event {ONE}", id=ids[-1]),
            {("deleted", ids[-1])},
        ),
    }
    for name, (attack, faults) in attacks.items():
        attack()
        found = verify(clinic, noted)
        assert set(found.faults) == faults, name
        _put_back(clinic, keep, {id for _, id in faults})
        assert verify(clinic, noted).faults == []


def _copy(clinic: Clinic) -> dict[str, Any]:
    return {row["id"]: row for row in _every(clinic)}


def _every(clinic: Clinic) -> list[Any]:
    with clinic.database.read(clinic.practice_id) as db:
        return table_rows.page(db, AuditEvent, practice_id=clinic.practice_id, limit=ROWS * 2)


def _put_back(clinic: Clinic, kept: dict[str, Any], ids: set[str]) -> None:
    for id in ids:
        tamper(clinic, f"DELETE FROM audit_event {ONE}", id=id)
    with clinic.database.write(clinic.practice_id) as db:
        audit.append(db, [kept[id] for id in sorted(ids)])


COLUMNS = [column.name for column in AuditEvent.__table__.c if column.name != "practice_id"]


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_can_be_edited(clinic: Clinic, column: str) -> None:
    """Each is under the seal; an edited id is a row gone and another come."""
    id = append(clinic, 3)[1]
    settled(clinic)
    seal(clinic)
    other = new_id(clinic.clock() - timedelta(minutes=20))
    values: dict[str, Any] = {
        "id": other,
        "at": "2020-01-01 00:00:00.000000",
        "changes": '{"a": [1, 2]}',
        "patients": b"0123456789abcdef",
    }
    value = values.get(column, other if column.endswith("_id") else "x")
    tamper(clinic, f"UPDATE audit_event SET {column} = :value {ONE}", id=id, value=value)
    faults = set(verify(clinic).faults)
    expected = {("edited", id)}
    if column == "id":
        expected = {("deleted", id), ("inserted", other)}
    assert faults == expected


@pytest.fixture
def sealed(clinic: Clinic) -> tuple[Clinic, list[str]]:
    """A clinic with four seals; the heads as they were noted elsewhere."""
    heads = []
    for _ in range(4):
        append(clinic, 5)
        settled(clinic)
        heads.append(seal(clinic) or "")
    assert all(heads)
    return clinic, heads


NUMBER = "WHERE practice_id = :of AND number = :number"


def test_a_seal_that_was_altered_is_named(sealed: tuple[Clinic, list[str]]) -> None:
    clinic, _ = sealed
    before = _seals(clinic)[1]["digest"]
    tamper(clinic, f"UPDATE audit_seal SET digest = :d {NUMBER}", number=2, d=bytes(32))
    # The one behind it does not fit any more either.
    assert set(verify(clinic).faults) == {("altered", "2"), ("altered", "3")}
    tamper(clinic, f"UPDATE audit_seal SET digest = :d {NUMBER}", number=2, d=before)
    entries = _seals(clinic)[1]["entries"]
    tamper(clinic, f"UPDATE audit_seal SET entries = :e {NUMBER}", number=2, e=entries[48:])
    faults = verify(clinic).faults
    assert ("altered", "2") in faults
    assert [what for what, _ in faults if what == "inserted"] == ["inserted"]


def _seals(clinic: Clinic) -> list[Any]:
    with clinic.database.read(clinic.practice_id) as db:
        return rows.seals(db, practice_id=clinic.practice_id, limit=100)


def test_a_seal_that_is_missing_is_named(sealed: tuple[Clinic, list[str]]) -> None:
    clinic, _ = sealed
    tamper(clinic, f"DELETE FROM audit_seal {NUMBER}", number=2)
    faults = verify(clinic).faults
    assert ("missing", "2") in faults
    # The rows it covered are not sealed any more.
    assert sum(what == "inserted" for what, _ in faults) >= 5


def test_a_tail_that_is_gone_is_found_by_its_noted_head(
    sealed: tuple[Clinic, list[str]],
) -> None:
    clinic, heads = sealed
    last = [id for id, _ in sealing.read_entries(_seals(clinic)[-1]["entries"])]
    for id in last:
        tamper(clinic, f"DELETE FROM audit_event {ONE}", id=id)
    tamper(clinic, f"DELETE FROM audit_seal {NUMBER}", number=4)
    # By itself the rest is a whole log; what was noted outside tells.
    assert verify(clinic).faults == []
    assert verify(clinic, heads[-1]).faults == [("truncated", "4")]
    assert verify(clinic, heads[-2]).faults == []


def test_a_chain_made_anew_is_found_by_its_noted_head(
    sealed: tuple[Clinic, list[str]],
) -> None:
    clinic, heads = sealed
    [first, *_] = [id for id, _ in sealing.read_entries(_seals(clinic)[0]["entries"])]
    tamper(
        clinic,
        f"UPDATE audit_event SET by_name = 'nobody' {ONE}",
        "DELETE FROM audit_seal WHERE practice_id = :of",
        id=first,
    )
    seal(clinic)
    assert verify(clinic).faults == []
    assert [what for what, _ in verify(clinic, heads[-1]).faults] == ["truncated"]


def test_a_row_that_was_slipped_in_is_named(sealed: tuple[Clinic, list[str]]) -> None:
    clinic, _ = sealed
    made = audit.event(
        by=clinic.by,
        now=clinic.clock() - timedelta(minutes=18),
        action="patients.show",
        kind="patients",
        id=None,
    )
    made["id"] = first_id(made["at"])
    with clinic.database.write(clinic.practice_id) as db:
        audit.append(db, [made])
    assert verify(clinic).faults == [("inserted", made["id"])]
    # Too far back for a row that was only late: it is never sealed.
    seal(clinic)
    assert ("inserted", made["id"]) in verify(clinic).faults


def test_a_row_that_came_late_is_sealed(clinic: Clinic) -> None:
    """Its id is from when it was made; younger ones were committed and sealed before it."""
    late = audit.event(by=clinic.by, now=clinic.clock(), action="a", kind="patients", id=None)
    clinic.clock.now += timedelta(seconds=1)
    append(clinic, 3)
    settled(clinic)
    seal(clinic)
    with clinic.database.write(clinic.practice_id) as db:
        audit.append(db, [late])
    assert seal(clinic)
    assert verify(clinic).faults == []
    ids = [id for one in _seals(clinic) for id, _ in sealing.read_entries(one["entries"])]
    assert ids.count(late["id"]) == 1


def test_a_backlog_is_sealed_however_old_it_is(clinic: Clinic) -> None:
    """More rows than one seal takes, long before the first server that seals comes."""
    append(clinic, 2_500)
    clinic.clock.now += timedelta(hours=1)
    assert seal(clinic)
    found = verify(clinic)
    assert (found.faults, found.unsealed) == ([], 0)
    assert found.sealed >= 2_500
    # And the next one, too.
    append(clinic, 1_500)
    clinic.clock.now += timedelta(hours=1)
    assert seal(clinic)
    assert verify(clinic).faults == []


def test_young_rows_are_not_sealed_and_are_no_fault(clinic: Clinic) -> None:
    settled(clinic)
    seal(clinic)
    append(clinic, 3)
    clinic.clock.now += SETTLING - timedelta(seconds=1)
    assert seal(clinic) is None
    found = verify(clinic)
    assert (found.faults, found.unsealed) == ([], 3)


def test_sealing_beside_writers_leaves_none_out_and_takes_none_twice(clinic: Clinic) -> None:
    """Three who write, two who seal, while time goes on."""
    done = threading.Event()
    lost = []

    def write(number: int) -> None:
        for _ in range(40):
            append(clinic, 3)
            clinic.clock.now += timedelta(seconds=3)

    def sealing_on(number: int) -> None:
        while not done.is_set():
            try:
                seal(clinic)
            except Contended:
                lost.append(number)

    sealers = [threading.Thread(target=sealing_on, args=(n,)) for n in range(2)]
    for one in sealers:
        one.start()
    at_once(3, write)
    done.set()
    for one in sealers:
        one.join(60)
    settled(clinic)
    seal(clinic)
    found = verify(clinic)
    assert found.faults == []
    ids = [id for one in _seals(clinic) for id, _ in sealing.read_entries(one["entries"])]
    assert len(ids) == len(set(ids)) == found.sealed
    assert set(ids) == {row["id"] for row in _every(clinic)}
    numbers = [one["number"] for one in _seals(clinic)]
    assert all(b == a + 1 for a, b in pairwise(numbers))


def test_each_practice_has_a_chain_of_its_own(clinic: Clinic) -> None:
    other = clinic.neighbour()
    append(clinic, 3)
    append(other, 3)
    settled(clinic)
    assert seal(clinic) != seal(other)
    tamper(clinic, "UPDATE audit_event SET by_name = 'x' WHERE practice_id = :of")
    assert verify(clinic).faults != []
    assert verify(other).faults == []
