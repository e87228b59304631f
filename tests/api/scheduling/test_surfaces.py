"""One answer everywhere: schedule, list, counts and table agree on every course and day."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.domain.scheduling.worklist import ACTIONS, BOOKINGS, FLAGS, STATUSES
from tests.support.clinic import Clinic
from tests.support.mix import a_mix

DAYS = ("2026-03-01", "2026-03-20", "2026-03-30", "2026-04-15", "2026-08-01")
OPEN = ",".join(s for s in STATUSES if s != "closed")
EVERY = f"status=closed,{OPEN}"


@pytest.mark.parametrize(
    ("on", "status"),
    [
        ("2026-03-15", "upcoming"),
        ("2026-03-16", "due_soon"),
        ("2026-03-29", "due_soon"),
        ("2026-03-30", "due"),
        ("2026-04-05", "due"),
        ("2026-04-06", "overdue"),
        ("2026-06-21", "overdue"),
        ("2026-06-22", "lapsed"),
    ],
)
def test_the_same_status_on_every_surface(clinic: Clinic, on: str, status: str) -> None:
    course = clinic.a_course("2026-01-05")
    assert clinic.schedule(course["id"], as_of=on)["status"] == status
    row = clinic.row(course["id"], f"on={on}")
    assert row["status"] == status
    assert row["days_overdue"] > 0 if status in ("overdue", "lapsed") else not row["days_overdue"]
    assert clinic.row(course["id"], f"on={on}&status={status}") == row
    others = ",".join(s for s in STATUSES if s != status)
    assert clinic.row(course["id"], f"on={on}&status={others}") is None
    counted = clinic.get(f"/worklist/summary?on={on}")
    assert counted["statuses"] == dict.fromkeys(STATUSES, 0) | {status: 1}
    [line] = clinic.table(f"on={on}")
    assert (line["status"], line["due_on"]) == (status, "2026-03-30")


def _filters(named: dict[str, str]) -> list[str]:
    return [
        "",
        EVERY,
        *(f"status={s}" for s in STATUSES),
        "status=overdue,due,lapsed",
        *(f"booking={b}" for b in BOOKINGS),
        "booking=unbooked,missed&status=overdue,due",
        *(f"flag={f}" for f in FLAGS),
        f"flag=booked_late&{EVERY}",
        "flag=booked_late&booking=unbooked",
        *(f"action={a}" for a in ACTIONS),
        "act_by=2026-03-20",
        "action=book&act_by=2026-03-10",
        "due_from=2026-03-01&due_to=2026-04-30",
        f"location_id={named['location_id']}",
        f"practitioner_id={named['practitioner_id']}&booking=booked",
        f"location_id={named['location_id']}&status=due_soon,due,overdue",
        "q=garcia",
        f"q=neill&{EVERY}",
    ]


def _takes(row: Any, query: str) -> bool:
    """The filters once more, read from the row as it is shown."""
    asked = dict(part.split("=") for part in query.split("&")) if query else {}
    actions = [
        a
        for a in row["actions"]
        if a["code"] in asked.get("action", ",".join(ACTIONS)).split(",")
        and ("act_by" not in asked or (a["act_by"] or "9999") <= asked["act_by"])
    ]
    return all(
        (
            row["status"] in asked.get("status", OPEN).split(","),
            row["booking"]["state"] in asked.get("booking", ",".join(BOOKINGS)).split(","),
            "flag" not in asked or asked["flag"] in row["flags"],
            ("action" not in asked and "act_by" not in asked) or actions,
            "due_from" not in asked or (row["due_on"] or "") >= asked["due_from"],
            "due_to" not in asked or (row["due_on"] or "9999") <= asked["due_to"],
            row["location_id"] == asked.get("location_id", row["location_id"]),
            row["practitioner_id"] == asked.get("practitioner_id", row["practitioner_id"]),
            asked.get("q", "") in row["patient"]["family_name"].casefold(),
        )
    )


def test_counts_table_and_filters_equal_the_rows(clinic: Clinic) -> None:
    named = a_mix(clinic)
    seen: Counter[str] = Counter()
    for on in DAYS:
        rows = clinic.rows(f"on={on}&{EVERY}", limit=200)
        assert len(rows) == 60
        seen.update(r["status"] for r in rows)
        seen.update(r["booking"]["state"] for r in rows)
        seen.update(f for r in rows for f in r["flags"])
        seen.update(a["code"] for r in rows for a in r["actions"])
        assert [(r["due_on"] or "9999", r["course_id"]) for r in rows] == sorted(
            (r["due_on"] or "9999", r["course_id"]) for r in rows
        )
        for query in _filters(named):
            expected = [r for r in rows if _takes(r, query)]
            about = (on, query)
            assert clinic.rows(f"on={on}&{query}", limit=200) == expected, about
            counted = clinic.get(f"/worklist/summary?on={on}&{query}")
            assert counted == _counted(on, expected), about
            table = clinic.table(f"on={on}&{query}")
            assert [_cells(line) for line in table] == [_shown(r) for r in expected], about
    # The mix leaves nothing out that this clinic could tell.
    assert set(seen) == {*STATUSES, *BOOKINGS, *FLAGS, *ACTIONS}
    assert clinic.wrong_dates() == []


def _counted(on: str, rows: list[Any]) -> Any:
    return {
        "on": on,
        "total": len(rows),
        "statuses": dict.fromkeys(STATUSES, 0) | Counter(r["status"] for r in rows),
        "bookings": dict.fromkeys(BOOKINGS, 0) | Counter(r["booking"]["state"] for r in rows),
        "flags": dict.fromkeys(FLAGS, 0) | Counter(f for r in rows for f in r["flags"]),
    }


def _cells(line: dict[str, str]) -> tuple[str, ...]:
    names = ("course_id", "status", "due_on", "booking", "flags", "next_action", "suggested_on")
    return tuple(line[name] for name in names)


def _shown(row: Any) -> tuple[str, ...]:
    action = row["next_action"]
    return (
        row["course_id"],
        row["status"],
        row["due_on"] or "",
        row["booking"]["state"],
        " ".join(row["flags"]),
        action["code"] if action else "",
        row["suggested_on"] or "",
    )


def test_a_schedule_says_what_its_row_says(clinic: Clinic) -> None:
    a_mix(clinic, courses=30)
    clinic.settings(min_interval_days=91)  # so that intervals, minimum and holds all decide
    same = ("status", "due_on", "earliest_on", "anchor_on", "overdue_from", "suggested_on")
    also = ("cycle", "flags", "actions", "next_action", "booking")
    for row in clinic.rows(EVERY):
        schedule = clinic.schedule(row["course_id"])
        for name in (*same, *also):
            assert schedule[name] == row[name], name
        decisive = [r for r in schedule["reasons"] if r["date"] == "due_on" and r["decisive"]]
        shown = row["decisive_reason"]
        assert bool(decisive) == bool(shown)
        for reason in decisive:
            assert shown.items() <= reason.items()


def test_cells_that_a_spreadsheet_would_run(clinic: Clinic) -> None:
    patient = clinic.a_patient(mrn="=1+1", family_name="+cmd|' /C calc'!A0", given_name="Ana, B.")
    clinic.a_course("2026-01-05", patient_id=patient["id"])
    [line] = clinic.table()
    assert line["mrn"] == "'=1+1"
    assert line["family_name"] == "'+cmd|' /C calc'!A0"
    assert line["given_name"] == "Ana, B."


def test_searched_with_the_filters_in_the_body(clinic: Clinic) -> None:
    garcia = clinic.a_patient(family_name="Garcia")
    for patient in (garcia, garcia, clinic.a_patient()):
        clinic.a_course("2026-01-05", patient_id=patient["id"])
    body = {"q": "garcia", "status": "due_soon,due", "limit": 1}
    answer = clinic.call("POST", "/worklist/search", body)
    first = answer.json()
    assert "link" not in answer.headers
    second = clinic.post("/worklist/search", body | {"cursor": first["next_cursor"]})
    assert [r["patient"]["mrn"] for r in first["items"] + second["items"]] == [garcia["mrn"]] * 2
    assert second["next_cursor"] is None


def test_demand_of_the_coming_weeks(clinic: Clinic) -> None:
    place = clinic.a_location()
    at = {"location_id": place["id"]}
    for day in ("2025-12-22", "2026-01-05", "2025-10-01"):  # overdue by days, due, lapsed
        course = clinic.a_course()
        clinic.a_session(course["id"], day, chart={"total_units": 195}, **at)
    held = clinic.a_course("2026-01-05")
    pause = {"from": "2026-03-01", "review_on": "2026-04-15", "reason": "pregnant"}
    clinic.post(f"/courses/{held['id']}/hold", pause)
    booked = clinic.a_course()
    clinic.a_session(booked["id"], "2026-01-05", **at)
    clinic.a_booking(booked["id"], "2026-04-13T09:00:00-04:00", **at)
    found = clinic.get("/demand?from=2026-03-20&weeks=4")
    assert found["from"] == "2026-03-20"
    assert found["weeks"] == [
        {
            "week_start": start,
            "location_id": place["id"],
            "sessions": 1,
            "booked": is_booked,
            "not_booked": 1 - is_booked,
            "chair_minutes": 20,
            "units": units,
            "vials": 1,
        }
        for start, is_booked, units in (
            ("2026-03-20", 0, 195),
            ("2026-03-27", 0, 195),
            ("2026-04-10", 1, 155),
        )
    ]


def test_demand_from_a_later_day_on(clinic: Clinic) -> None:
    clinic.a_course("2026-01-05")  # due 30 March, then 22 June
    clinic.a_course("2025-12-22")  # overdue: today, then 12 June
    weeks = clinic.get("/demand?from=2026-06-08&weeks=3")["weeks"]
    assert [(w["week_start"], w["sessions"]) for w in weeks] == [
        ("2026-06-08", 1),
        ("2026-06-22", 1),
    ]
