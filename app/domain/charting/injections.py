"""The injections of a session: how they are summed by area and shown.

A stored chart names a site by its number in the protocol version, so it is read together with
the version its session pins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.domain.charting.protocol import Protocol
from app.domain.charting.protocol_parts import Injection


# Named tuples, as injections are: 31 rows are made for every session shown.
class AreaTotal(NamedTuple):
    area: str
    sites: int
    hundredths: int


class Row(NamedTuple):
    """An injection spelled out; `planned_hundredths` is None at an optional site."""

    site: str
    area: str
    side: str
    hundredths: int
    planned_hundredths: int | None
    vial: int | None


def areas(protocol: Protocol, injections: Iterable[Injection]) -> tuple[AreaTotal, ...]:
    """Return totals of the areas injected, in injection order; their sum is the whole dose."""
    index_of = protocol.area_indexes
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
    known = protocol.shown_sites
    rows: list[Row] = []
    for site_number, hundredths, vial in injections:
        code, area, side, planned = known[site_number - 1]
        rows.append(Row(code, area, side, hundredths, planned, vial))
    return rows


def unpack(packed: Iterable[Sequence[int]]) -> tuple[Injection, ...]:
    """Return the injections of a chart that `dosing.pack` stored."""
    return tuple([Injection(*row) for row in packed])
