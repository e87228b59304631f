"""Protocol versions: the built-in one is right; a definition that does not add up is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.charting.protocol import from_definition, to_definition
from app.domain.charting.reading import number, scaled
from app.domain.dates import Interval
from app.domain.errors import InvalidProtocol
from tests.support.definitions import (
    a_definition,
    a_small_definition,
    changed,
    faults_of,
    preempt,
)

# --- preempt, version 1 ------------------------------------------------------------------------


def test_preempt_has_31_sites_and_155_units_and_allows_39_and_195() -> None:
    limits = preempt().limits
    assert (limits.fixed_sites, limits.fixed_hundredths) == (31, 15_500)
    assert (limits.max_sites, limits.max_hundredths) == (39, 19_500)
    assert len(preempt().sites) == 31
    assert sum(site.hundredths for site in preempt().sites) == 15_500
    assert sum(area.max_sites for area in preempt().areas) == 39
    assert sum(area.max_hundredths for area in preempt().areas) == 19_500


def test_preempt_is_for_onabotulinumtoxina_every_84_days() -> None:
    assert preempt().version == 1
    assert preempt().product == "onabotulinumtoxinA"
    assert preempt().interval == Interval(84, "day")


@pytest.mark.parametrize(
    ("order", "code", "sites", "units", "most_sites", "most_units", "optional"),
    [
        (1, "COR", 2, 10, 2, 10, ""),
        (2, "PRO", 1, 5, 1, 5, ""),
        (3, "FRO", 4, 20, 4, 20, ""),
        (4, "TEM", 8, 40, 10, 50, "TEM-L5 TEM-L6 TEM-R5 TEM-R6"),
        (5, "OCC", 6, 30, 8, 40, "OCC-L4 OCC-L5 OCC-R4 OCC-R5"),
        (6, "CPS", 4, 20, 4, 20, ""),
        (
            7,
            "TRA",
            6,
            30,
            10,
            50,
            "TRA-L4 TRA-L5 TRA-L6 TRA-L7 TRA-R4 TRA-R5 TRA-R6 TRA-R7",
        ),
    ],
)
def test_preempt_area(
    order: int,
    code: str,
    sites: int,
    units: int,
    most_sites: int,
    most_units: int,
    optional: str,
) -> None:
    area = preempt().areas[order - 1]
    assert (area.code, area.order) == (code, order)
    assert (area.fixed_sites, area.fixed_hundredths) == (sites, units * 100)
    assert (area.max_sites, area.max_hundredths) == (most_sites, most_units * 100)
    named = [site.code for site in preempt().optional_sites if site.area == code]
    assert named == optional.split()


def test_every_site_has_5_units_in_a_tenth_of_a_millilitre() -> None:
    doses = {(site.hundredths, site.microlitres) for site in preempt().all_sites}
    assert doses == {(500, 100)}


def test_only_the_procerus_is_midline() -> None:
    assert [site.code for site in preempt().all_sites if site.side == "midline"] == ["PRO-M1"]


def test_numbers_are_part_of_the_published_version() -> None:
    """Stored charts hold these numbers: this list may never change."""
    codes = """
        COR-L1 COR-R1 PRO-M1 FRO-L1 FRO-L2 FRO-R1 FRO-R2 TEM-L1 TEM-L2 TEM-L3 TEM-L4 TEM-R1
        TEM-R2 TEM-R3 TEM-R4 OCC-L1 OCC-L2 OCC-L3 OCC-R1 OCC-R2 OCC-R3 CPS-L1 CPS-L2 CPS-R1
        CPS-R2 TRA-L1 TRA-L2 TRA-L3 TRA-R1 TRA-R2 TRA-R3 TEM-L5 TEM-L6 TEM-R5 TEM-R6 OCC-L4
        OCC-L5 OCC-R4 OCC-R5 TRA-L4 TRA-L5 TRA-L6 TRA-L7 TRA-R4 TRA-R5 TRA-R6 TRA-R7
    """
    assert [site.code for site in preempt().all_sites] == codes.split()
    for place, code in enumerate(codes.split(), 1):
        found = preempt().site(code)
        assert found is not None
        assert found.number == place
        assert preempt().site_by_number(place) is found


@pytest.mark.parametrize("number", [0, -1, 48, 1000])
def test_there_is_no_site_by_a_number_outside_the_version(number: int) -> None:
    assert preempt().site_by_number(number) is None


def test_every_site_is_drawn_and_left_mirrors_right() -> None:
    drawing = preempt().drawing
    assert drawing is not None
    assert "chematic" in drawing.note
    mirrored = {"side_left": "side_right", "side_right": "side_left"}
    for site in preempt().all_sites:
        assert site.positions
        assert site.landmark
        if site.side == "midline":
            continue
        letter = "-L" if site.side == "left" else "-R"
        twin = preempt().site(site.code.replace(letter, "-R" if letter == "-L" else "-L"))
        assert twin is not None
        assert {(p.view, p.x, p.y) for p in twin.positions} == {
            (mirrored.get(p.view, p.view), round(100 - p.x, 1), p.y) for p in site.positions
        }


def test_no_two_sites_share_a_dot() -> None:
    dots = [position for site in preempt().all_sites for position in site.positions]
    assert len(set(dots)) == len(dots)


def test_what_a_region_allows_is_data() -> None:
    allowed = {p.code: (p.min_hundredths, p.max_hundredths) for p in preempt().jurisdictions}
    assert allowed == {"US": (15_500, 15_500), "EU-UK": (15_500, 19_500)}


# --- definitions -------------------------------------------------------------------------------


def test_a_definition_survives_json_and_comes_back_equal() -> None:
    text = json.dumps(to_definition(preempt()))
    assert from_definition(json.loads(text)) == preempt()
    assert from_definition(json.loads(text, parse_float=Decimal)) == preempt()


def test_sites_and_areas_may_be_listed_in_any_order() -> None:
    definition = a_definition()
    for name in ("areas", "sites", "optional_sites"):
        definition[name].reverse()
    assert from_definition(definition) == preempt()


def test_a_small_definition_needs_only_the_essentials() -> None:
    protocol = from_definition(a_small_definition())
    assert protocol.drawing is None
    assert protocol.optional_sites == ()
    assert protocol.sites[0].landmark == ""
    assert from_definition(to_definition(protocol)) == protocol


@pytest.mark.parametrize(
    ("pointer", "value", "fault"),
    [
        # Nothing is used twice.
        ("/sites/1/code", "COR-L1", "/sites/1/code"),
        ("/optional_sites/0/code", "COR-L1", "/optional_sites/0/code"),
        ("/sites/1/order", 1, "/sites/1/order"),
        ("/optional_sites/3/order", 31, "/optional_sites/3/order"),
        ("/areas/1/code", "COR", "/areas/1/code"),
        ("/areas/1/order", 1, "/areas/1/order"),
        ("/jurisdictions/1/code", "US", "/jurisdictions/1/code"),
        ("/drawing/views/1/view", "front", "/drawing/views/1/view"),
        # A site stands where the definition has room for it.
        ("/sites/0/area", "XXX", "/sites/0/area"),
        ("/sites/0/side", "midline", "/sites/0/side"),
        ("/sites/2/side", "left", "/sites/2/side"),
        ("/sites/0/positions/0/view", "elsewhere", "/sites/0/positions/0/view"),
        ("/sites/15/positions/1/view", "back", "/sites/15/positions/1/view"),
        ("/drawing", None, "/sites/0/positions/0/view"),
        # Areas declare what their sites add up to.
        ("/sites/0/side", "right", "/areas/0/laterality"),
        ("/sites/0/units", 2.5, "/areas/0/laterality"),
        ("/sites/0/units", 2.5, "/areas/0/fixed_units"),
        ("/sites/0", ..., "/areas/0/fixed_sites"),
        ("/areas/3/fixed_units", 45, "/areas/3/fixed_units"),
        ("/areas/3/fixed_sites", 9, "/areas/3/fixed_sites"),
        # Limits are not below the plan, nor beyond what can be reached.
        ("/areas/0/max_sites", 1, "/areas/0/max_sites"),
        ("/areas/0/max_units", 9.99, "/areas/0/max_units"),
        ("/areas/0/max_sites", 3, "/areas/0/max_sites"),
        ("/limits/fixed_sites", 30, "/limits/fixed_sites"),
        ("/limits/fixed_units", 150, "/limits/fixed_units"),
        ("/limits/max_sites", 30, "/limits/max_sites"),
        ("/limits/max_units", 154.99, "/limits/max_units"),
        ("/limits/max_sites", 40, "/limits/max_sites"),
        ("/limits/max_units", 200, "/limits/max_units"),
        ("/jurisdictions/1/max_units", 200, "/jurisdictions/1/max_units"),
        ("/jurisdictions/0/min_sites", 32, "/jurisdictions/0/max_sites"),
        # Numbers are numbers, above 0, with at most two decimals.
        ("/sites/4/units", 0, "/sites/4/units"),
        ("/sites/4/units", -5, "/sites/4/units"),
        ("/sites/4/units", 5.001, "/sites/4/units"),
        ("/sites/4/units", "5", "/sites/4/units"),
        ("/sites/4/units", True, "/sites/4/units"),
        ("/sites/4/units", None, "/sites/4/units"),
        ("/sites/4/units", float("nan"), "/sites/4/units"),
        ("/sites/4/units", float("inf"), "/sites/4/units"),
        ("/sites/4/units", 1e300, "/sites/4/units"),
        ("/sites/4/units", Decimal("1e-999999"), "/sites/4/units"),
        ("/sites/4/units", 1000.01, "/sites/4/units"),
        ("/sites/4/ml", 0, "/sites/4/ml"),
        ("/sites/4/ml", 0.0001, "/sites/4/ml"),
        ("/sites/0/positions/0/x", 100.01, "/sites/0/positions/0/x"),
        ("/sites/0/positions/0/y", -1, "/sites/0/positions/0/y"),
        ("/version", 0, "/version"),
        ("/version", True, "/version"),
        ("/interval/value", 0, "/interval/value"),
        ("/interval/value", 12.0, "/interval/value"),
        ("/interval/unit", "year", "/interval/unit"),
        # The form is kept.
        ("/code", "PRE EMPT", "/code"),
        ("/name", "", "/name"),
        ("/name", "   ", "/name"),
        ("/name", "x" * 201, "/name"),
        ("/name", "a\x00b", "/name"),
        ("/name", "a\ud800b", "/name"),
        ("/name", 7, "/name"),
        ("/name", ..., "/name"),
        ("/sites", ..., "/sites"),
        ("/sites", [], "/sites"),
        ("/sites", {}, "/sites"),
        ("/sites", "no", "/sites"),
        ("/sites/4", 7, "/sites/4"),
        ("/sites/4", {}, "/sites/4/code"),
        ("/limits", ..., "/limits"),
        ("/limits", {}, "/limits/max_units"),
        ("/interval", [], "/interval"),
        ("/extra", 1, ""),
        ("/sites/4/extra", 1, "/sites/4"),
        ("/areas/0/laterality", "both", "/areas/0/laterality"),
        ("/sites/0/evidence", "X", "/sites/0/evidence"),
        ("/drawing/schematic", False, "/drawing/schematic"),
        ("/drawing/schematic", ..., "/drawing/schematic"),
        ("/optional_sites", None, "/optional_sites"),
    ],
)
def test_a_definition_that_cannot_be_right(pointer: str, value: object, fault: str) -> None:
    assert fault in [at for at, _ in faults_of(changed(pointer, value))]


@pytest.mark.parametrize("definition", [None, [], 5, "text", {}])
def test_what_is_no_definition_at_all(definition: object) -> None:
    assert faults_of(definition)


def test_all_faults_are_named_at_once() -> None:
    definition = changed("/sites/4/units", 0)
    definition["name"] = ""
    assert [pointer for pointer, _ in faults_of(definition)] == ["/name", "/sites/4/units"]


def test_a_fault_does_not_repeat_what_was_sent() -> None:
    definition = changed("/sites/4/area", "ECHO-ME")
    definition["sites"][5]["code"] = definition["sites"][6]["code"] = "ECHO-ME"
    assert not [detail for _, detail in faults_of(definition) if "ECHO" in detail]
    definition = changed("/sites/4/echo-me", "echo-me")
    definition["code"] = "Echo me"
    assert not [fault for fault in faults_of(definition) if "cho" in "".join(fault)]


@given(st.integers(0, 10**7), st.integers(0, 4))
def test_numbers_are_exact_both_ways(value: int, places: int) -> None:
    plain = number(value, places)
    assert scaled(plain, places) == value
    assert scaled(json.loads(json.dumps(plain)), places) == value
    assert scaled(Decimal(str(plain)), places) == value


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Definitions that add up: up to four areas, symmetric, with optional sites."""
    units = st.integers(1, 2_000).map(lambda hundredths: number(hundredths, 2))
    areas: list[dict[str, Any]] = []
    sites: list[dict[str, Any]] = []
    optional: list[dict[str, Any]] = []
    hundredths_of = {}
    for index in range(draw(st.integers(1, 4))):
        code, midline = f"A{index}", draw(st.booleans())
        doses = draw(st.lists(units, min_size=1, max_size=4))
        sides = ["midline"] if midline else ["left", "right"]
        own = [(side, dose) for side in sides for dose in doses]
        spare = draw(st.lists(st.sampled_from(sides), max_size=3))
        for into, group, letter in ((sites, own, "F"), (optional, [(s, 5) for s in spare], "X")):
            for place, (side, dose) in enumerate(group):
                into.append({"code": f"{code}-{letter}{place}", "area": code, "side": side})
                into[-1] |= {"units": dose, "ml": 0.1}
        fixed = sum(scaled(dose, 2) or 0 for _, dose in own)
        hundredths_of[code] = fixed
        most = draw(st.integers(fixed, fixed + 1_000))
        areas.append({"code": code, "name": "Area", "order": index + 1})
        areas[-1] |= {"laterality": "midline" if midline else "bilateral"}
        areas[-1] |= {"fixed_sites": len(own), "fixed_units": number(fixed, 2)}
        areas[-1] |= {"max_sites": len(own) + len(spare), "max_units": number(most, 2)}
    orders = draw(st.permutations(range(1, len(sites) + len(optional) + 1)))
    for site, order in zip([*sites, *optional], orders, strict=True):
        site["order"] = order
    fixed = sum(hundredths_of.values())
    limits = {"fixed_sites": len(sites), "fixed_units": number(fixed, 2)}
    limits |= {"max_sites": len(sites), "max_units": number(fixed, 2)}
    definition = a_small_definition()
    return definition | {
        "areas": areas,
        "sites": sites,
        "optional_sites": optional,
        "limits": limits,
    }


@given(definitions())
def test_definitions_round_trip(definition: dict[str, Any]) -> None:
    protocol = from_definition(definition)
    written = to_definition(protocol)
    assert from_definition(json.loads(json.dumps(written))) == protocol
    assert to_definition(from_definition(written)) == written
    assert [site.number for site in protocol.all_sites] == list(
        range(1, len(protocol.all_sites) + 1)
    )
    assert sum(site.hundredths for site in protocol.sites) == protocol.limits.fixed_hundredths


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.data())
def test_any_value_anywhere_is_refused_or_read_but_never_breaks(data: st.DataObject) -> None:
    pointers = ["/code", "/sites", "/sites/3", "/sites/3/units", "/sites/3/positions", "/areas/2"]
    pointers += ["/limits", "/limits/max_units", "/drawing", "/drawing/views", "/interval"]
    pointers += ["/areas/2/order", "/jurisdictions/0", "/optional_sites", "/sites/0/positions/0/x"]
    definition = changed(data.draw(st.sampled_from(pointers)), data.draw(_ANYTHING))
    try:
        protocol = from_definition(definition)
    except InvalidProtocol:
        return
    assert from_definition(to_definition(protocol)) == protocol
