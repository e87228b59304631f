"""The demo practice: every status and booking state on whatever day it is made, and kept."""

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.context import NAME
from app.cli.demo import demo_practice
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.queries.scheduling.worklist import Filters
from app.domain.dates import local_day
from app.domain.ids import new_id
from app.domain.scheduling.worklist import BOOKINGS, FLAGS, STATUSES
from app.services.audit import audit
from app.services.scheduling import verification, worklist
from app.services.scheduling.worklist import WorklistQuery
from tests.support import databases
from tests.support.commands import COMMAND, Cli

# A week, so that every weekday is "today" once, then the days on which clocks change and the
# edges of a day in New York and in UTC.
DAYS = [datetime(2026, 11, 16, 15, tzinfo=UTC) + timedelta(days) for days in range(7)]
DAYS += [
    datetime(2027, 3, 14, 6, 59, tzinfo=UTC),
    datetime(2026, 11, 2, 4, 1, tzinfo=UTC),
    datetime(2028, 3, 1, 4, 59, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 5, tzinfo=UTC),
]


def check_the_practice(database: Database, now: datetime) -> None:
    with database.write(OWNER) as db:
        made = demo_practice.build(db, id=new_id(now), by_name=NAME, now=now)
    with database.read(OWNER) as db:
        today = local_day(now, made["time_zone"])
        setting = worklist.load_context(db, practice_id=made["id"], on=today)
        counted = worklist.summary(db, setting=setting, asked=WorklistQuery())
        closed = Filters(statuses=("closed",))
        counted_closed = worklist.summary(db, setting=setting, asked=WorklistQuery(closed))
        counted.statuses["closed"] = counted_closed.statuses["closed"]
        assert sum(counted.statuses.values()) == 40
        assert [s for s in STATUSES if counted.statuses[s] < 3] == []
        assert [b for b in BOOKINGS if counted.bookings[b] < 2] == []
        assert [f for f in FLAGS if counted.flags[f] < 1] == []
    found = list(verification.check(database, practice_id=made["id"]))
    assert len(found) == 40
    assert not [c for c in found if c.differences or c.waiting]


@pytest.mark.parametrize("now", DAYS, ids=str)
def test_every_status_on_whatever_day_it_is_made(sqlite: Database, now: datetime) -> None:
    check_the_practice(sqlite, now)


def test_the_same_on_postgresql(postgresql: Database) -> None:
    check_the_practice(postgresql, DAYS[0])


def test_the_history_holds_everything_that_can_happen(sqlite: Database) -> None:
    with sqlite.write(OWNER) as db:
        demo_practice.build(db, id=new_id(DAYS[0]), by_name=NAME, now=DAYS[0])

    def count(table: str, condition: str) -> int:
        with sqlite.read(OWNER) as db:
            found = db.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {condition}")
            return int(found.scalar_one())

    for status in ("booked", "given", "cancelled", "no_show"):
        assert count("session", f"status = '{status}'") > 0
    for condition in (
        "completeness = 'partial'",
        "continues_session_id IS NOT NULL",
        "charting = 'total'",
        "administered = 14750 AND findings LIKE '%site_omitted%'",
        "administered > 16500",
        "confirmed_at IS NOT NULL AND status = 'booked'",
        "override_reason IS NOT NULL",
        "ended_by = 'clinic'",
    ):
        assert count("session", condition) > 0, condition
    assert count("outside_session", "1 = 1") >= 4
    assert count("closure", "1 = 1") == 3
    assert count("patient", "deceased_on IS NOT NULL") == 1
    # Nothing is recorded before it happened or after the day the practice is made.
    assert count("session", "given_at > updated_at") == 0
    with sqlite.read(OWNER) as db:
        latest = db.exec_driver_sql("SELECT max(at) FROM audit_event").scalar_one()
    assert datetime.fromisoformat(latest).replace(tzinfo=UTC) <= DAYS[0]


def test_the_second_call_keeps_practice_key_and_changes(bare: Cli, tmp_path: Path) -> None:
    first = bare("demo", "--json").json
    folder = tmp_path / "data" / "twelveweeks"
    assert first["database"] == str(folder / "demo.db")
    assert stat.S_IMODE((folder / "demo.key").stat().st_mode) == 0o600
    assert (folder / "demo.key").read_text().strip() == first["key"]
    database = opened(folder / "demo.db")
    with database.write(OWNER) as db:
        db.exec_driver_sql("UPDATE patient SET phone = '+1 212 555 0199' WHERE mrn = 'DEMO-0001'")

    second = bare("demo", "--json")

    assert (second.json, second.err) == (first, "")
    with database.read(OWNER) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM patient").scalar_one() == 40
        kept = db.exec_driver_sql("SELECT phone FROM patient WHERE mrn = 'DEMO-0001'").scalar_one()
        assert kept == "+1 212 555 0199"
    database.dispose()
    told = bare("demo").out
    for part in (first["key"], first["docs"], first["worklist"], "curl -H 'Authorization: Bearer"):
        assert part in told


def test_a_lost_or_revoked_key_is_replaced(bare: Cli, tmp_path: Path) -> None:
    first = bare("demo", "--json").json["key"]
    file = tmp_path / "data" / "twelveweeks" / "demo.key"
    file.unlink()
    second = bare("demo", "--json").json["key"]
    file.write_bytes(b"\xff nonsense")
    third = bare("demo", "--json").json["key"]
    assert len({first, second, third, bare("demo", "--json").json["key"]}) == 3


def test_a_half_made_practice_is_never_seen(
    bare: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, left = audit.record, iter(range(100))

    def fail(*given: object, **named: object) -> None:
        next(left)
        kept(*given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fail)
        assert "unexpected" in bare("demo").err
    database = opened(tmp_path / "data" / "twelveweeks" / "demo.db")
    with database.read(OWNER) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM practice").scalar_one() == 0
    database.dispose()
    assert bare("demo").status == 0


def test_it_goes_where_the_settings_say_but_not_among_real_practices(cli: Cli) -> None:
    cli("practice", "create", "--name", "Real", "--time-zone", "UTC")
    assert "real practices" in cli("demo").refused()


def test_it_uses_the_named_database(cli: Cli, database: Database) -> None:
    first = cli("demo", "--json").json
    assert cli("demo", "--json").json == first
    with database.read(OWNER) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM patient").scalar_one() == 40


def test_two_first_calls_at_once_make_one_practice(home: Path, tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [COMMAND, "demo", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert said[0][0] == said[1][0]
    database = opened(tmp_path / "data" / "twelveweeks" / "demo.db")
    with database.read(OWNER) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM practice").scalar_one() == 1
    database.dispose()


def opened(file: Path) -> Database:

    config = file.parents[2] / "config"
    return open_database(f"sqlite:///{file}", keyring=databases.keyring_of(config))
