"""Loading again, onto what is there, on trial, and taking it back."""

from __future__ import annotations

import csv
import io
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.models import AuditEvent
from app.db.queries import table_rows as record_rows
from app.db.rows.scheduling import SessionValues
from app.domain.charting.dosing import Base
from app.domain.errors import Contended, NotFound, WrongState
from app.services.imports import imports
from app.services.patients import patients
from app.services.scheduling import course_dates, courses, sessions, treatments
from app.services.scheduling.treatments import ChartOrder, Given
from tests.support.sheets import NOW, Load, a_row, a_sheet

SHEET = a_sheet(
    a_row(),
    a_row(on="2026-03-30", units="165"),
    a_row(mrn="M2", last="Stone", on="Feb 8, 2026", site="Harbor", injector="J. Marsh"),
    a_row(mrn="M3", units="abc"),
)


def course_of(load: Load, mrn: str) -> str:
    [(course_id,)] = load.rows(
        "SELECT c.id FROM course c JOIN patient p ON p.id = c.patient_id "
        f"WHERE lower(p.mrn) = '{mrn.lower()}'"
    )
    return str(course_id)


def facts(load: Load, mrn: str) -> Any:
    with load.database.read(OWNER) as db:
        return course_dates.facts_of_course(
            db, practice_id=load.practice_id, course_id=course_of(load, mrn)
        )


def test_what_a_row_becomes(load: Load) -> None:
    report = load(SHEET, file_name=r"C:\clinic\history.csv")
    assert report.created == {
        "location": 2, "practitioner": 2, "patient": 2, "course": 2, "session": 3,
    }  # fmt: skip
    found = facts(load, "M1")
    assert (found.course["anchor_on"], found.course["due_on"]) == (
        date(2026, 3, 30),
        date(2026, 3, 30) + timedelta(84),
    )
    assert (found.course["cycle"], found.course["protocol_version"]) == (3, 1)
    with load.database.read(OWNER) as db:
        saved = sessions.load(db, found.sessions[1].id, by=load.by).session
        batch = imports.get(db, import_id=str(report.import_id), practice_id=load.practice_id)
    assert saved["charting"] == "total"
    assert saved["administered"] == 16_500
    assert saved["injections"] is None
    assert saved["given_at"] is None
    assert saved["completeness"] == "complete"
    assert [f["code"] for f in saved["findings"] or ()] == ["sites_not_recorded"]
    assert batch["file_name"] == "history.csv"
    assert (batch["accepted"], batch["skipped"], len(batch["rejected"])) == (3, 0, 1)


def test_every_record_made_has_its_audit_row(load: Load) -> None:
    load(SHEET)
    ids = {str(r[0]) for r in load.rows("SELECT resource_id FROM audit_event")}
    for table in ("location", "practitioner", "patient", "course", "session", "import_batch"):
        made = [str(row[0]) for row in load.rows(f"SELECT id FROM {table}")]
        assert made
        assert ids.issuperset(made), table


