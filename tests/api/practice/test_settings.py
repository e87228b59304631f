"""A practice's settings: which move dates, and which only how dates are judged."""

from __future__ import annotations

from typing import Any

import pytest

from app.db.engine.scope import OWNER
from app.db.queries.practice import practices as practice_rows
from app.services.practice import practices
from tests.support.clinic import Clinic


def test_another_minimum_moves_every_course(clinic: Clinic) -> None:
    courses = [clinic.a_course("2026-01-05") for _ in range(3)]
    own = clinic.a_course("2026-01-05", min_interval_days=70, override_reason="wears off")
    clinic.settings(min_interval_days=91)
    for course in courses:
        shown = clinic.get(f"/courses/{course['id']}")
        assert (shown["earliest_on"], shown["due_on"]) == ("2026-04-06", "2026-04-06")
        row = clinic.row(course["id"])
        assert row["due_on"] == "2026-04-06"
        assert row["decisive_reason"]["rule"] == "minimum_interval"
        assert row["decisive_reason"]["source"] == {"type": "practice", "id": clinic.practice_id}
    kept = clinic.get(f"/courses/{own['id']}")
    assert (kept["earliest_on"], kept["due_on"]) == ("2026-03-16", "2026-03-30")
    assert clinic.wrong_dates() == []
    clinic.settings(min_interval_days=84)
    assert clinic.get(f"/courses/{courses[0]['id']}")["due_on"] == "2026-03-30"
    assert clinic.wrong_dates() == []


def test_more_courses_than_one_piece_wait_their_turn(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        clinic.a_course("2026-01-05")
    monkeypatch.setattr(practices, "BATCH_SIZE", 2)
    clinic.settings(min_interval_days=91)
    assert [c.waiting for c in clinic.wrong_dates()] == [True] * 3
    done: list[int] = []
    while not done or done[-1]:
        with clinic.database.write(OWNER) as db:
            done.append(practices.recompute(db, practice_id=clinic.practice_id, now=clinic.clock()))
    assert done == [2, 1, 0]
    assert clinic.wrong_dates() == []
    with clinic.database.read(OWNER) as db:
        assert practice_rows.waiting(db) == []


@pytest.mark.parametrize(
    ("setting", "status"),
    [
        ({"lead_days": 9}, "upcoming"),
        ({"lead_days": 10}, "due_soon"),
    ],
)
def test_lead_days_are_judged_when_asked(
    clinic: Clinic, setting: dict[str, int], status: str
) -> None:
    course = clinic.a_course("2026-01-05")
    tag = clinic.call("GET", f"/courses/{course['id']}").headers["etag"]
    clinic.settings(**setting)
    assert clinic.row(course["id"])["status"] == status
    assert clinic.schedule(course["id"])["status"] == status
    # Nothing stored rests on it.
    assert clinic.call("GET", f"/courses/{course['id']}").headers["etag"] == tag


def test_patience_after_the_due_date(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-22")  # due on 16 March
    assert clinic.row(course["id"])["status"] == "due"
    clinic.settings(overdue_after_days=4)
    assert clinic.row(course["id"], "status=overdue")["overdue_from"] == "2026-03-20"
    clinic.settings(overdue_after_days=2, lapsed_after_days=4)
    assert clinic.row(course["id"], "status=lapsed") is not None


@pytest.mark.parametrize(
    "values",
    [
        {"min_interval_days": 0},
        {"min_interval_days": 367},
        {"early_tolerance_days": 15},
        {"lapsed_after_days": 7},
        {"time_zone": "New York"},
        {"early_booking": "sometimes"},
        {"min_interval_days": True},
        {"lead_days": 1.0},
    ],
)
def test_settings_that_cannot_be(clinic: Clinic, values: dict[str, Any]) -> None:
    before = clinic.call("GET", "/practice")
    tag = before.headers["etag"]
    refusal = clinic.refusal("PATCH", "/practice", values, if_match=tag)
    assert refusal["status"] == 422
    assert refusal["errors"][0]["pointer"] == f"/{next(iter(values))}"
    assert clinic.get("/practice") == before.json()


def test_a_courses_own_minimum_needs_a_reason_and_an_author(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05", interval_days=70)
    assert course["due_on"] == "2026-03-30"  # the practice's minimum is later
    path = f"/courses/{course['id']}"
    tag = clinic.call("GET", path).headers["etag"]
    refusal = clinic.refusal("PATCH", path, {"min_interval_days": 70}, if_match=tag)
    assert refusal["errors"][0]["pointer"] == "/override_reason"
    changed = clinic.patch(path, {"min_interval_days": 70, "override_reason": "wears off"})
    assert (changed["earliest_on"], changed["due_on"]) == ("2026-03-16", "2026-03-16")
    assert changed["override_by"] == "tests"
    assert clinic.schedule(course["id"])["status"] == "due"
    back = clinic.patch(path, {"min_interval_days": None})
    assert (back["override_reason"], back["override_by"]) == (None, None)
    assert back["due_on"] == "2026-03-30"
    assert clinic.wrong_dates() == []


def test_prior_cycles_renumber(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    clinic.patch(f"/courses/{course['id']}", {"prior_cycles": 4})
    [session] = clinic.get(f"/courses/{course['id']}/sessions")["items"]
    assert session["cycle"] == 5
    assert clinic.row(course["id"])["cycle"] == 6
