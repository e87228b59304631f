"""Charting over REST: by exception, as last time, in full, or only a total."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clinic import Clinic


def given(clinic: Clinic, course: Any, day: str, **chart: Any) -> Any:
    return clinic.a_session(course["id"], day, chart=chart)


def site(session: Any, code: str) -> Any:
    return next((i for i in session["injections"] if i["site"] == code), None)


def codes(session: Any) -> list[str]:
    return [f["code"] for f in session["findings"]]


def test_by_exception(clinic: Clinic) -> None:
    course = clinic.a_course()
    session = given(
        clinic,
        course,
        "2026-03-02",
        plan="as_protocol",
        omit=[{"site": "TRA-L3", "reason": "wound"}],
        change=[{"site": "FRO-L1", "units": 2.5}],
        add=[{"site": "TEM-L5", "units": 5}],
    )
    assert len(session["injections"]) == 31
    assert session["units_administered"] == 152.5
    assert site(session, "TRA-L3") is None
    assert site(session, "FRO-L1") == {
        "site": "FRO-L1",
        "area": "FRO",
        "side": "left",
        "units": 2.5,
        "vial_id": None,
        "planned": 5,
    }
    assert site(session, "TEM-L5")["planned"] is None
    assert codes(session) == ["dose_changed", "site_omitted"]
    omitted = session["findings"][1]
    assert (omitted["site"], omitted["planned_units"], omitted["reason"]) == ("TRA-L3", 5, "wound")
    assert sum(area["units"] for area in session["areas"]) == session["units_administered"]
    assert sum(area["sites"] for area in session["areas"]) == 31


def test_as_last_time(clinic: Clinic) -> None:
    course = clinic.a_course()
    omit = [{"site": "TRA-L3"}]
    last = given(clinic, course, "2025-12-01", plan="as_protocol", omit=omit)
    given(clinic, course, "2025-12-08", total_units=100)  # no chart by site to repeat
    session = given(clinic, course, "2026-03-02", plan="as_last")
    assert session["injections"] == last["injections"]
    # Correcting it does not repeat itself.
    path = f"/sessions/{session['id']}"
    clinic.patch(path, {"chart": {"plan": "as_protocol"}})
    again = clinic.patch(path, {"chart": {"plan": "as_last"}})
    assert again["injections"] == last["injections"]


def test_as_last_without_a_last_one(clinic: Clinic) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_on": "2026-03-02", "chart": {"plan": "as_last"}}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/sessions", body)
    assert (refusal["status"], refusal["code"]) == (422, "invalid-chart")


def test_in_full_is_the_same_thing_written_out(clinic: Clinic) -> None:
    first = given(clinic, clinic.a_course(), "2026-03-02", plan="as_protocol")
    written = [{"site": i["site"], "units": i["units"]} for i in first["injections"]]
    other = given(clinic, clinic.a_course(), "2026-03-02", injections=written)
    for name in ("injections", "areas", "units_administered", "findings"):
        assert other[name] == first[name]


def test_known_only_as_a_total(clinic: Clinic) -> None:
    session = given(clinic, clinic.a_course(), "2026-03-02", total_units=155)
    assert (session["charting"], session["injections"], session["areas"]) == ("total", [], [])
    assert session["units_administered"] == 155
    assert codes(session) == ["sites_not_recorded"]


@pytest.mark.parametrize(
    ("chart", "code"),
    [
        pytest.param({"plan": "as_protocol", "omit": [{"site": "NOS-L1"}]}, None, id="no site"),
        pytest.param({"injections": [{"site": "COR-L1", "units": 5}] * 2}, None, id="a site twice"),
        pytest.param(
            {"injections": [{"site": "COR-L1", "units": 0}]}, "invalid", id="no units at a site"
        ),
        pytest.param(
            {"injections": [{"site": "COR-L1", "units": 0.125}]}, "invalid", id="three decimals"
        ),
        pytest.param({"total_units": 1000.01}, "invalid", id="above what a session can hold"),
        pytest.param(
            {"injections": [{"site": "COR-L1", "units": 600}, {"site": "COR-R1", "units": 401}]},
            None,
            id="above it in the sum",
        ),
        pytest.param({}, "invalid", id="nothing said"),
        pytest.param({"plan": "as_protocol", "total_units": 155}, "invalid", id="two ways"),
        pytest.param({"total_units": 155, "omit": [{"site": "COR-L1"}]}, "invalid", id="no plan"),
    ],
)
def test_charts_that_cannot_be(clinic: Clinic, chart: Any, code: str | None) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_on": "2026-03-02", "chart": chart}
    refusal = clinic.refusal("POST", f"/courses/{course['id']}/sessions", body)
    assert refusal["status"] == 422
    assert refusal["code"] == (code or "invalid-chart")
    assert clinic.get(f"/courses/{course['id']}")["anchor_on"] is None


def test_findings_never_refuse_what_happened(clinic: Clinic) -> None:
    course = clinic.a_course("2026-02-16")
    session = clinic.a_session(
        course["id"],
        "2026-03-02",
        product="Another toxin",
        chart={"plan": "as_protocol", "change": [{"site": "COR-L1", "units": 100}]},
    )
    assert set(codes(session)) == {
        "dose_changed",
        "area_over_limit",
        "total_over_limit",
        "product_not_in_protocol",
        "too_early",
    }
    path = f"/sessions/{session['id']}"
    assert clinic.get(path)["findings"] == session["findings"]
    corrected = clinic.patch(path, {"product": "onabotulinumtoxinA"})
    assert "product_not_in_protocol" not in codes(corrected)
    whole = clinic.patch(path, {"chart": {"plan": "as_protocol"}})
    assert codes(whole) == ["too_early"]
