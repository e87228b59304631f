"""A protocol version as data: read from a definition, checked, looked up, written back.

A definition is the mapping that a TOML file holds and that the API gives and takes. Units and
millilitres are plain numbers there and exact integers here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from app.domain.charting.protocol_parts import (
    Area,
    Drawing,
    Injection,
    Jurisdiction,
    Laterality,
    Limits,
    Position,
    ReferencePoint,
    Side,
    Site,
    View,
)
from app.domain.charting.protocol_sums import MOST_HUNDREDTHS, faults
from app.domain.charting.reading import Fault, Fields, number
from app.domain.dates import Interval, Unit
from app.domain.errors import InvalidProtocol

__all__ = [
    "Area",
    "Drawing",
    "Jurisdiction",
    "Limits",
    "Position",
    "Protocol",
    "ReferencePoint",
    "Site",
    "View",
    "from_definition",
    "to_definition",
]

_PROTOCOL_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_PART_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,19}")
_VIEW_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_EVIDENCE: Final = re.compile(r"[VSM]")
_UNITS: Final[tuple[Unit, ...]] = ("day", "week", "month")
_MOST_SITES: Final = 200
_MOST_AREAS: Final = 50
_MOST_MICROLITRES: Final = 10_000


def _known(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SIZES: Final = "fixed_sites fixed_units max_sites max_units"
_KNOWN_PROTOCOL: Final = _known(
    "code version name product interval source areas sites optional_sites limits jurisdictions"
    " drawing"
)
_KNOWN_AREA: Final = _known(f"code name order laterality {_SIZES} patient_position evidence")
_KNOWN_SITE: Final = _known("code area side units ml order landmark evidence positions")
_KNOWN_PLACE: Final = _known("code min_sites min_units max_sites max_units note evidence")


# The side is plain text: writing a member of an enumeration as JSON takes five times as long.
ShownSite = tuple[str, str, str, int | None]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version. `sites` are the fixed ones in injection order, numbered from 1;
    `optional_sites` follow in their own order and go on counting."""

    code: str
    version: int
    name: str
    product: str
    interval: Interval
    source: str
    areas: tuple[Area, ...]
    sites: tuple[Site, ...]
    optional_sites: tuple[Site, ...]
    limits: Limits
    jurisdictions: tuple[Jurisdiction, ...] = ()
    drawing: Drawing | None = None
    all_sites: tuple[Site, ...] = field(init=False, repr=False, compare=False)
    # Worked out once for every chart: the fixed plan as injections; of each site what a chart
    # shows (code, area, side, planned dose), and the place of its area among the areas.
    fixed_plan: tuple[Injection, ...] = field(init=False, repr=False, compare=False)
    shown_sites: tuple[ShownSite, ...] = field(init=False, repr=False, compare=False)
    area_indexes: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _by_code: dict[str, Site] = field(init=False, repr=False, compare=False)
    _areas: dict[str, Area] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = self.sites + self.optional_sites
        object.__setattr__(self, "all_sites", every)
        plan = tuple([Injection(site.number, site.hundredths) for site in self.sites])
        object.__setattr__(self, "fixed_plan", plan)
        shown = [(s.code, s.area, s.side.value, s.hundredths if s.fixed else None) for s in every]
        object.__setattr__(self, "shown_sites", tuple(shown))
        index_of = {area.code: index for index, area in enumerate(self.areas)}
        # A definition at fault may name an area that is not there; it is refused afterwards.
        indexes = tuple([index_of.get(site.area, -1) for site in every])
        object.__setattr__(self, "area_indexes", indexes)
        object.__setattr__(self, "_by_code", {site.code: site for site in every})
        object.__setattr__(self, "_areas", {area.code: area for area in self.areas})

    def __hash__(self) -> int:
        # Cheap on purpose: versions are keys of dictionaries.
        return hash((self.code, self.version))

    def site(self, code: str) -> Site | None:
        return self._by_code.get(code)

    def site_by_number(self, number: int) -> Site | None:
        return self.all_sites[number - 1] if 0 < number <= len(self.all_sites) else None

    def area(self, code: str) -> Area | None:
        return self._areas.get(code)


def from_definition(definition: Mapping[str, object]) -> Protocol:
    """Return the version, areas and sites put in their declared order.

    `InvalidProtocol` lists every fault found: first of form, and when there is none, whatever
    does not add up.
    """
    found: list[Fault] = []
    top = Fields(definition, "", found, _KNOWN_PROTOCOL)
    interval = top.child("interval", _known("value unit"))
    limits = top.child("limits", _known(_SIZES))
    protocol = Protocol(
        code=top.text("code", pattern=_PROTOCOL_CODE),
        version=top.whole("version", 1, 1_000_000),
        name=top.text("name"),
        product=top.text("product"),
        interval=Interval(interval.whole("value", 1, 366), interval.choice("unit", _UNITS)),
        source=top.text("source", longest=1000, optional=True),
        areas=tuple(
            _area(entry) for entry in top.children("areas", _KNOWN_AREA, least=1, most=_MOST_AREAS)
        ),
        sites=tuple(
            _site(entry, fixed=True)
            for entry in top.children("sites", _KNOWN_SITE, least=1, most=_MOST_SITES)
        ),
        optional_sites=tuple(
            _site(entry, fixed=False)
            for entry in top.children("optional_sites", _KNOWN_SITE, most=_MOST_SITES)
        ),
        limits=Limits(*_sizes(limits)),
        jurisdictions=tuple(
            _jurisdiction(entry) for entry in top.children("jurisdictions", _KNOWN_PLACE, most=20)
        ),
        drawing=_drawing(top),
    )
    found = found or faults(
        protocol.areas,
        protocol.sites,
        protocol.optional_sites,
        protocol.limits,
        protocol.jurisdictions,
        protocol.drawing,
    )
    if found:
        raise InvalidProtocol(*found)
    return _in_order(protocol)


