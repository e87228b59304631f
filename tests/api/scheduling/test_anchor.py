"""What the next session is due from, whatever was entered when and corrected how often."""

from __future__ import annotations

import pytest

from tests.support.clinic import Clinic


def due(clinic: Clinic, course: dict[str, str]) -> tuple[str | None, str | None, str]:
    schedule = clinic.schedule(course["id"])
    return schedule["anchor_on"], schedule["due_on"], schedule["status"]


def test_an_older_session_entered_later(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05")
    older = clinic.a_session(course["id"], "2025-10-13")
    assert older["schedule"]["due_on"] == "2026-03-30"
    assert (older["cycle"], older["schedule"]["cycle"]) == (1, 3)
    first, second = clinic.get(f"/courses/{course['id']}/sessions")["items"]
    assert [(s["given_on"], s["cycle"]) for s in (first, second)] == [
        ("2025-10-13", 1),
        ("2026-01-05", 2),
    ]


def test_a_date_corrected_and_corrected_back(clinic: Clinic) -> None:
    course = clinic.a_course()
    given = clinic.a_session(course["id"], "2026-01-05")
    found = [given["schedule"]["due_on"]]
    for day in ("2026-01-07", "2026-01-05"):
        corrected = clinic.patch(f"/sessions/{given['id']}", {"given_on": day})
        found.append(corrected["schedule"]["due_on"])
        assert clinic.row(course["id"])["due_on"] == corrected["schedule"]["due_on"]
    assert found == ["2026-03-30", "2026-04-01", "2026-03-30"]
    assert clinic.wrong_dates() == []


def test_a_correction_may_put_another_session_last(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13")
    newer = clinic.a_session(course["id"], "2026-01-05")
    corrected = clinic.patch(f"/sessions/{newer['id']}", {"given_on": "2025-07-20"})
    assert corrected["cycle"] == 1
    assert corrected["schedule"]["anchor_on"] == "2025-10-13"


def test_voided_ones_fall_back_to_the_one_before(clinic: Clinic) -> None:
    course = clinic.a_course()
    first, second = (clinic.a_session(course["id"], day) for day in ("2025-10-13", "2026-01-05"))
    voided = clinic.verb(second["id"], "void", {"reason": "wrong patient"})
    assert (voided["status"], voided["cycle"]) == ("voided", None)
    assert due(clinic, course) == ("2025-10-13", "2026-01-05", "overdue")
    assert voided["schedule"]["cycle"] == 2
    clinic.verb(first["id"], "void", {"reason": "wrong patient"})
    assert due(clinic, course) == (None, None, "not_started")
    assert clinic.wrong_dates() == []


def test_the_planned_start_is_due_again_when_nothing_was_given(clinic: Clinic) -> None:
    course = clinic.a_course(planned_start_on="2026-03-02")
    assert due(clinic, course) == (None, "2026-03-02", "not_started")
    given = clinic.a_session(course["id"], "2026-03-09")
    assert due(clinic, course)[1] == "2026-06-01"
    clinic.verb(given["id"], "void", {"reason": "not given"})
    assert due(clinic, course) == (None, "2026-03-02", "not_started")


def test_treated_elsewhere_counts_as_the_anchor(clinic: Clinic) -> None:
    course = clinic.a_course("2025-10-13", prior_cycles=3)
    assert clinic.schedule(course["id"])["cycle"] == 5
    path = f"/courses/{course['id']}/outside-sessions"
    made = clinic.post(path, {"given_on": "2026-01-05", "units": 155, "place": "Elsewhere"})
    assert made["schedule"]["anchor_on"] == "2026-01-05"
    assert made["schedule"]["due_on"] == "2026-03-30"
    # It bears the anchor, but cycles elsewhere are counted by `prior_cycles` alone.
    assert made["schedule"]["cycle"] == 5
    [decisive] = [r for r in made["schedule"]["reasons"] if r["date"] == "due_on" and r["decisive"]]
    assert decisive["text"] == "84 days after the treatment given elsewhere on 2026-01-05"
    assert clinic.row(course["id"])["decisive_reason"]["text"] == decisive["text"]

    refusal = clinic.refusal("POST", path, {"given_on": "2026-03-21"})
    assert refusal["errors"] == [{"pointer": "/given_on", "detail": "lies in the future"}]
    void = f"/outside-sessions/{made['id']}/void"
    voided = clinic.post(void, {"reason": "another indication"})
    assert voided["schedule"]["anchor_on"] == "2025-10-13"
    assert clinic.refusal("POST", void, {"reason": "again"})["status"] == 409
    assert clinic.get(path)["items"][0]["voided_at"]
    assert clinic.wrong_dates() == []


def test_last_treated_two_years_ago_is_lapsed_at_once(clinic: Clinic) -> None:
    course = clinic.a_course()
    given = clinic.a_session(course["id"], "2024-03-18", chart={"total_units": 155})
    assert given["schedule"]["status"] == "lapsed"
    row = clinic.row(course["id"], "status=lapsed")
    assert row["due_on"] == "2024-06-10"
    assert row["days_overdue"] == 648
    assert clinic.get("/worklist/summary")["statuses"]["lapsed"] == 1


@pytest.mark.parametrize(
    ("tolerance", "given_on", "days_short"),
    [
        pytest.param(0, "2026-03-30", None, id="to the day"),
        pytest.param(0, "2026-03-29", 1, id="a day short"),
        pytest.param(3, "2026-03-27", None, id="as early as is tolerated"),
        pytest.param(3, "2026-03-26", 4, id="a day more: short of the minimum, not of the rest"),
    ],
)
def test_too_early_within_the_tolerance(
    clinic: Clinic, tolerance: int, given_on: str, days_short: int | None
) -> None:
    clinic.clock.now = clinic.clock.now.replace(month=4)
    clinic.settings(early_tolerance_days=tolerance)
    course = clinic.a_course("2026-01-05")
    given = clinic.a_session(course["id"], given_on)
    found = [f["days_short"] for f in given["findings"] if f["code"] == "too_early"]
    assert found == ([] if days_short is None else [days_short])
    # The drug was given: the next interval runs from that day, and planning knows no tolerance.
    assert given["schedule"]["anchor_on"] == given_on
    assert given["schedule"]["cycle"] == 3


def test_a_session_before_another_makes_that_one_too_early(clinic: Clinic) -> None:
    course = clinic.a_course()
    given = clinic.a_session(course["id"], "2026-01-05")
    assert given["findings"] == []
    clinic.a_session(course["id"], "2025-12-01")
    [finding] = clinic.get(f"/sessions/{given['id']}")["findings"]
    assert (finding["code"], finding["days_short"]) == ("too_early", 49)


def test_the_rest_given_on_friday_is_the_same_cycle(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-22")
    begun = clinic.a_session(
        course["id"],
        "2026-03-16",
        chart={"total_units": 60},
        completeness="partial",
        reason="felt faint",
    )
    rest = clinic.a_session(
        course["id"], "2026-03-20", chart={"total_units": 95}, continues_session_id=begun["id"]
    )
    assert (begun["cycle"], rest["cycle"], rest["schedule"]["cycle"]) == (2, 2, 3)
    assert "too_early" not in [f["code"] for f in rest["findings"]]
    assert rest["schedule"]["anchor_on"] == "2026-03-20"
    assert rest["schedule"]["due_on"] == "2026-06-12"


@pytest.mark.parametrize(
    ("first", "rest_on", "code"),
    [
        pytest.param({"completeness": "complete"}, "2026-03-06", "not-a-continuation", id="whole"),
        pytest.param(
            {"completeness": "partial", "reason": "fainted"},
            "2026-03-17",
            "not-a-continuation",
            id="15 days later",
        ),
        pytest.param(
            {"completeness": "partial", "reason": "fainted"}, "2026-03-16", None, id="14 days later"
        ),
        pytest.param(
            {"completeness": "partial", "reason": "fainted"},
            "2026-03-01",
            "not-a-continuation",
            id="before it",
        ),
    ],
)
def test_what_a_continuation_may_continue(
    clinic: Clinic, first: dict[str, str], rest_on: str, code: str | None
) -> None:
    course = clinic.a_course()
    begun = clinic.a_session(course["id"], "2026-03-02", **first)
    body = {
        "status": "given",
        "given_on": rest_on,
        "chart": {"total_units": 95},
        "continues_session_id": begun["id"],
    }
    answer = clinic.call("POST", f"/courses/{course['id']}/sessions", body)
    assert answer.json().get("code") == code
    assert answer.status_code == (409 if code else 201)


def test_a_partial_session_needs_its_reason(clinic: Clinic) -> None:
    course = clinic.a_course()
    refusal = clinic.refusal(
        "POST",
        f"/courses/{course['id']}/sessions",
        {
            "status": "given",
            "given_on": "2026-03-02",
            "chart": {"total_units": 60},
            "completeness": "partial",
        },
    )
    assert refusal["errors"][0]["pointer"] == "/reason"


def test_projected_one_by_one_or_at_once(clinic: Clinic) -> None:
    course = clinic.a_course("2026-01-05", interval_days=91)
    path = f"/courses/{course['id']}/projection"
    at_once = clinic.get(f"{path}?count=12")["sessions"]
    assert [s["cycle"] for s in at_once] == list(range(2, 14))
    one_by_one = []
    for _ in range(12):
        [following] = clinic.get(f"{path}?count=1")["sessions"]
        one_by_one.append(following)
        clinic.clock.now = clinic.clock.now.replace(year=2030)
        clinic.a_session(course["id"], following["due_on"])
    assert one_by_one == at_once
