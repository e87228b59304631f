"""What a course's dates rest on in the other courses of its patient."""

from __future__ import annotations

from typing import Any

import pytest

from app.data import builtin_protocols
from app.domain.charting.protocol import to_definition
from tests.support.clinic import Clinic
from tests.support.statements import counted

# Given on 5 January: due 84 days later, on 30 March.
LAST, DUE = "2026-01-05", "2026-03-30"


def beside(clinic: Clinic, course: Any, *given_on: str, **plan: Any) -> Any:
    """Another course of the same patient."""
    return clinic.a_course(*given_on, patient_id=course["patient_id"], **plan)


def stop(clinic: Clinic, course: Any) -> Any:
    return clinic.post(f"/courses/{course['id']}/stop", {"outcome": "stopped"})


def dates(clinic: Clinic, course: Any) -> tuple[str | None, str | None, str | None]:
    """The course's anchor, earliest day and due day, the same in its record, list and schedule."""
    record = clinic.get(f"/courses/{course['id']}")
    row = clinic.row(course["id"], "status=closed" if record["state"] != "active" else "")
    shown = [
        tuple(where[name] for name in ("anchor_on", "earliest_on", "due_on"))
        for where in (record, row, clinic.schedule(course["id"]))
    ]
    assert shown[0] == shown[1] == shown[2]
    assert clinic.wrong_dates() == []
    anchor, earliest, due = shown[0]
    return anchor, earliest, due


def a_protocol(clinic: Clinic, code: str, product: str) -> str:
    """A protocol of the practice's own, with another drug."""
    [built_in] = [p for p in builtin_protocols() if p.code == "preempt"]
    clinic.post("/protocols", to_definition(built_in) | {"code": code, "product": product})
    clinic.post(f"/protocols/{code}/versions/1/publish")
    return code


def test_stopped_and_opened_anew_it_is_due_from_the_last_treatment(clinic: Clinic) -> None:
    first = clinic.a_course("2025-10-13", LAST)
    stop(clinic, first)
    second = beside(clinic, first)
    assert dates(clinic, second) == (LAST, DUE, DUE)
    schedule = clinic.schedule(second["id"])
    assert (schedule["status"], schedule["cycle"]) == ("not_started", 1)
    assert schedule["overdue_from"] is schedule["lapsed_from"] is None
    session = clinic.get(f"/courses/{first['id']}/sessions")["items"][-1]
    [decisive] = [r for r in schedule["reasons"] if r["date"] == "due_on" and r["decisive"]]
    assert decisive["source"] == {"type": "session", "id": session["id"]}
    assert decisive["text"] == f"84 days after the session given on {LAST} in another course"
    assert clinic.row(second["id"])["decisive_reason"]["text"] == decisive["text"]
    # Too early for the patient is too early here, too.
    early = {"status": "booked", "starts_at": "2026-03-29T09:00:00-04:00"}
    refusal = clinic.refusal("POST", f"/courses/{second['id']}/sessions", early)
    assert (refusal["code"], refusal["earliest_on"]) == ("booked-too-early", DUE)


@pytest.mark.parametrize(
    ("planned", "due", "rule"),
    [
        pytest.param(None, DUE, "interval", id="no plan"),
        pytest.param("2026-02-02", DUE, "interval", id="planned before the drug may be given"),
        pytest.param("2026-04-20", "2026-04-20", "planned_start", id="planned for later"),
    ],
)
def test_not_started_is_due_on_the_later_day_and_never_lapses(
    clinic: Clinic, planned: str | None, due: str, rule: str
) -> None:
    first = clinic.a_course(LAST)
    stop(clinic, first)
    second = beside(clinic, first, planned_start_on=planned)
    assert dates(clinic, second) == (LAST, DUE, due)
    assert clinic.row(second["id"])["decisive_reason"]["rule"] == rule
    for on in ("2026-03-30", "2026-05-30", "2027-12-31"):
        row = clinic.row(second["id"], f"on={on}&status=not_started")
        assert (row["status"], row["days_overdue"]) == ("not_started", 0)
        assert clinic.row(second["id"], f"on={on}&status=lapsed,overdue,due") is None
        assert clinic.get(f"/worklist/summary?on={on}")["statuses"]["not_started"] == 1