def _in_order(protocol: Protocol) -> Protocol:
    fixed = sorted(protocol.sites, key=lambda site: site.order)
    optional = sorted(protocol.optional_sites, key=lambda site: site.order)
    numbered = tuple(replace(site, number=n) for n, site in enumerate([*fixed, *optional], 1))
    return replace(
        protocol,
        areas=tuple(sorted(protocol.areas, key=lambda area: area.order)),
        sites=numbered[: len(fixed)],
        optional_sites=numbered[len(fixed) :],
    )


def _sizes(fields: Fields) -> tuple[int, int, int, int]:
    return (
        fields.whole("fixed_sites", 0, _MOST_SITES),
        fields.decimal("fixed_units", 2, high=MOST_HUNDREDTHS),
        fields.whole("max_sites", 0, 2 * _MOST_SITES),
        fields.decimal("max_units", 2, high=MOST_HUNDREDTHS),
    )


def _area(fields: Fields) -> Area:
    code, name = fields.text("code", pattern=_PART_CODE), fields.text("name")
    order, laterality = (
        fields.whole("order", 1, 10_000),
        fields.choice("laterality", tuple(Laterality)),
    )
    position = fields.text("patient_position", optional=True)
    evidence = fields.text("evidence", pattern=_EVIDENCE, optional=True)
    return Area(code, name, order, laterality, *_sizes(fields), position, evidence)


def _site(fields: Fields, *, fixed: bool) -> Site:
    return Site(
        number=0,  # known once all sites are in order
        code=fields.text("code", pattern=_PART_CODE),
        area=fields.text("area", pattern=_PART_CODE),
        side=fields.choice("side", tuple(Side)),
        hundredths=fields.decimal("units", 2, above=0, high=MOST_HUNDREDTHS),
        microlitres=fields.decimal("ml", 3, above=0, high=_MOST_MICROLITRES),
        order=fields.whole("order", 1, 10_000),
        fixed=fixed,
        landmark=fields.text("landmark", longest=500, optional=True),
        evidence=fields.text("evidence", pattern=_EVIDENCE, optional=True),
        positions=tuple(
            Position(entry.text("view", pattern=_VIEW_NAME), *_point(entry))
            for entry in fields.children("positions", _known("view x y"), most=10)
        ),
    )


def _point(fields: Fields) -> tuple[float, float]:
    return fields.decimal("x", 2, high=10_000) / 100, fields.decimal("y", 2, high=10_000) / 100


def _jurisdiction(fields: Fields) -> Jurisdiction:
    return Jurisdiction(
        code=fields.text("code", pattern=_PART_CODE),
        min_sites=fields.whole("min_sites", 0, 2 * _MOST_SITES),
        min_hundredths=fields.decimal("min_units", 2, high=MOST_HUNDREDTHS),
        max_sites=fields.whole("max_sites", 0, 2 * _MOST_SITES),
        max_hundredths=fields.decimal("max_units", 2, high=MOST_HUNDREDTHS),
        note=fields.text("note", longest=500, optional=True),
        evidence=fields.text("evidence", pattern=_EVIDENCE, optional=True),
    )


def _drawing(top: Fields) -> Drawing | None:
    if top.values.get("drawing") is None:
        return None
    fields = top.child("drawing", _known("schematic note views"))
    if fields.values.get("schematic") is not True:
        # No drawing here can guide a needle, so none may be without its mark.
        fields.fault("schematic", "must be true")
    return Drawing(
        note=fields.text("note", longest=500),
        views=tuple(
            View(
                view=entry.text("view", pattern=_VIEW_NAME),
                frame=entry.text("frame", longest=500, optional=True),
                reference_points=tuple(
                    ReferencePoint(point.text("name", pattern=_VIEW_NAME), *_point(point))
                    for point in entry.children("reference_points", _known("name x y"), most=50)
                ),
            )
            for entry in fields.children(
                "views", _known("view frame reference_points"), least=1, most=20
            )
        ),
    )


def to_definition(protocol: Protocol) -> dict[str, object]:
    """Return the definition that `from_definition` reads back as an equal version.

    Numbers are int, or float where they have decimals, so that any JSON writer takes them.
    """
    drawing = protocol.drawing
    return {
        "code": protocol.code,
        "version": protocol.version,
        "name": protocol.name,
        "product": protocol.product,
        "interval": {"value": protocol.interval.value, "unit": protocol.interval.unit},
        "source": protocol.source,
        "areas": [_plain(area) for area in protocol.areas],
        "sites": [_plain(site) for site in protocol.sites],
        "optional_sites": [_plain(site) for site in protocol.optional_sites],
        "limits": _plain(protocol.limits),
        "jurisdictions": [_plain(place) for place in protocol.jurisdictions],
        "drawing": None if drawing is None else {"schematic": True, **_plain(drawing)},
    }


def _plain(part: object) -> dict[str, object]:
    plain: dict[str, object] = {}
    for name in part.__slots__:  # type: ignore[attr-defined]  # every part has slots
        value = getattr(part, name)
        if name in ("number", "fixed"):
            continue  # said by the list a site stands in
        if name.endswith("hundredths"):
            plain[name.replace("hundredths", "units")] = number(value, 2)
        elif name == "microlitres":
            plain["ml"] = number(value, 3)
        elif isinstance(value, StrEnum):
            plain[name] = value.value
        elif isinstance(value, tuple):
            plain[name] = [_plain(inner) for inner in value]
        else:
            plain[name] = value
    return plain
