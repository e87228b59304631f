"""The parts a protocol version is made of.

Doses are integer hundredths of a unit and volumes integer microlitres, so that sums are exact.
`evidence` says how a clinical figure is known: V read in the named source, S read only in a
secondary source, M general domain knowledge; empty where nobody said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"


class Laterality(StrEnum):
    BILATERAL = "bilateral"
    MIDLINE = "midline"


class VersionState(StrEnum):
    """A draft can still be replaced; a published version never changes."""

    DRAFT = "draft"
    PUBLISHED = "published"


# Injections are named tuples: 31 are made for every session read or written, and a frozen
# dataclass takes three times as long to make.
class Injection(NamedTuple):
    """One injection; `vial` is a number within its own session, not an id."""

    site_number: int
    hundredths: int
    vial: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a drawing shows a site: per cent of the view's frame, schematic, never guidance."""

    view: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Site:
    """One injection point; `number` is its place in the version and what stored charts refer to.

    Fixed sites come first in injection order, then the optional ones. `hundredths` is the dose
    planned for a fixed site and the usual dose of an optional one.
    """

    number: int
    code: str
    area: str
    side: Side
    hundredths: int
    microlitres: int
    order: int
    fixed: bool
    landmark: str
    evidence: str
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """A muscle area with the totals it declares."""

    code: str
    name: str
    order: int
    laterality: Laterality
    fixed_sites: int
    fixed_hundredths: int
    max_sites: int
    max_hundredths: int
    patient_position: str
    evidence: str

    @property
    def slots(self) -> int:
        """How many optional sites may be used in one session, both sides together."""
        return self.max_sites - self.fixed_sites


@dataclass(frozen=True, slots=True)
class Limits:
    """Totals of a whole session: the fixed plan and the most the protocol allows."""

    fixed_sites: int
    fixed_hundredths: int
    max_sites: int
    max_hundredths: int


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """What the approved text of one region says about the size of a session."""

    code: str
    min_sites: int
    min_hundredths: int
    max_sites: int
    max_hundredths: int
    note: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ReferencePoint:
    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class View:
    """One frame that positions are drawn in, 0-100 each way, with anatomical reference points."""

    view: str
    frame: str
    reference_points: tuple[ReferencePoint, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The views of a version; `note` is to be shown with every drawing made from them."""

    note: str
    views: tuple[View, ...]
