"""What is found about a session's day, and which session may complete another."""

from __future__ import annotations

import pytest

from app.domain.charting.dosing import Finding
from app.domain.scheduling.schedule import Hold
from app.domain.scheduling.sessions import KEPT, DayFinding, found_on, too_early, why_not_continued
from tests.support.builders import day, hold

JANUARY = hold("2026-01-01", "2026-01-31")


@pytest.mark.parametrize(
    ("on", "holds", "closed_on", "codes"),
    [
        pytest.param("2026-01-15", [], None, [], id="a day like any other"),
        pytest.param("2026-01-01", [JANUARY], None, ["during_hold"], id="its first day"),
        pytest.param("2026-01-31", [JANUARY], None, ["during_hold"], id="its last day"),
        pytest.param("2026-02-01", [JANUARY], None, [], id="the day after"),
        pytest.param("2026-01-15", [], "2026-01-15", ["course_closed"], id="the day it closed"),
        pytest.param("2026-01-14", [], "2026-01-15", [], id="the day before it closed"),
        pytest.param(
            "2026-01-15",
            [JANUARY, hold("2026-01-10")],
            "2026-01-02",
            ["during_hold", "during_hold", "course_closed"],
            id="all of it",
        ),
    ],
)
def test_findings_about_the_day(
    on: str, holds: list[Hold], closed_on: str | None, codes: list[str]
) -> None:
    found = found_on(day(on), holds, day(closed_on) if closed_on else None)
    assert [finding.code for finding in found] == codes
    assert {finding.code for finding in found} <= KEPT


def test_a_finding_says_what_it_rests_on() -> None:
    during, closed = found_on(day("2026-01-15"), [JANUARY], day("2026-01-02"))
    assert during.facts == {"hold_id": JANUARY.id}
    assert closed == Finding("course_closed", "The course was closed on 2026-01-02.")
    assert too_early(3) == Finding(
        "too_early", "3 days short of the minimum interval.", {"days_short": 3}
    )
    assert DayFinding.TOO_EARLY not in KEPT


@pytest.mark.parametrize(
    ("on", "begun_on", "partial", "why"),
    [
        pytest.param("2026-03-02", "2026-03-02", True, None, id="the same day"),
        pytest.param("2026-03-16", "2026-03-02", True, None, id="14 days later"),
        pytest.param("2026-03-17", "2026-03-02", True, "A continuation follows", id="15 days"),
        pytest.param("2026-03-01", "2026-03-02", True, "A continuation follows", id="before it"),
        pytest.param("2026-03-06", "2026-03-02", False, "Only a partial", id="a whole one"),
        pytest.param("2026-03-06", None, True, "Only a partial", id="one that was not given"),
    ],
)
def test_what_may_complete_a_session(
    on: str, begun_on: str | None, partial: bool, why: str | None
) -> None:
    told = why_not_continued(
        day(on), begun_on=day(begun_on) if begun_on else None, partial=partial, within_days=14
    )
    assert (told is None) == (why is None)
    assert (told or "").startswith(why or "")
