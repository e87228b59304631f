"""The injections of a session: how they are summed by area and shown.

A stored chart names a site by its number in the protocol version, so it is read together with
the version its session pins.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from app.domain.charting.protocol import Protocol
from app.domain.charting.protocol_parts import Side


# Injections and their rows are named tuples: 31 are made for every session read or written,
# and a frozen dataclass takes three times as long to make.
class Injection(NamedTuple):
    """One injection; `vial` is a number within its own session, not an id."""

    site_number: int
    hundredths: int
    vial: int | None = None


class AreaTotal(NamedTuple):
    area: str
    sites: int
    hundredths: int


class Row(NamedTuple):
    """An injection spelled out; `planned_hundredths` is None at an optional site."""

    site: str
    area: str
    side: Side
    hundredths: int
    planned_hundredths: int | None
    vial: int | None


def areas(protocol: Protocol, injections: Iterable[Injection]) -> tuple[AreaTotal, ...]:
    """Return totals of the areas injected, in injection order; their sum is the whole dose."""
    index_of = _area_indexes(protocol)
    sites = [0] * len(protocol.areas)
    doses = [0] * len(protocol.areas)
    for injection in injections:
        index = index_of[injection.site_number - 1]
        sites[index] += 1
        doses[index] += injection.hundredths
    return tuple(
        AreaTotal(area.code, count, dose)
        for area, count, dose in zip(protocol.areas, sites, doses, strict=True)
        if count
    )


def describe(protocol: Protocol, injections: Iterable[Injection]) -> list[Row]:
    """Return one row for each injection, in the order given."""
    known = _known(protocol)
    rows: list[Row] = []
    for site_number, hundredths, vial in injections:
        code, area, side, planned = known[site_number - 1]
        rows.append(Row(code, area, side, hundredths, planned, vial))
    return rows


@lru_cache(maxsize=512)
def _area_indexes(protocol: Protocol) -> tuple[int, ...]:
    index_of = {area.code: index for index, area in enumerate(protocol.areas)}
    return tuple(index_of[site.area] for site in protocol.all_sites)


@lru_cache(maxsize=512)
def _known(protocol: Protocol) -> tuple[tuple[str, str, Side, int | None], ...]:
    return tuple(
        (site.code, site.area, site.side, site.hundredths if site.fixed else None)
        for site in protocol.all_sites
    )
