"""Charting: which sites were injected with how much, and what departs from the protocol.

Departures are findings, never refusals: what happened is recorded. Refused is only what cannot
be true, as `InvalidChart` with JSON pointers into the chart as the API spells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from app.domain.charting.dosing_findings import (
    Finding,
    FindingCode,
    another_product,
    findings,
    total_over_limit,
)
from app.domain.charting.injections import AreaTotal, Row, areas, describe, unpack
from app.domain.charting.protocol import Protocol
from app.domain.charting.protocol_parts import Injection
from app.domain.charting.protocol_sums import MOST_HUNDREDTHS
from app.domain.charting.reading import Fault, number
from app.domain.errors import InvalidChart

__all__ = [
    "AreaTotal",
    "Base",
    "Chart",
    "Charting",
    "Completeness",
    "Dose",
    "Finding",
    "FindingCode",
    "Injection",
    "Omit",
    "Row",
    "another_product",
    "areas",
    "as_protocol",
    "by_exception",
    "describe",
    "findings",
    "in_full",
    "pack",
    "total",
    "unpack",
]


class Base(StrEnum):
    """What a chart by exception starts from."""

    AS_PROTOCOL = "as_protocol"
    AS_LAST = "as_last"


class Charting(StrEnum):
    """Whether a session's sites are known, or its total alone."""

    BY_SITE = "by_site"
    TOTAL = "total"


class Completeness(StrEnum):
    """A partial session is one that another may complete."""

    COMPLETE = "complete"
    PARTIAL = "partial"


_TOO_MUCH: Final = f"more than {number(MOST_HUNDREDTHS, 2)} units in one session"


