"""Every reason of every date, in order, and the words that are shown for them."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest

from app.domain.scheduling.schedule import Reason, compute
from app.domain.scheduling.wording import action_texts, interval_text, reason_texts, rule_text
from app.domain.scheduling.worklist import Action, ActionCode
from tests.support.builders import day, given, history, hold, not_before, plan

JAN = given("2026-01-05")
DUE = day("2026-03-30")


def test_a_course_that_nothing_delays_has_these_reasons_and_no_others() -> None:
    assert compute(history(given("2025-10-13"), JAN), plan()).reasons() == [
        Reason("anchor_on", "latest_treatment", JAN.on, True, "session", JAN.id),
        Reason("clinical_due_on", "interval", DUE, True, "session", JAN.id),
        Reason("earliest_on", "minimum_interval", DUE, True, "practice", None),
        Reason("due_on", "interval", DUE, True, "session", JAN.id),
        Reason("due_on", "minimum_interval", DUE, False, "practice", None),
        Reason("treatable_from", "earliest", DUE, True, "course", None),
        Reason("due_soon_from", "lead_days", day("2026-03-16"), True, "practice", None),
        Reason("overdue_from", "overdue_after_days", day("2026-04-06"), True, "practice", None),
        Reason("lapsed_from", "lapsed_after_days", day("2026-06-22"), True, "practice", None),
    ]


def test_each_step_to_the_earliest_day_names_its_source_and_the_last_is_decisive() -> None:
    past = history(JAN, holds=(hold("2026-03-20", "2026-04-05"),))
    told = compute(past, plan(), [not_before("2026-04-13")]).reasons()
    steps = [
        ("minimum_interval", DUE, "practice", None),
        ("hold", day("2026-04-06"), "hold", "hold-2026-03-20"),
        ("payer_minimum", day("2026-04-13"), "payer_policy", "policy-1"),
    ]
    for name, expected in (
        ("earliest_on", steps),
        ("due_on", [("interval", DUE, "session", JAN.id), *steps]),
    ):
        found = [reason for reason in told if reason.date == name]
        assert [(r.rule, r.on, r.source_type, r.source_id) for r in found] == expected
        assert [r.decisive for r in found] == [False] * (len(expected) - 1) + [True]


def test_a_limit_that_no_day_meets_is_the_reason_for_none() -> None:
    told = compute(history(JAN), plan(), [not_before("2201-01-01")]).reasons()
    [decisive] = [r for r in told if r.date == "earliest_on" and r.decisive]
    assert decisive[1:] == ("payer_minimum", None, True, "payer_policy", "policy-1")
    assert [r.date for r in told if r.date == "treatable_from"] == []


@pytest.mark.parametrize(
    ("rule", "on", "text"),
    [
        ("planned_start", DUE, "the planned start of the course"),
        ("minimum_interval", DUE, "the minimum interval after the last treatment"),
        ("hold", DUE, "the first day after a hold"),
        ("hold", None, "on hold without an end"),
        ("latest_treatment", DUE, "the latest treatment that counts"),
        ("earliest", DUE, "the earliest day; nothing else is known to limit it"),
        ("lead_days", DUE, "the practice's lead time before the due date"),
        ("lead_days", None, "the practice's lead time before the due date"),
        ("overdue_after_days", DUE, "the practice's patience after the due date"),
        ("lapsed_after_days", DUE, "a whole cycle missed, by the practice's setting"),
        ("payer_minimum", DUE, "payer minimum"),
    ],
)
def test_rules_in_words(rule: str, on: date | None, text: str) -> None:
    assert rule_text(rule, never=on is None) == text
    reason = Reason("earliest_on", rule, on, True, "practice", None)
    assert reason_texts(compute(history(JAN), plan()), [reason], 4) == [text]


@pytest.mark.parametrize(
    ("source", "cycle", "text"),
    [
        ("session", 4, "84 days after the session given on 2026-01-05 (cycle 4)"),
        ("session", None, "84 days after the session given on 2026-01-05 in another course"),
        ("outside_session", 4, "84 days after the treatment given elsewhere on 2026-01-05"),
    ],
)
def test_the_interval_in_words(
    source: Literal["session", "outside_session"], cycle: int | None, text: str
) -> None:
    assert interval_text(84, source, JAN.on, cycle) == text
    found = compute(history(JAN._replace(source=source)), plan())
    [interval] = [r for r in found.reasons() if r.date == "clinical_due_on"]
    assert reason_texts(found, [interval], cycle) == [text]


def test_one_day_is_no_days() -> None:
    assert interval_text(1, "session", JAN.on, 1).startswith("1 day after the session")


@pytest.mark.parametrize(
    ("code", "by", "text"),
    [
        ("book", "2026-03-16", "Book the next session by 2026-03-16"),
        ("book", None, "Book the next session"),
        ("confirm", "2026-03-27", "Confirm the booking with the patient by 2026-03-27"),
        ("close_booking", "2026-03-30", "Say what became of the booking by 2026-03-30"),
        ("review_hold", "2026-04-01", "Review the hold by 2026-04-01"),
    ],
)
def test_actions_in_words(code: str, by: str | None, text: str) -> None:
    action = Action(ActionCode(code), day(by) if by else None, "course", None)
    assert action_texts([action]) == [text]
