"""Whether a protocol definition adds up: exactly which faults a change brings."""

from __future__ import annotations

import pytest

from tests.support.definitions import a_definition, changed, faults_if_any

TWICE = "is used twice"


@pytest.mark.parametrize(
    ("pointer", "value", "faults"),
    [
        pytest.param(
            "/optional_sites/0/code",
            "TEM-L6",
            [("/optional_sites/1/code", TWICE)],
            id="two optional sites: told once, in their own list",
        ),
        pytest.param(
            "/optional_sites/0/code",
            "COR-L1",
            [("/optional_sites/0/code", TWICE)],
            id="an optional site named as a fixed one",
        ),
        pytest.param("/sites/1/code", "COR-L1", [("/sites/1/code", TWICE)], id="two fixed sites"),
        pytest.param("/sites/1/order", 1, [("/sites/1/order", TWICE)], id="two in one place"),
        pytest.param(
            "/optional_sites/3/order",
            31,
            [("/optional_sites/3/order", TWICE)],
            id="an optional site in a fixed one's place",
        ),
        pytest.param("/areas/1/order", 1, [("/areas/1/order", TWICE)], id="two areas"),
        pytest.param(
            "/jurisdictions/1/code", "US", [("/jurisdictions/1/code", TWICE)], id="two regions"
        ),
        pytest.param(
            "/optional_sites/0/area",
            "XXX",
            [
                ("/optional_sites/0/area", "is not an area of this protocol"),
            ],
            id="an optional site of no area",
        ),
        pytest.param(
            "/optional_sites/0/side",
            "midline",
            [("/optional_sites/0/side", "does not fit a bilateral area")],
            id="an optional site of the midline in a bilateral area",
        ),
        pytest.param(
            "/sites/2/side",
            "left",
            [("/sites/2/side", "does not fit a midline area")],
            id="a site at the side of a midline area is told of once",
        ),
        pytest.param(
            "/sites/0/positions/0/view",
            "elsewhere",
            [("/sites/0/positions/0/view", "is not a view of this protocol's drawing")],
            id="a position in no view",
        ),
        pytest.param(
            "/optional_sites/0/positions",
            [{"view": "back", "x": 1, "y": 1}, {"view": "back", "x": 2, "y": 2}],
            [("/optional_sites/0/positions/1/view", TWICE)],
            id="twice in one view",
        ),
        pytest.param(
            "/sites/0/units",
            7.5,
            [
                ("/areas/0/fixed_units", "must be 12.5, the sum of this area's sites"),
                ("/areas/0/laterality", "a bilateral area needs the same units on both sides"),
            ],
            id="one side with more than the other",
        ),
        pytest.param(
            "/areas/3/fixed_units",
            45,
            [
                ("/areas/3/fixed_units", "must be 40, the sum of this area's sites"),
                ("/limits/fixed_units", "must be 160, the sum of the areas"),
            ],
            id="an area that declares more units than its sites have",
        ),
        pytest.param(
            "/areas/3/fixed_sites",
            9,
            [
                ("/areas/3/fixed_sites", "must be 8, the number of this area's sites"),
                ("/limits/fixed_sites", "must be 32, the sum of the areas"),
            ],
            id="an area that declares more sites than it has",
        ),
        pytest.param(
            "/areas/3/max_sites",
            7,
            [
                ("/areas/3/max_sites", "must not be below fixed_sites"),
                ("/limits/max_sites", "must not be above what the areas allow together"),
            ],
            id="fewer sites allowed than planned",
        ),
        pytest.param(
            "/areas/3/max_sites",
            13,
            [("/areas/3/max_sites", "must not be above the number of this area's sites")],
            id="more sites allowed than there are: eight and four",
        ),
        pytest.param("/areas/3/max_sites", 12, [], id="as many as there are"),
        pytest.param(
            "/areas/3/max_units",
            39.99,
            [
                ("/areas/3/max_units", "must not be below fixed_units"),
                ("/limits/max_units", "must not be above what the areas allow together"),
            ],
            id="fewer units allowed than planned",
        ),
        pytest.param(
            "/limits/fixed_units",
            150,
            [("/limits/fixed_units", "must be 155, the sum of the areas")],
            id="a session with fewer units than its areas",
        ),
        pytest.param(
            "/limits/fixed_sites",
            30,
            [("/limits/fixed_sites", "must be 31, the sum of the areas")],
            id="a session with fewer sites than its areas",
        ),
        pytest.param(
            "/jurisdictions/0/min_sites",
            32,
            [
                (
                    "/jurisdictions/0/max_sites",
                    "must lie between min_sites and the protocol's limit",
                )
            ],
            id="a region that asks for more sites than it allows",
        ),
        pytest.param(
            "/jurisdictions/1/min_units",
            195.01,
            [
                (
                    "/jurisdictions/1/max_units",
                    "must lie between min_units and the protocol's limit",
                )
            ],
            id="a region that asks for more units than it allows",
        ),
    ],
)
def test_faults_are_these_and_no_others(
    pointer: str, value: object, faults: list[tuple[str, str]]
) -> None:
    assert faults_if_any(changed(pointer, value)) == faults


def limits(**sizes: float) -> dict[str, object]:
    definition = a_definition()
    definition["limits"] |= sizes
    # The regions are within whatever the session's limits are.
    definition["jurisdictions"] = []
    return definition


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"max_sites": 30}, ("/limits/max_sites", "must not be below fixed_sites")),
        (
            {"max_sites": 40},
            ("/limits/max_sites", "must not be above what the areas allow together"),
        ),
        ({"max_units": 154.99}, ("/limits/max_units", "must not be below fixed_units")),
        (
            {"max_units": 195.01},
            ("/limits/max_units", "must not be above what the areas allow together"),
        ),
    ],
)
def test_a_session_is_not_below_its_plan_nor_above_its_areas(
    sizes: dict[str, float], fault: tuple[str, str]
) -> None:
    assert faults_if_any(limits(**sizes)) == [fault]


def test_the_sides_of_a_bilateral_area_are_compared_whatever_the_order_of_their_sites() -> None:
    """The doses of each side are the same, one written from the front and one from behind."""
    definition = a_definition()
    own = [site for site in definition["sites"] if site["area"] == "TEM"]
    for site, units in zip(own, (2, 4, 6, 8, 8, 6, 4, 2), strict=True):
        site["units"] = units
    assert [fault for fault in faults_if_any(definition) if "laterality" in fault[0]] == []
    own[0]["units"], own[1]["units"] = 3, 3
    assert [fault[0] for fault in faults_if_any(definition)] == ["/areas/3/laterality"]
