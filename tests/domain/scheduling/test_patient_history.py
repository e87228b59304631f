"""Treatments belong to the patient: what a course takes from the patient's other courses."""

from __future__ import annotations

from datetime import date

import pytest

from app.domain.scheduling.schedule import (
    Limit,
    Treatment,
    compute,
    projection,
    treatment_group,
)
from tests.support.builders import (
    day,
    given,
    history,
    hold,
    plan,
)

JAN = given("2026-01-05")


@pytest.mark.parametrize(
    ("own", "others", "planned", "due", "rule"),
    [
        pytest.param([JAN], ["2025-10-13"], None, "2026-03-30", "interval", id="older ones"),
        pytest.param([JAN], ["2026-02-02"], None, "2026-04-27", "interval", id="a later one"),
        pytest.param([], ["2026-02-02"], None, "2026-04-27", "interval", id="not started"),
        pytest.param(
            [], ["2026-02-02"], "2026-04-26", "2026-04-27", "interval", id="planned too early"
        ),
        pytest.param(
            [], ["2026-02-02"], "2026-04-27", "2026-04-27", "interval", id="planned on that day"
        ),
        pytest.param(
            [], ["2026-02-02"], "2026-04-28", "2026-04-28", "planned_start", id="planned later"
        ),
    ],
)
def test_due_from_the_patients_latest_treatment(
    own: list[Treatment], others: list[str], planned: str | None, due: str, rule: str
) -> None:
    past = history(*own, planned_start_on=day(planned) if planned else None)
    found = compute(past._replace(others=[given(on) for on in others]), plan())
    assert found.due
    assert (found.due_on, found.due.rule) == (day(due), rule)
    thresholds_known = {found.due_soon_from, found.overdue_from, found.lapsed_from} != {None}
    assert thresholds_known == bool(own)
    decisive = [r for r in found.reasons() if r.date == "due_on" and r.decisive]
    assert [(r.rule, r.on) for r in decisive] == [(rule, day(due))]


def test_of_two_treatments_on_one_day_the_courses_own_is_the_anchor() -> None:
    same_day = given("2026-01-05", "zzz")
    assert history(JAN)._replace(others=[same_day]).anchor == JAN
    assert history(given("2025-10-13"))._replace(others=[same_day]).anchor == same_day


def test_a_closed_course_follows_no_other() -> None:
    past = history(JAN, closed_on=day("2026-03-01"))._replace(others=[given("2026-02-02")])
    assert compute(past, plan()) == compute(history(JAN), plan())
    # The day before it closed it did.
    assert compute(past.as_of(day("2026-02-28")), plan()).anchor_on == day("2026-02-02")
    assert compute(past.as_of(day("2026-02-01")), plan()).anchor_on == day("2026-01-05")


@pytest.mark.parametrize(
    ("product", "indication", "same"),
    [
        ("onabotulinumtoxinA", "G43.719", True),
        (" OnabotulinumtoxinA ", "g43.e09", True),
        ("onabotulinumtoxinA", "G43", True),
        ("onabotulinumtoxinA", "G44.1", False),
        ("onabotulinumtoxinA", "G4", False),
        ("rimabotulinumtoxinB", "G43.709", False),
    ],
)
def test_courses_share_by_drug_and_category(product: str, indication: str, same: bool) -> None:
    usual = treatment_group("onabotulinumtoxinA", "G43.709")
    assert (treatment_group(product, indication) == usual) == same


def test_everything_is_found_in_one_pass() -> None:
    asked: list[date] = []

    def first_day(wanted: date) -> date:
        asked.append(wanted)
        return max(wanted, day("2026-04-20"))

    past = history(JAN, holds=(hold("2026-03-20", "2026-04-05"),))
    found = compute(past, plan(), [Limit("payer_minimum", "payer", "p", first_day)])
    assert len(found.reasons()) == len(found.reasons()) > 0
    assert found.due_on == day("2026-04-20")
    # Asked about the day after the hold, and once more about its own answer.
    assert asked == [day("2026-04-06"), day("2026-04-20")]


def test_a_projection_asks_no_more_than_its_dates() -> None:
    asked: list[date] = []

    def first_day(wanted: date) -> date:
        asked.append(wanted)
        return wanted

    limit = Limit("payer_minimum", "payer", "p", first_day)
    assert len(projection(history(JAN), plan(), 6, [limit])) == 6
    assert len(asked) == 6
