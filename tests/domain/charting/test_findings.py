"""What findings say: their facts, their texts, and the order they come in."""

from __future__ import annotations

import pytest

from app.domain.charting.dosing import (
    Base,
    Chart,
    Dose,
    Injection,
    Omit,
    by_exception,
    describe,
    findings,
    in_full,
    total,
)
from app.domain.charting.dosing_findings import Finding
from app.domain.errors import InvalidChart
from tests.support.definitions import preempt

PREEMPT = preempt()


def found(chart: Chart, code: str) -> Finding:
    [finding] = [finding for finding in chart.findings if finding.code == code]
    return finding


def test_as_protocol_has_every_fixed_site_with_its_own_dose() -> None:
    chart = by_exception(PREEMPT, base=Base.AS_PROTOCOL)
    assert chart.injections == tuple(
        Injection(place, site.hundredths) for place, site in enumerate(PREEMPT.sites, 1)
    )
    assert {row.planned_hundredths for row in describe(PREEMPT, chart.injections)} == {500}


def test_without_reasons_nothing_is_added() -> None:
    told = findings(PREEMPT, [Injection(site.number, 500) for site in PREEMPT.sites])
    assert told == ()


def test_a_site_left_out_and_a_dose_changed() -> None:
    chart = by_exception(
        PREEMPT,
        base=Base.AS_PROTOCOL,
        omit=[Omit("TRA-L3", "wound")],
        change=[Dose("FRO-L1", 250)],
    )
    assert found(chart, "site_omitted") == Finding(
        "site_omitted",
        "TRA-L3 was not injected.",
        {"site": "TRA-L3", "area": "TRA", "planned_hundredths": 500, "reason": "wound"},
    )
    assert found(chart, "dose_changed") == Finding(
        "dose_changed",
        "FRO-L1 had 2.5 U; the protocol has 5 U.",
        {"site": "FRO-L1", "area": "FRO", "planned_hundredths": 500, "hundredths": 250},
    )


def test_an_optional_site_given_with_a_reason() -> None:
    chart = by_exception(PREEMPT, base=Base.AS_PROTOCOL, add=[Dose("TEM-L5", 250, "pain there")])
    assert chart.findings == (
        Finding(
            "site_added",
            "TEM-L5 was added.",
            {"site": "TEM-L5", "area": "TEM", "reason": "pain there", "hundredths": 250},
        ),
    )


def test_a_reason_for_no_departure_is_kept_without_a_dose() -> None:
    chart = by_exception(PREEMPT, base=Base.AS_PROTOCOL, change=[Dose("FRO-L1", 500, "as before")])
    assert chart.findings == (
        Finding(
            "reason_recorded",
            "A reason is noted for FRO-L1.",
            {"site": "FRO-L1", "area": "FRO", "reason": "as before"},
        ),
    )


def test_reasons_come_in_the_order_of_the_sites() -> None:
    """Whatever the order they were written in: the last optional site is named first here."""
    added = [Dose(code, 500, "pain there") for code in ("TRA-L4", "OCC-L4", "TEM-L5")]
    chart = by_exception(PREEMPT, base=Base.AS_PROTOCOL, add=added)
    assert [finding.facts["site"] for finding in chart.findings] == ["TEM-L5", "OCC-L4", "TRA-L4"]


def test_an_area_over_its_dose_with_no_optional_site() -> None:
    chart = by_exception(PREEMPT, base=Base.AS_PROTOCOL, change=[Dose("COR-L1", 501)])
    assert found(chart, "area_over_limit") == Finding(
        "area_over_limit",
        "Corrugator: 2 sites and 10.01 U, 0 of the sites optional; the protocol allows 2 sites "
        "and 10 U, 0 of the sites optional.",
        {
            "area": "COR",
            "sites": 2,
            "max_sites": 2,
            "hundredths": 1_001,
            "max_hundredths": 1_000,
            "optional_sites": 0,
            "max_optional_sites": 0,
        },
    )


def test_an_area_with_one_optional_site_too_many() -> None:
    added = [Dose(code, 100) for code in ("TEM-L5", "TEM-L6", "TEM-R5")]
    over = found(by_exception(PREEMPT, base=Base.AS_PROTOCOL, add=added), "area_over_limit")
    assert over.text == (
        "Temporalis: 11 sites and 43 U, 3 of the sites optional; the protocol allows 10 sites "
        "and 50 U, 2 of the sites optional."
    )


def test_a_session_over_the_whole_limit() -> None:
    full = [Dose(site.code, 500) for site in PREEMPT.sites]
    added = [Dose(site.code, 500) for site in PREEMPT.optional_sites[:9]]
    over = found(in_full(PREEMPT, [*full, *added]), "total_over_limit")
    assert over == Finding(
        "total_over_limit",
        "200 U at 40 sites; the protocol allows 195 U at 39 sites.",
        {"hundredths": 20_000, "max_hundredths": 19_500, "sites": 40, "max_sites": 39},
    )


def test_a_total_over_the_limit_names_no_sites() -> None:
    over = found(total(PREEMPT, 19_501), "total_over_limit")
    assert over == Finding(
        "total_over_limit",
        "195.01 U; the protocol allows 195 U at 39 sites.",
        {"hundredths": 19_501, "max_hundredths": 19_500, "sites": None, "max_sites": 39},
    )


def test_another_product_names_the_protocols() -> None:
    assert found(total(PREEMPT, 15_500, product="otherA"), "product_not_in_protocol") == Finding(
        "product_not_in_protocol",
        "The protocol is for onabotulinumtoxinA; another product was given.",
        {"protocol_product": "onabotulinumtoxinA"},
    )


def test_a_hundredth_of_a_unit_is_a_dose() -> None:
    assert total(PREEMPT, 1).administered_hundredths == 1
    assert in_full(PREEMPT, [Dose("COR-L1", 1)]).administered_hundredths == 1


@pytest.mark.parametrize(
    ("hundredths", "detail"),
    [(0, "must be above 0"), (100_001, "more than 1000 units in one session")],
)
def test_doses_that_cannot_be(hundredths: int, detail: str) -> None:
    with pytest.raises(InvalidChart) as refused:
        total(PREEMPT, hundredths)
    assert refused.value.errors == (("/total_units", detail),)
    with pytest.raises(InvalidChart) as refused:
        in_full(PREEMPT, [Dose("COR-L1", hundredths)])
    assert refused.value.errors == (("/injections/0/units", detail),)