def test_a_broken_audit_saves_nothing(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load.contents()
    add_all = record_rows.add_all

    def fail(db: Any, model: Any, values: Any) -> None:
        if model is AuditEvent:
            raise RuntimeError("no audit")
        add_all(db, model, values)

    monkeypatch.setattr(record_rows, "add_all", fail)
    with pytest.raises(RuntimeError, match="no audit"):
        load(SHEET)
    assert load.contents() == before


def test_a_trial_says_the_same_and_saves_nothing(load: Load) -> None:
    before = load.contents()
    trial = load(SHEET, dry_run=True)
    assert load.contents() == before
    real = load(SHEET)
    assert trial.import_id is None
    assert trial.dry_run
    for name in ("accepted", "skipped", "rejected", "warnings", "created"):
        assert getattr(trial, name) == getattr(real, name)


def test_a_longer_sheet_brings_only_what_is_new(load: Load) -> None:
    load(SHEET)
    more = SHEET + a_row(mrn="m1", on="6/22/2026") + "\r\n" + a_row(on="9/20/2025", dx="G43.719")
    report = load(more)
    assert (report.accepted, len(report.skipped), len(report.rejected)) == (2, 3, 1)
    assert report.created == {
        "location": 0, "practitioner": 0, "patient": 0, "course": 0, "session": 2,
    }  # fmt: skip
    found = facts(load, "M1")
    assert len(found.sessions) == 4
    assert found.course["due_on"] == date(2026, 6, 22) + timedelta(84)
    assert found.course["version"] == 2
    assert course_dates.differences(found) == {}


def test_history_joins_a_course_that_is_there(load: Load) -> None:
    load(a_sheet(a_row()))
    course_id = course_of(load, "M1")
    said = Given(ChartOrder(plan=Base.AS_PROTOCOL), given_on=date(2026, 3, 30))
    load.write(treatments.record, course_id=course_id, given=said)
    load.write(
        courses.stop, course_id=course_id, on=date(2026, 5, 1), outcome="stopped", reason=None
    )
    report = load(a_sheet(a_row(on="3/30/2026", units="150"), a_row(on="6/30/2026")))
    assert report.skipped == [2]
    assert [w.code for w in report.warnings] == ["units_differ"]
    found = facts(load, "M1")
    assert (found.course["id"], found.course["state"]) == (course_id, "stopped")
    late = next(s for s in found.sessions if s.given_on == date(2026, 6, 30))
    with load.database.read(OWNER) as db:
        findings = sessions.load(db, late.id, by=load.by).session["findings"]
    assert [f["code"] for f in findings or ()] == ["sites_not_recorded", "course_closed"]


def test_a_voided_session_may_be_loaded_again(load: Load) -> None:
    load(a_sheet(a_row()))
    [given] = facts(load, "M1").sessions
    load.write(treatments.void, session_id=given.id, reason="wrong patient")
    assert load(a_sheet(a_row())).accepted == 1


def test_nothing_is_left_open_for_a_patient_who_has_died(load: Load) -> None:
    values = {"mrn": "M1", "family_name": "Rivera", "given_name": "Ana"}
    values |= {"birth_date": date(1980, 5, 17)}  # type: ignore[dict-item]
    patient = load.write(patients.register, values=values, identified=())
    said = {"patient_id": patient["id"], "on": date(2026, 2, 1), "time_zone": "America/New_York"}
    load.write(patients.deceased, **said)
    assert load(a_sheet(a_row())).accepted == 1
    found = facts(load, "M1").course
    assert (found["state"], found["closed_on"]) == ("stopped", date(2026, 2, 1))


def test_an_import_is_reverted_once(load: Load) -> None:
    before = load.contents("audit_event", "import_batch")
    report = load(SHEET)
    done = load.write(imports.revert, import_id=report.import_id)
    assert done.removed == report.created
    assert not any(done.kept.values())
    assert load.contents("audit_event", "import_batch") == before
    actions = [action for (action,) in load.rows("SELECT action FROM audit_event")]
    assert sum(a.endswith(".remove") for a in actions) == sum(report.created.values())
    with pytest.raises(WrongState):
        load.write(imports.revert, import_id=report.import_id)
    assert load(SHEET).accepted == 3


def test_what_was_built_on_since_is_kept(load: Load) -> None:
    report = load(SHEET)
    course_id = course_of(load, "M1")
    first = facts(load, "M1").sessions[0]
    with load.database.write(OWNER) as db:
        found = sessions.load(db, first.id, by=load.by)
        values = SessionValues(given_on=date(2026, 1, 7))
        treatments.correct(
            db, found=found, values=values, chart=None, identified=None, by=load.by, now=NOW
        )
    done = load.write(imports.revert, import_id=report.import_id)
    assert done.removed == {
        "session": 2, "course": 1, "patient": 1, "practitioner": 1, "location": 1,
    }  # fmt: skip
    assert done.kept == {"session": 1, "course": 1, "patient": 1, "practitioner": 1, "location": 1}
    found = facts(load, "M1")
    assert found.course["id"] == course_id
    assert found.course["due_on"] == date(2026, 1, 7) + timedelta(84)
    assert course_dates.differences(found) == {}
    assert load.rows("SELECT line FROM import_row") == [(2,)]


def test_a_later_import_stays_when_an_earlier_one_goes(load: Load) -> None:
    first = load(a_sheet(a_row()))
    second = load(a_sheet(a_row(), a_row(on="3/30/2026")))
    load.write(imports.revert, import_id=first.import_id)
    assert [s.given_on for s in facts(load, "M1").sessions] == [date(2026, 3, 30)]
    load.write(imports.revert, import_id=second.import_id)
    # The course and the patient were the first one's to remove.
    assert facts(load, "M1").course["due_on"] is None


def test_another_practice_sees_nothing_of_it(load: Load) -> None:
    report = load(SHEET)
    other = Load(load.database)
    with pytest.raises(NotFound):
        other.write(imports.revert, import_id=report.import_id)
    assert other(SHEET).created == report.created


def test_refused_rows_can_be_mended_and_loaded_again(load: Load) -> None:
    sheet = a_sheet(
        a_row(),
        a_row(mrn="M2", units="-155", phone="+1 555 010 0100"),
        a_row(mrn="=M3()", last='"', on="2/30/2026"),
        a_row(mrn="M4", units="@x", payer='Pay, "best"'.replace('"', '""')),
        a_row(mrn="M5") + ",extra",
    )
    report = load(sheet)
    text = imports.rejected_csv(report.rejected, sheet)
    table = list(csv.reader(io.StringIO(text)))
    assert table[0][-2:] == ["_line", "_reason"]
    assert [row[table[0].index("_line")] for row in table[1:]] == ["3", "4", "5", "6"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in table for cell in row)
    # Loaded as it stands it is refused again; only the lonely quotation mark is gone.
    codes = ["units_unreadable", "row_unreadable", "units_unreadable", "too_many_cells"]
    assert [r.code for r in report.rejected] == codes
    codes[1] = "name_missing"
    assert [r.code for r in load(text).rejected] == codes
    places = {name: place for place, name in enumerate(table[0])}
    table[1][places["Units"]] = "155"
    table[2][places["Treated on"]] = "2/27/2026"
    table[2][places["Last name"]] = "Bright"
    table[3][places["Units"]] = "155.5"
    del table[4][-1]
    out = io.StringIO()
    csv.writer(out).writerows(table)
    mended = load(out.getvalue())
    assert (mended.accepted, mended.rejected, mended.skipped) == (4, [], [])
    stored = dict(load.rows("SELECT mrn, phone FROM patient"))
    assert set(stored) == {"M1", "M2", "=M3()", "M4", "M5"}
    assert stored["M2"] == "+1 555 010 0100"


def statements(database: Database, act: Any) -> int:
    seen: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        act()
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    return len(seen)


def many(patients_: int, day: str = "1/5/2026") -> str:
    return a_sheet(*(a_row(mrn=f"M{n}", on=day) for n in range(patients_)))


def test_statements_do_not_grow_with_the_rows(load: Load) -> None:
    counted: dict[int, list[int]] = {}
    for size in (3, 300):
        clinic = Load(load.database)
        ids: list[str] = []

        def both(clinic: Load = clinic, size: int = size, ids: list[str] = ids) -> None:
            clinic(many(size))
            ids.append(str(clinic(many(size, "4/1/2026")).import_id))

        counted[size] = [
            statements(load.database, both),
            statements(
                load.database,
                lambda clinic=clinic, ids=ids: clinic.write(imports.revert, import_id=ids[0]),
            ),
        ]
    assert counted[3] == counted[300]


def test_two_loads_at_once_take_each_row_once(load: Load) -> None:
    sheet = many(200)
    accepted: list[int] = []
    start = threading.Barrier(3)

    def run() -> None:
        start.wait()
        for _ in range(3):
            try:
                accepted.append(load(sheet).accepted)
                return
            except Contended:
                continue

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(accepted) == [0, 0, 200]
    assert load.rows("SELECT count(*) FROM session") == [(200,)]
    assert load.rows("SELECT count(*) FROM location") == [(1,)]


def test_progress_only_rises_and_ends_at_the_end(load_sqlite: Load) -> None:
    told: list[tuple[int, int]] = []
    load_sqlite(many(1_200), progress=lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {of for _, of in told} == {2_400}
    assert told[-1] == (2_400, 2_400)
    assert len(told) > 4