@dataclass(frozen=True, slots=True)
class Omit:
    site: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    """A site with its dose, as changed, added or written out in full."""

    site: str
    hundredths: int
    reason: str | None = None
    vial: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A charted session: injections by site number, or none of them when only a total is known."""

    charting: Charting
    injections: tuple[Injection, ...]
    administered_hundredths: int
    findings: tuple[Finding, ...]


def by_exception(
    protocol: Protocol,
    *,
    base: Base,
    last: Sequence[Injection] | None = None,
    last_protocol: Protocol | None = None,
    omit: Sequence[Omit] = (),
    change: Sequence[Dose] = (),
    add: Sequence[Dose] = (),
    product: str | None = None,
) -> Chart:
    """Return the fixed plan, or the last session's sites, with the exceptions named.

    `last_protocol` is the version that `last` was charted under, when it is another one. Vials
    of the last session are not carried over: they were that day's.
    """
    if base is Base.AS_PROTOCOL:
        if not (omit or change or add):
            return _about_product(as_protocol(protocol), protocol, product)
        start: Iterable[Injection] = protocol.fixed_plan
    else:
        start = _repeated(protocol, last, last_protocol or protocol)
    given = {injection.site_number: injection for injection in start}
    planned = frozenset(given)
    entries = _Entries(protocol)
    for index, left_out in enumerate(omit):
        site = entries.site(f"/omit/{index}", left_out.site, left_out.reason)
        if site in planned:
            del given[site]
        elif site:
            entries.fault(f"/omit/{index}/site", "is not among the sites charted")
    for index, dose in enumerate(change):
        site = entries.dose(f"/change/{index}", dose)
        if site in planned:
            given[site] = Injection(site, dose.hundredths, dose.vial)
        elif site:
            entries.fault(f"/change/{index}/site", "is not among the sites charted")
    for index, dose in enumerate(add):
        site = entries.dose(f"/add/{index}", dose)
        if site in planned:
            entries.fault(f"/add/{index}/site", "is charted already: put it under change")
        elif site:
            given[site] = Injection(site, dose.hundredths, dose.vial)
    return entries.chart(given, "/omit", "", product)


def in_full(protocol: Protocol, injections: Sequence[Dose], *, product: str | None = None) -> Chart:
    """Return the chart of exactly these injections."""
    given: dict[int, Injection] = {}
    entries = _Entries(protocol)
    for index, dose in enumerate(injections):
        site = entries.dose(f"/injections/{index}", dose)
        if site:
            given[site] = Injection(site, dose.hundredths, dose.vial)
    return entries.chart(given, "/injections", "/injections", product)


def total(protocol: Protocol, hundredths: int, *, product: str | None = None) -> Chart:
    """Return a chart without sites, for history known only as units; sites are never invented."""
    if hundredths <= 0:
        raise InvalidChart(("/total_units", "must be above 0"))
    if hundredths > MOST_HUNDREDTHS:
        raise InvalidChart(("/total_units", _TOO_MUCH))
    found = [Finding(FindingCode.SITES_NOT_RECORDED, "Only the total is known, not the sites.")]
    found += total_over_limit(protocol, None, hundredths)
    return _about_product(Chart(Charting.TOTAL, (), hundredths, tuple(found)), protocol, product)


def as_protocol(protocol: Protocol) -> Chart:
    """Return the fixed plan given as planned."""
    return Chart(Charting.BY_SITE, protocol.fixed_plan, protocol.limits.fixed_hundredths, ())


def pack(chart: Chart) -> list[list[int]]:
    """Return `[[site number, hundredths], ...]`, with the vial number third where there is one."""
    return [
        [site, hundredths] if vial is None else [site, hundredths, vial]
        for site, hundredths, vial in chart.injections
    ]


def _about_product(chart: Chart, protocol: Protocol, product: str | None) -> Chart:
    if product is None or product.strip().casefold() == protocol.product.casefold():
        return chart
    return replace(chart, findings=(*chart.findings, another_product(protocol)))


def _repeated(
    protocol: Protocol, last: Sequence[Injection] | None, last_protocol: Protocol
) -> list[Injection]:
    if not last:
        raise InvalidChart(
            ("/plan", "there is no earlier session with sites to repeat: use as_protocol")
        )
    repeated: list[Injection] = []
    for injection in last:
        then = last_protocol.site_by_number(injection.site_number)
        now = then and protocol.site(then.code)
        if now is None:
            raise InvalidChart(
                ("/plan", "the last session has a site that this version lacks: use as_protocol")
            )
        repeated.append(Injection(now.number, injection.hundredths))
    return repeated


class _Entries:
    """Checks the entries of one chart and collects every fault before refusing."""

    __slots__ = ("faults", "named", "protocol", "reasons")

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.faults: list[Fault] = []
        self.named: set[int] = set()
        self.reasons: dict[int, str] = {}

    def fault(self, pointer: str, detail: str) -> None:
        self.faults.append((pointer, detail))

    def site(self, pointer: str, code: str, reason: str | None) -> int:
        """Return the site's number, or 0 after a fault."""
        site = self.protocol.site(code)
        if site is None:
            self.fault(f"{pointer}/site", "no such site in this protocol version")
            return 0
        if site.number in self.named:
            self.fault(f"{pointer}/site", f"{site.code} is named twice")
            return 0
        self.named.add(site.number)
        if reason:
            self.reasons[site.number] = reason
        return site.number

    def dose(self, pointer: str, dose: Dose) -> int:
        if dose.hundredths <= 0:
            self.fault(f"{pointer}/units", "must be above 0")
        elif dose.hundredths > MOST_HUNDREDTHS:
            self.fault(f"{pointer}/units", _TOO_MUCH)
        return self.site(pointer, dose.site, dose.reason)

    def chart(
        self, given: Mapping[int, Injection], empty: str, whole: str, product: str | None
    ) -> Chart:
        """Return the chart; faults of the whole point to `empty` (nothing left) or `whole`."""
        administered = sum(injection.hundredths for injection in given.values())
        if not self.faults and not given:
            self.fault(empty, "nothing was injected: cancel the booking instead")
        elif not self.faults and administered > MOST_HUNDREDTHS:
            self.fault(whole, _TOO_MUCH)
        if self.faults:
            raise InvalidChart(*self.faults)
        injections = tuple(given[site_number] for site_number in sorted(given))
        found = findings(self.protocol, injections, reasons=self.reasons)
        chart = Chart(Charting.BY_SITE, injections, administered, found)
        return _about_product(chart, self.protocol, product)