def test_two_open_courses_follow_each_other(clinic: Clinic) -> None:
    one = clinic.a_course("2025-12-01")
    other = beside(clinic, one)
    assert dates(clinic, other) == ("2025-12-01", "2026-02-23", "2026-02-23")
    versions = [clinic.call("GET", f"/courses/{c['id']}").headers["etag"] for c in (one, other)]
    given = clinic.a_session(other["id"], LAST)
    assert dates(clinic, one) == dates(clinic, other) == (LAST, DUE, DUE)
    now = [clinic.call("GET", f"/courses/{c['id']}").headers["etag"] for c in (one, other)]
    assert all(before != after for before, after in zip(versions, now, strict=True))
    # Cycles are counted by course; too early is too early for the patient.
    assert (given["cycle"], clinic.schedule(one["id"])["cycle"]) == (1, 2)
    assert [f["code"] for f in given["findings"]] == ["too_early"]
    text = clinic.row(one["id"])["decisive_reason"]["text"]
    assert text == f"84 days after the session given on {LAST} in another course"
    # A correction and a void in the one move the other.
    clinic.patch(f"/sessions/{given['id']}", {"given_on": "2026-01-07"})
    assert dates(clinic, one) == ("2026-01-07", "2026-04-01", "2026-04-01")
    clinic.verb(given["id"], "void", {"reason": "wrong patient"})
    assert dates(clinic, one) == ("2025-12-01", "2026-02-23", "2026-02-23")
    assert clinic.schedule(other["id"])["status"] == "not_started"


def test_a_session_in_the_one_makes_a_later_one_of_the_other_too_early(clinic: Clinic) -> None:
    one = clinic.a_course()
    given = clinic.a_session(one["id"], LAST)
    before = clinic.call("GET", f"/sessions/{given['id']}")
    assert before.json()["findings"] == []
    beside(clinic, one, "2025-12-15")
    after = clinic.call("GET", f"/sessions/{given['id']}")
    assert [f["days_short"] for f in after.json()["findings"]] == [63]
    assert before.headers["etag"] != after.headers["etag"]


def test_treated_elsewhere_counts_in_every_course(clinic: Clinic) -> None:
    one = clinic.a_course("2025-10-13")
    other = beside(clinic, one)
    path = f"/courses/{other['id']}/outside-sessions"
    made = clinic.post(path, {"given_on": LAST})
    assert dates(clinic, one) == (LAST, DUE, DUE)
    text = clinic.row(one["id"])["decisive_reason"]["text"]
    assert text == f"84 days after the treatment given elsewhere on {LAST}"
    clinic.post(f"/outside-sessions/{made['id']}/void", {"reason": "for something else"})
    assert dates(clinic, one) == ("2025-10-13", "2026-01-05", "2026-01-05")


@pytest.mark.parametrize(
    ("indication", "follows"),
    [
        pytest.param("G43.719", True, id="the same category"),
        pytest.param("g43.e09", True, id="in small letters"),
        pytest.param("G43", True, id="the category itself"),
        pytest.param("G24.3", False, id="another category"),
        pytest.param("G4", False, id="not its beginning"),
    ],
)
def test_the_indication_group_is_the_category(
    clinic: Clinic, indication: str, follows: bool
) -> None:
    first = clinic.a_course(LAST)
    second = beside(clinic, first, indication=indication)
    expected = (LAST, DUE, DUE) if follows else (None, None, None)
    assert dates(clinic, second) == expected
    clinic.a_session(second["id"], "2026-03-19")
    anchor, _, _ = dates(clinic, first)
    assert anchor == ("2026-03-19" if follows else LAST)


def test_an_indication_corrected_joins_or_leaves_the_group(clinic: Clinic) -> None:
    one = clinic.a_course("2025-12-01")
    other = beside(clinic, one, LAST, indication="G24.3")
    assert dates(clinic, one)[0] == "2025-12-01"
    clinic.patch(f"/courses/{other['id']}", {"indication": "G43.709"})
    assert dates(clinic, one) == dates(clinic, other) == (LAST, DUE, DUE)
    clinic.patch(f"/courses/{one['id']}", {"indication": "G24.3"})
    assert dates(clinic, one)[0] == "2025-12-01"


