"""Whether a protocol definition adds up: sites against areas, areas against limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from app.domain.charting.protocol_parts import (
    Area,
    Drawing,
    Jurisdiction,
    Laterality,
    Limits,
    Side,
    Site,
)
from app.domain.charting.reading import Fault, number

# A session above this is refused when charted, so no plan may ask for it.
MOST_HUNDREDTHS: Final = 100_000


def faults(
    areas: Sequence[Area],
    sites: Sequence[Site],
    optional_sites: Sequence[Site],
    limits: Limits,
    jurisdictions: Sequence[Jurisdiction],
    drawing: Drawing | None,
) -> list[Fault]:
    """Every fault, with pointers that count the entries in the order given here."""
    return [
        *_repeats("/areas/{}/code", [area.code for area in areas]),
        *_repeats("/areas/{}/order", [area.order for area in areas]),
        *_sites_stand_alone(areas, sites, optional_sites, drawing),
        *_areas_add_up(areas, sites, optional_sites),
        *_limits_hold(areas, limits),
        *_repeats("/jurisdictions/{}/code", [place.code for place in jurisdictions]),
        *_jurisdictions_fit(jurisdictions, limits),
        *_repeats("/drawing/views/{}/view", _view_names(drawing)),
    ]


def _view_names(drawing: Drawing | None) -> list[str]:
    return [view.view for view in drawing.views] if drawing else []


def _repeats(pointer: str, values: Iterable[object], start: int = 0) -> Iterator[Fault]:
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen and index >= start:
            yield pointer.format(index - start), "is used twice"
        seen.add(value)


def _sites_stand_alone(
    areas: Sequence[Area],
    sites: Sequence[Site],
    optional_sites: Sequence[Site],
    drawing: Drawing | None,
) -> Iterator[Fault]:
    every = [*sites, *optional_sites]
    for pointer, values in (
        ("code", [site.code for site in every]),
        ("order", [site.order for site in every]),
    ):
        yield from _repeats("/sites/{}/" + pointer, values[: len(sites)])
        yield from _repeats("/optional_sites/{}/" + pointer, values, start=len(sites))
    laterality = {area.code: area.laterality for area in areas}
    views = set(_view_names(drawing))
    for name, group in (("sites", sites), ("optional_sites", optional_sites)):
        for index, site in enumerate(group):
            at = f"/{name}/{index}"
            found = laterality.get(site.area)
            if found is None:
                yield f"{at}/area", "is not an area of this protocol"
            elif (found is Laterality.MIDLINE) != (site.side is Side.MIDLINE):
                yield f"{at}/side", f"does not fit a {found} area"
            drawn = [position.view for position in site.positions]
            yield from _repeats(at + "/positions/{}/view", drawn)
            for place, view in enumerate(drawn):
                if view not in views:
                    yield f"{at}/positions/{place}/view", "is not a view of this protocol's drawing"


def _areas_add_up(
    areas: Sequence[Area], sites: Sequence[Site], optional_sites: Sequence[Site]
) -> Iterator[Fault]:
    for index, area in enumerate(areas):
        at = f"/areas/{index}"
        own = [site for site in sites if site.area == area.code]
        spare = sum(site.area == area.code for site in optional_sites)
        planned = sum(site.hundredths for site in own)
        if len(own) != area.fixed_sites:
            yield f"{at}/fixed_sites", f"must be {len(own)}, the number of this area's sites"
        if planned != area.fixed_hundredths:
            yield f"{at}/fixed_units", f"must be {number(planned, 2)}, the sum of this area's sites"
        left, right = (
            sorted(site.hundredths for site in own if site.side == side)
            for side in (Side.LEFT, Side.RIGHT)
        )
        if area.laterality is Laterality.BILATERAL and left != right:
            yield f"{at}/laterality", "a bilateral area needs the same units on both sides"
        if area.max_sites < area.fixed_sites:
            yield f"{at}/max_sites", "must not be below fixed_sites"
        elif area.max_sites > len(own) + spare:
            yield f"{at}/max_sites", "must not be above the number of this area's sites"
        if area.max_hundredths < area.fixed_hundredths:
            yield f"{at}/max_units", "must not be below fixed_units"


def _limits_hold(areas: Sequence[Area], limits: Limits) -> Iterator[Fault]:
    fixed_sites = sum(area.fixed_sites for area in areas)
    fixed = sum(area.fixed_hundredths for area in areas)
    if limits.fixed_sites != fixed_sites:
        yield "/limits/fixed_sites", f"must be {fixed_sites}, the sum of the areas"
    if limits.fixed_hundredths != fixed:
        yield "/limits/fixed_units", f"must be {number(fixed, 2)}, the sum of the areas"
    if limits.max_sites < limits.fixed_sites:
        yield "/limits/max_sites", "must not be below fixed_sites"
    elif limits.max_sites > sum(area.max_sites for area in areas):
        yield "/limits/max_sites", "must not be above what the areas allow together"
    if limits.max_hundredths < limits.fixed_hundredths:
        yield "/limits/max_units", "must not be below fixed_units"
    elif limits.max_hundredths > sum(area.max_hundredths for area in areas):
        yield "/limits/max_units", "must not be above what the areas allow together"


def _jurisdictions_fit(jurisdictions: Sequence[Jurisdiction], limits: Limits) -> Iterator[Fault]:
    for index, place in enumerate(jurisdictions):
        at = f"/jurisdictions/{index}"
        if not place.min_sites <= place.max_sites <= limits.max_sites:
            yield f"{at}/max_sites", "must lie between min_sites and the protocol's limit"
        if not place.min_hundredths <= place.max_hundredths <= limits.max_hundredths:
            yield f"{at}/max_units", "must lie between min_units and the protocol's limit"
