"""Charting: by exception, in full and as a total; what is noted about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data import builtin_protocols
from app.domain.charting.dosing import (
    Base,
    Chart,
    Dose,
    Injection,
    Omit,
    areas,
    by_exception,
    describe,
    findings,
    in_full,
    pack,
    total,
    unpack,
)
from app.domain.charting.protocol import Protocol, from_definition, to_definition

PREEMPT: Protocol = next(p for p in builtin_protocols() if p.code == "preempt")
TEM_EXTRA = ("TEM-L5", "TEM-L6", "TEM-R5", "TEM-R6")
OCC_EXTRA = ("OCC-L4", "OCC-L5", "OCC-R4", "OCC-R5")
TRA_EXTRA = ("TRA-L4", "TRA-L5", "TRA-L6", "TRA-L7", "TRA-R4", "TRA-R5", "TRA-R6", "TRA-R7")


def as_protocol(
    omit: Sequence[Omit] = (), change: Sequence[Dose] = (), add: Sequence[Dose] = ()
) -> Chart:
    return by_exception(PREEMPT, base=Base.AS_PROTOCOL, omit=omit, change=change, add=add)


def as_last(
    last: Chart, omit: Sequence[Omit] = (), change: Sequence[Dose] = (), add: Sequence[Dose] = ()
) -> Chart:
    return by_exception(
        PREEMPT, base=Base.AS_LAST, last=last.injections, omit=omit, change=change, add=add
    )


def extra(*codes: str, hundredths: int = 500) -> list[Dose]:
    return [Dose(code, hundredths) for code in codes]


def doses(chart: Chart) -> dict[str, int]:
    return {row.site: row.hundredths for row in describe(PREEMPT, chart.injections)}


def codes(chart: Chart) -> list[str]:
    return [finding.code for finding in chart.findings]


def facts(chart: Chart, code: str) -> dict[str, Any]:
    (found,) = (finding for finding in chart.findings if finding.code == code)
    return found.facts


# --- what is charted ---------------------------------------------------------------------------


def test_as_protocol_is_31_sites_and_155_units_with_nothing_to_note() -> None:
    chart = as_protocol()
    assert chart.charting == "by_site"
    assert len(chart.injections) == 31
    assert chart.administered_hundredths == 15_500
    assert chart.findings == ()


def test_the_fullest_session_the_protocol_allows_has_39_sites_and_195_units() -> None:
    chart = as_protocol(add=extra(*TEM_EXTRA[:2], *OCC_EXTRA[2:], *TRA_EXTRA[:4]))
    assert len(chart.injections) == 39
    assert chart.administered_hundredths == 19_500
    assert chart.findings == ()


def test_a_chart_by_exception() -> None:
    chart = as_protocol(
        omit=[Omit("TRA-L3", "wound")],
        change=[Dose("FRO-L1", 250)],
        add=[Dose("TEM-L5", 500)],
    )
    given_doses = doses(chart)
    assert "TRA-L3" not in given_doses
    assert given_doses["FRO-L1"] == 250
    assert given_doses["TEM-L5"] == 500
    assert chart.administered_hundredths == 15_250
    assert codes(chart) == ["dose_changed", "site_omitted"]


def test_in_full_is_the_same_thing_written_out() -> None:
    exception = as_protocol(
        omit=[Omit("TRA-L3")], change=[Dose("FRO-L1", 250)], add=extra("TEM-L5")
    )
    written_out = [Dose(code, dose) for code, dose in doses(exception).items()]
    assert in_full(PREEMPT, written_out) == exception
    assert in_full(PREEMPT, written_out[::-1]) == exception


def test_as_last_repeats_the_sites_and_doses_but_not_the_vials() -> None:
    last = as_protocol(omit=[Omit("TRA-L3", "wound")], change=[Dose("FRO-L1", 250, "brow", 1)])
    again = as_last(last)
    assert doses(again) == doses(last)
    assert all(injection.vial is None for injection in again.injections)
    assert facts(again, "dose_changed").get("reason") is None


def test_as_last_takes_back_what_was_left_out() -> None:
    last = as_protocol(omit=[Omit("TRA-L3")], add=extra("TEM-L5"))
    again = as_last(last, omit=[Omit("TEM-L5")], add=[Dose("TRA-L3", 500)])
    assert again == as_protocol()


def test_as_last_finds_the_sites_of_an_earlier_version_by_code() -> None:
    definition: Any = to_definition(PREEMPT)
    definition["version"] = 2
    first, second = definition["sites"][:2]
    first["order"], second["order"] = 2, 1
    newer = from_definition(definition)
    last = as_protocol(change=[Dose("COR-L1", 250)])
    chart = by_exception(newer, base=Base.AS_LAST, last=last.injections, last_protocol=PREEMPT)
    moved = newer.site("COR-L1")
    assert moved is not None
    assert moved.number == 2
    assert Injection(2, 250) in chart.injections


def test_a_total_invents_no_sites() -> None:
    chart = total(PREEMPT, 15_500)
    assert (chart.charting, chart.injections) == ("total", ())
    assert chart.administered_hundredths == 15_500
    assert codes(chart) == ["sites_not_recorded"]
    assert pack(chart) == []


def test_rows_say_where_and_what_was_planned() -> None:
    chart = as_protocol(change=[Dose("COR-L1", 250, vial=2)], add=extra("TEM-L5"))
    rows = {row.site: row for row in describe(PREEMPT, chart.injections)}
    assert rows["COR-L1"] == ("COR-L1", "COR", "left", 250, 500, 2)
    assert rows["PRO-M1"] == ("PRO-M1", "PRO", "midline", 500, 500, None)
    assert rows["TEM-L5"] == ("TEM-L5", "TEM", "left", 500, None, None)


def test_areas_come_in_injection_order() -> None:
    assert [tuple(row) for row in areas(PREEMPT, as_protocol().injections)] == [
        ("COR", 2, 1_000),
        ("PRO", 1, 500),
        ("FRO", 4, 2_000),
        ("TEM", 8, 4_000),
        ("OCC", 6, 3_000),
        ("CPS", 4, 2_000),
        ("TRA", 6, 3_000),
    ]
    assert areas(PREEMPT, [Injection(3, 500)]) == (("PRO", 1, 500),)


def test_the_stored_form_is_compact() -> None:
    chart = in_full(PREEMPT, [Dose("COR-L1", 500), Dose("COR-R1", 250, vial=1)])
    assert pack(chart) == [[1, 500], [2, 250, 1]]
    stored = json.dumps(pack(as_protocol()), separators=(",", ":"))
    assert len(stored) < 300


# --- what is noted, and not refused ------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "expected", "why"),
    [
        (lambda: as_protocol(omit=[Omit("COR-L1")]), ["site_omitted"], "a fixed site left out"),
        (lambda: as_protocol(change=[Dose("COR-L1", 250)]), ["dose_changed"], "less than planned"),
        (
            lambda: as_protocol(change=[Dose("TEM-L1", 1_000)]),
            ["dose_changed"],
            "more than planned, within what the area allows",
        ),
        (
            lambda: as_protocol(change=[Dose("COR-L1", 501)]),
            ["dose_changed", "area_over_limit"],
            "a hundredth over what the corrugators may have",
        ),
        (lambda: as_protocol(change=[Dose("COR-L1", 500)]), [], "changed to what it was"),
        (lambda: as_protocol(add=extra(*TEM_EXTRA[:2])), [], "both slots of the temporalis"),
        (
            lambda: as_protocol(add=extra(*TEM_EXTRA[:3])),
            ["area_over_limit"],
            "a third site where two are allowed",
        ),
        (
            lambda: as_protocol(omit=[Omit("TEM-L1"), Omit("TEM-R1")], add=extra(*TEM_EXTRA[:3])),
            ["site_omitted", "site_omitted", "area_over_limit"],
            "a fixed site left out opens no slot",
        ),
        (
            lambda: as_protocol(add=extra("TEM-L5", hundredths=1_001)),
            ["area_over_limit"],
            "one optional site with more than the area's extra units",
        ),
        (
            lambda: as_protocol(
                add=extra(*TEM_EXTRA[:3], *OCC_EXTRA[:2], *TRA_EXTRA[:4], hundredths=500)
            ),
            ["area_over_limit", "total_over_limit"],
            "40 sites and 200 units",
        ),
        (
            lambda: as_protocol(
                add=extra(*TEM_EXTRA[:3], *OCC_EXTRA[:2], *TRA_EXTRA[:4], hundredths=100)
            ),
            ["area_over_limit", "total_over_limit"],
            "40 sites, though few units",
        ),
        (lambda: total(PREEMPT, 19_500), ["sites_not_recorded"], "a total at the limit"),
        (
            lambda: total(PREEMPT, 19_501),
            ["sites_not_recorded", "total_over_limit"],
            "a total a hundredth over the limit",
        ),
        (
            lambda: total(PREEMPT, 15_500, product="otherA"),
            ["sites_not_recorded", "product_not_in_protocol"],
            "a total of another product",
        ),
        (
            lambda: by_exception(PREEMPT, base=Base.AS_PROTOCOL, product="otherA"),
            ["product_not_in_protocol"],
            "as planned, with another product",
        ),
        (
            lambda: by_exception(PREEMPT, base=Base.AS_PROTOCOL, product=" OnabotulinumtoxinA "),
            [],
            "the same product, spelled with other capitals",
        ),
        (
            lambda: as_last(as_protocol(add=extra("TEM-L5")), omit=[Omit("TEM-L5")]),
            [],
            "an optional site is not part of the plan",
        ),
    ],
)
def test_finding(chart: Callable[[], Chart], expected: list[str], why: str) -> None:
    assert codes(chart()) == expected, why


def test_one_site_leaves_30_omissions() -> None:
    chart = in_full(PREEMPT, [Dose("PRO-M1", 500)])
    assert codes(chart) == ["site_omitted"] * 30


def test_findings_carry_their_facts() -> None:
    chart = as_protocol(
        omit=[Omit("TRA-L3", "wound")],
        change=[Dose("FRO-L1", 250, "heavy brow")],
        add=[*extra(*TEM_EXTRA[:2]), Dose("TEM-R5", 500, "pain there")],
    )
    assert facts(chart, "site_omitted") == {
        "site": "TRA-L3",
        "area": "TRA",
        "planned_hundredths": 500,
        "reason": "wound",
    }
    assert facts(chart, "dose_changed") == {
        "site": "FRO-L1",
        "area": "FRO",
        "planned_hundredths": 500,
        "hundredths": 250,
        "reason": "heavy brow",
    }
    assert facts(chart, "site_added")["reason"] == "pain there"
    over = facts(chart, "area_over_limit")
    assert (over["area"], over["sites"], over["max_sites"]) == ("TEM", 11, 10)
    assert (over["hundredths"], over["max_hundredths"]) == (5_500, 5_000)
    assert (over["optional_sites"], over["max_optional_sites"]) == (3, 2)
    json.dumps([finding.facts for finding in chart.findings])


def test_a_reason_that_fits_no_departure_is_kept_all_the_same() -> None:
    last = as_protocol(change=[Dose("FRO-L1", 250)], add=extra("TEM-L5"))
    back = as_last(
        last,
        omit=[Omit("TEM-L5", "no longer needed")],
        change=[Dose("FRO-L1", 500, "brow recovered")],
    )
    assert codes(back) == ["reason_recorded", "reason_recorded"]
    assert {finding.facts["reason"] for finding in back.findings} == {
        "no longer needed",
        "brow recovered",
    }


def test_findings_can_be_derived_again_from_what_is_stored() -> None:
    chart = as_protocol(omit=[Omit("TRA-L3", "wound")], add=extra("TEM-L5"))
    assert findings(PREEMPT, unpack(pack(chart)), reasons={28: "wound"}) == chart.findings


def test_texts_do_not_repeat_the_reason() -> None:
    chart = as_protocol(omit=[Omit("TRA-L3", "a private matter")])
    assert "private" not in chart.findings[0].text


# --- properties --------------------------------------------------------------------------------

SITES = st.sampled_from([site.code for site in PREEMPT.all_sites])
AMOUNTS = st.integers(1, 2_000)
VIALS = st.none() | st.integers(1, 4)
REASONS = st.none() | st.sampled_from(["wound", "pain"])


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    kind = draw(st.sampled_from(["in_full", "as_protocol", "as_last", "total"]))
    if kind == "total":
        return total(PREEMPT, draw(st.integers(1, 100_000)))
    if kind == "in_full" or kind == "as_last":
        sites = draw(st.lists(SITES, min_size=1, unique=True))
        full = in_full(
            PREEMPT, [Dose(site, draw(AMOUNTS), draw(REASONS), draw(VIALS)) for site in sites]
        )
        return full if kind == "in_full" else as_last(full)
    omit, change = [], []
    for site in PREEMPT.sites[1:]:
        what = draw(st.sampled_from(["keep", "keep", "omit", "change"]))
        if what == "omit":
            omit.append(Omit(site.code, draw(REASONS)))
        elif what == "change":
            change.append(Dose(site.code, draw(AMOUNTS), draw(REASONS), draw(VIALS)))
    optional = st.sampled_from([site.code for site in PREEMPT.optional_sites])
    add = [Dose(code, draw(AMOUNTS), draw(REASONS)) for code in draw(st.sets(optional))]
    return as_protocol(omit, change, add)


@given(charts())
def test_totals_are_conserved(chart: Chart) -> None:
    by_area = areas(PREEMPT, chart.injections)
    if chart.charting == "by_site":
        assert sum(i.hundredths for i in chart.injections) == chart.administered_hundredths
        assert sum(row.hundredths for row in by_area) == chart.administered_hundredths
        assert sum(row.sites for row in by_area) == len(chart.injections)
    rows = describe(PREEMPT, chart.injections)
    assert [row.hundredths for row in rows] == [i.hundredths for i in chart.injections]


@given(charts())
def test_pack_and_unpack_are_inverse(chart: Chart) -> None:
    assert unpack(json.loads(json.dumps(pack(chart)))) == chart.injections


@given(charts())
def test_every_departure_from_the_plan_is_found_once(chart: Chart) -> None:
    if chart.charting == "total":
        return
    given_doses = doses(chart)
    departed = {s.code for s in PREEMPT.sites if given_doses.get(s.code) != s.hundredths}
    found = [f.facts["site"] for f in chart.findings if f.code in ("site_omitted", "dose_changed")]
    assert len(found) == len(set(found))
    assert set(found) == departed


@given(st.lists(st.tuples(SITES, AMOUNTS), min_size=1, unique_by=lambda row: row[0]))
def test_sites_are_stored_once_and_in_order(written: list[tuple[str, int]]) -> None:
    chart = in_full(PREEMPT, [Dose(site, amount) for site, amount in written])
    numbers = [injection.site_number for injection in chart.injections]
    assert numbers == sorted(set(numbers))
    assert doses(chart) == dict(written)
