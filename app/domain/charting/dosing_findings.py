"""What there is to know about a chart: departures from the plan, and limits passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.charting.protocol import Protocol
from app.domain.charting.protocol_parts import Injection
from app.domain.charting.reading import number


class FindingCode(StrEnum):
    """What a chart can show beside what was injected."""

    SITE_OMITTED = "site_omitted"
    SITE_ADDED = "site_added"
    DOSE_CHANGED = "dose_changed"
    REASON_RECORDED = "reason_recorded"
    AREA_OVER_LIMIT = "area_over_limit"
    TOTAL_OVER_LIMIT = "total_over_limit"
    PRODUCT_NOT_IN_PROTOCOL = "product_not_in_protocol"
    SITES_NOT_RECORDED = "sites_not_recorded"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about the session. `facts` hold codes, counts, reasons and doses;
    every key that ends in `hundredths` is a dose in hundredths of a unit."""

    code: str
    text: str
    facts: dict[str, object] = field(default_factory=dict)


def findings(
    protocol: Protocol,
    injections: Sequence[Injection],
    *,
    reasons: Mapping[int, str] | None = None,
) -> tuple[Finding, ...]:
    """Return how the injections depart from the fixed plan and the limits.

    `reasons` (by site number) go with the finding about their site. One that fits no departure
    is still kept: as `site_added` for an optional site given, else as `reason_recorded`.
    """
    given = {injection.site_number: injection.hundredths for injection in injections}
    left = dict(reasons or {})
    found: list[Finding] = []
    for site in protocol.sites:
        dose = given.get(site.number)
        if dose == site.hundredths:
            continue
        facts: dict[str, object] = {
            "site": site.code,
            "area": site.area,
            "planned_hundredths": site.hundredths,
        }
        if dose is not None:
            facts["hundredths"] = dose
        if site.number in left:
            facts["reason"] = left.pop(site.number)
        if dose is None:
            found.append(Finding(FindingCode.SITE_OMITTED, f"{site.code} was not injected.", facts))
        else:
            text = f"{site.code} had {_units(dose)}; the protocol has {_units(site.hundredths)}."
            found.append(Finding(FindingCode.DOSE_CHANGED, text, facts))
    found += _areas_over_limit(protocol, given)
    found += total_over_limit(protocol, len(given), sum(given.values()))
    for site_number, reason in sorted(left.items()):
        site = protocol.all_sites[site_number - 1]
        facts = {"site": site.code, "area": site.area, "reason": reason}
        if site_number in given and not site.fixed:
            facts["hundredths"] = given[site_number]
            found.append(Finding(FindingCode.SITE_ADDED, f"{site.code} was added.", facts))
        else:
            text = f"A reason is noted for {site.code}."
            found.append(Finding(FindingCode.REASON_RECORDED, text, facts))
    return tuple(found)


def _areas_over_limit(protocol: Protocol, given: Mapping[int, int]) -> list[Finding]:
    doses: dict[str, list[int]] = {}
    extra: dict[str, int] = {}
    for site_number, dose in given.items():
        site = protocol.all_sites[site_number - 1]
        doses.setdefault(site.area, []).append(dose)
        if not site.fixed:
            extra[site.area] = extra.get(site.area, 0) + 1
    found: list[Finding] = []
    for area in protocol.areas:
        own = doses.get(area.code, [])
        optional = extra.get(area.code, 0)
        # Leaving out a fixed site does not open another slot for an optional one.
        if (
            sum(own) <= area.max_hundredths
            and len(own) <= area.max_sites
            and optional <= area.slots
        ):
            continue
        text = (
            f"{area.name}: {len(own)} sites and {_units(sum(own))}, {optional} of the sites "
            f"optional; the protocol allows {area.max_sites} sites and "
            f"{_units(area.max_hundredths)}, {area.slots} of the sites optional."
        )
        facts: dict[str, object] = {
            "area": area.code,
            "sites": len(own),
            "max_sites": area.max_sites,
            "hundredths": sum(own),
            "max_hundredths": area.max_hundredths,
            "optional_sites": optional,
            "max_optional_sites": area.slots,
        }
        found.append(Finding(FindingCode.AREA_OVER_LIMIT, text, facts))
    return found


def total_over_limit(protocol: Protocol, sites: int | None, hundredths: int) -> list[Finding]:
    """Return the finding about the whole session; `sites` is None when only the total is known."""
    limits = protocol.limits
    if hundredths <= limits.max_hundredths and (sites is None or sites <= limits.max_sites):
        return []
    text = (
        f"{_units(hundredths)}{'' if sites is None else f' at {sites} sites'}; the protocol allows "
        f"{_units(limits.max_hundredths)} at {limits.max_sites} sites."
    )
    facts: dict[str, object] = {
        "hundredths": hundredths,
        "max_hundredths": limits.max_hundredths,
        "sites": sites,
        "max_sites": limits.max_sites,
    }
    return [Finding(FindingCode.TOTAL_OVER_LIMIT, text, facts)]


def another_product(protocol: Protocol) -> Finding:
    return Finding(
        FindingCode.PRODUCT_NOT_IN_PROTOCOL,
        f"The protocol is for {protocol.product}; another product was given.",
        {"protocol_product": protocol.product},
    )


def _units(hundredths: int) -> str:
    return f"{number(hundredths, 2)} U"