def test_another_drug_shares_nothing_and_another_protocol_of_the_same_drug_does(
    clinic: Clinic,
) -> None:
    first = clinic.a_course(LAST)
    with_another = a_protocol(clinic, "other-drug", "rimabotulinumtoxinB")
    assert dates(clinic, beside(clinic, first, protocol=with_another)) == (None, None, None)
    with_the_same = a_protocol(clinic, "same-drug", "OnabotulinumtoxinA")
    assert dates(clinic, beside(clinic, first, protocol=with_the_same)) == (LAST, DUE, DUE)


def test_another_patient_shares_nothing(clinic: Clinic) -> None:
    clinic.a_course(LAST)
    assert dates(clinic, clinic.a_course()) == (None, None, None)


def test_a_closed_course_keeps_its_dates(clinic: Clinic) -> None:
    first = clinic.a_course(LAST)
    stop(clinic, first)
    kept = clinic.get(f"/courses/{first['id']}")
    second = beside(clinic, first, "2026-03-02")
    assert clinic.get(f"/courses/{first['id']}") == kept
    assert dates(clinic, first) == (LAST, DUE, DUE)
    assert dates(clinic, second)[0] == "2026-03-02"
    # Taken up again it follows; what was given in it counted all the time.
    clinic.post(f"/courses/{first['id']}/resume")
    assert dates(clinic, first) == ("2026-03-02", "2026-05-25", "2026-05-25")


def test_given_and_voided_in_a_closed_course_moves_the_open_one(clinic: Clinic) -> None:
    first = clinic.a_course("2025-10-13")
    stop(clinic, first)
    second = beside(clinic, first)
    late = clinic.a_session(first["id"], LAST)
    assert dates(clinic, second) == (LAST, DUE, DUE)
    clinic.verb(late["id"], "void", {"reason": "not given"})
    assert dates(clinic, second)[0] == "2025-10-13"


def test_holds_and_bookings_are_the_courses_own(clinic: Clinic) -> None:
    one = clinic.a_course(LAST)
    other = beside(clinic, one)
    before = clinic.call("GET", f"/courses/{one['id']}").headers["etag"]
    clinic.post(
        f"/courses/{other['id']}/hold",
        {"from": "2026-03-01", "until": "2026-04-30", "reason": "travels"},
    )
    clinic.a_booking(other["id"], "2026-05-04T09:00:00-04:00")
    assert dates(clinic, one) == (LAST, DUE, DUE)
    assert dates(clinic, other) == (LAST, "2026-05-01", "2026-05-01")
    assert clinic.row(one["id"])["booking"]["state"] == "unbooked"
    assert clinic.call("GET", f"/courses/{one['id']}").headers["etag"] == before


def test_what_was_known_on_a_day_is_known_of_the_other_course_too(clinic: Clinic) -> None:
    one = clinic.a_course("2025-10-13")
    beside(clinic, one, LAST)
    assert clinic.schedule(one["id"], "2026-01-04")["anchor_on"] == "2025-10-13"
    assert clinic.schedule(one["id"], LAST)["anchor_on"] == LAST


def test_the_last_chart_is_the_courses_own(clinic: Clinic) -> None:
    first = clinic.a_course(LAST)
    second = beside(clinic, first)
    body = {"status": "given", "given_on": "2026-03-19", "chart": {"plan": "as_last"}}
    refusal = clinic.refusal("POST", f"/courses/{second['id']}/sessions", body)
    assert refusal["errors"][0]["pointer"] == "/plan"


def test_new_settings_reach_every_course_of_the_patient(clinic: Clinic) -> None:
    first = clinic.a_course(LAST)
    second = beside(clinic, first)
    clinic.settings(min_interval_days=91)
    assert dates(clinic, first) == dates(clinic, second) == (LAST, "2026-04-06", "2026-04-06")


def test_a_patients_other_courses_cost_one_update_each(clinic: Clinic) -> None:
    one = clinic.a_course("2025-12-15")
    other = beside(clinic, one)
    with counted(clinic.database) as sent:
        clinic.a_session(one["id"], "2026-03-19")
    assert len(sent) == 5
    with counted(clinic.database) as sent:
        clinic.a_booking(other["id"], "2026-07-20T09:00:00-04:00")
    assert len(sent) == 4
