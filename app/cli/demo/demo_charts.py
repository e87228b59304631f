"""How the demo's sessions were charted: one of each way the service knows."""

from __future__ import annotations

from functools import cache

from app.data import builtin_protocols
from app.domain.charting.dosing import Base, Dose, Omit
from app.domain.charting.protocol import Protocol
from app.services.scheduling.treatments import ChartOrder

# The sites of a session that had to end early: brow, forehead and the left temple.
_FIRST_SITES = 12
_FIVE_UNITS = 500
_PAIN = ("TEM-L5", "TEM-R5", "OCC-L4", "OCC-R4", "TRA-L4", "TRA-R4")


@cache
def protocol() -> Protocol:
    """Return the version that the demo's courses are treated under."""
    return next(p for p in reversed(builtin_protocols()) if p.code == "preempt")


def order(kind: str, index: int, *, paper: int, first_part: bool) -> ChartOrder:
    """Return the chart of a story's session number `index`, counted from 0.

    The first `paper` sessions are known by their total only.
    """
    if index < paper or kind == "total":
        return ChartOrder(total_hundredths=protocol().limits.fixed_hundredths)
    if first_part:
        return ChartOrder(injections=_planned(0, _FIRST_SITES))
    if kind == "full":
        return ChartOrder(injections=_planned(0, len(protocol().sites)))
    if kind == "exception":
        return ChartOrder(
            plan=Base.AS_PROTOCOL,
            omit=[Omit("TRA-L3", "Small wound at the site")],
            change=[Dose("FRO-L1", 250, "Brow hung low last time")],
        )
    if kind == "pain":
        sites = _PAIN[: 2 + 2 * (index % 3)]
        return ChartOrder(
            plan=Base.AS_PROTOCOL, add=[Dose(s, _FIVE_UNITS, "Pain here") for s in sites]
        )
    if kind == "last" and index > paper:
        return ChartOrder(plan=Base.AS_LAST)
    return ChartOrder(plan=Base.AS_PROTOCOL)


def second_part() -> ChartOrder:
    """Return the chart of the session that completed the one that ended early."""
    return ChartOrder(injections=_planned(_FIRST_SITES, len(protocol().sites)))


def _planned(first: int, last: int) -> list[Dose]:
    return [Dose(site.code, site.hundredths) for site in protocol().sites[first:last]]
