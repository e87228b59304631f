"""Sessions as they are sent and shown: charts by exception, injections, findings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.api.scheduling.schedules import ScheduleOut
from app.api.shapes import (
    IdentifierIn,
    IdentifierOut,
    Identifiers,
    Record,
    Resource,
    Shape,
    example,
    stamps,
)
from app.db.queries.scheduling.facts import CourseFacts
from app.domain.charting import dosing
from app.domain.charting.protocol import Protocol
from app.domain.errors import Invalid
from app.domain.scheduling import cycles
from app.edge.input.fields import Body, Code, Id, Instant, Text, Units, UnitsShown, to_number
from app.edge.input.fields import Day as DayIn
from app.services.scheduling.treatments import ChartOrder

# JSON has no tuples, so the strict models read lists into them.
Listed = Field(max_length=100, strict=False)


class OmitIn(Body):
    site: Code
    reason: Text | None = None


class DoseIn(Body):
    site: Code
    units: Units
    reason: Text | None = None


class ChartIn(Body):
    """By exception (`plan` with `omit`, `change`, `add`), in full (`injections`), or a total."""

    model_config = example(
        {
            "plan": "as_protocol",
            "omit": [{"site": "TRA-L3", "reason": "wound"}],
            "add": [{"site": "TEM-L5", "units": 5}],
        }
    )

    plan: Literal["as_protocol", "as_last"] | None = None
    omit: Annotated[tuple[OmitIn, ...], Listed] = ()
    change: Annotated[tuple[DoseIn, ...], Listed] = ()
    add: Annotated[tuple[DoseIn, ...], Listed] = ()
    injections: Annotated[list[DoseIn], Field(max_length=200)] | None = None
    total_units: Units | None = None

    def order(self) -> ChartOrder:
        """Return the chart as the service takes it; exactly one way of charting is named."""
        ways = (self.plan, self.injections, self.total_units)
        if sum(way is not None for way in ways) != 1:
            raise Invalid(("/chart", "takes exactly one of plan, injections and total_units"))
        if self.plan is None and (self.omit or self.change or self.add):
            raise Invalid(("/chart", "omit, change and add go with a plan"))
        return ChartOrder(
            plan=self.plan,
            omit=[dosing.Omit(o.site, o.reason) for o in self.omit],
            change=[_dose(d) for d in self.change],
            add=[_dose(d) for d in self.add],
            injections=None if self.injections is None else [_dose(d) for d in self.injections],
            total_hundredths=self.total_units,
        )


def _dose(dose: DoseIn) -> dosing.Dose:
    return dosing.Dose(dose.site, dose.units, dose.reason)


class GivenIn(Body):
    """A treatment that was given: `given_at`, or `given_on` for back-filled history."""

    model_config = example(
        {"given_at": "2026-03-30T09:41:00-04:00", "chart": {"plan": "as_protocol"}}
    )

    given_at: Instant | None = None
    given_on: DayIn | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    chart: ChartIn
    completeness: Literal["complete", "partial"] = "complete"
    reason: Text | None = None
    continues_session_id: Id | None = None
    product: Text | None = None


class SessionIn(Body):
    """A booking (`status` booked, `starts_at`) or a treatment (`status` given, `chart`)."""

    model_config = example(
        {"status": "booked", "starts_at": "2026-03-30T09:20:00-04:00"},
        {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}},
    )

    status: Literal["booked", "given"]
    starts_at: Instant | None = None
    override_reason: Text | None = None
    given_at: Instant | None = None
    given_on: DayIn | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    chart: ChartIn | None = None
    completeness: Literal["complete", "partial"] = "complete"
    reason: Text | None = None
    continues_session_id: Id | None = None
    product: Text | None = None
    identifiers: Identifiers | None = None


class SessionUpsert(SessionIn):
    """The same, found again by one of its identifiers."""

    course_id: Id
    identifiers: Annotated[list[IdentifierIn], Field(min_length=1, max_length=20)]


class SessionPatch(Body):
    """Corrections; a booking's time is moved with `reschedule`."""

    given_at: Instant | None = None
    given_on: DayIn | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    completeness: Literal["complete", "partial"] | None = None
    reason: Text | None = None
    continues_session_id: Id | None = None
    product: Text | None = None
    chart: ChartIn | None = None
    identifiers: Identifiers | None = None


class RescheduleIn(Body):
    model_config = example({"starts_at": "2026-03-31T10:00:00-04:00"})

    starts_at: Instant
    location_id: Id | None = None
    practitioner_id: Id | None = None
    override_reason: Text | None = None


class CancelIn(Body):
    model_config = example({"by": "patient", "reason": "ill"})

    by: Literal["patient", "clinic"]
    reason: Text | None = None


class ReasonIn(Body):
    reason: Text


class OptionalReasonIn(Body):
    reason: Text | None = None


class InjectionOut(Shape):
    site: str
    area: str
    side: str
    units: UnitsShown
    vial_id: str | None
    planned: UnitsShown | None


class AreaOut(Shape):
    area: str
    sites: int
    units: UnitsShown


class FindingOut(Shape):
    code: str
    text: str


class SessionOut(Resource):
    course_id: str
    cycle: int | None
    status: str
    completeness: str | None
    reason: str | None
    continues_session_id: str | None
    starts_at: datetime | None
    given_at: datetime | None
    given_on: date | None
    confirmed_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    override_reason: str | None
    location_id: str | None
    practitioner_id: str | None
    product: str | None
    protocol: str | None
    protocol_version: int | None
    charting: str | None
    injections: list[InjectionOut]
    areas: list[AreaOut]
    units_administered: UnitsShown | None
    units_discarded: UnitsShown | None
    findings: list[FindingOut]
    signed_at: datetime | None
    identifiers: list[IdentifierOut]


class SessionSaved(SessionOut):
    schedule: ScheduleOut


_SAME = (
    "id",
    "course_id",
    "status",
    "completeness",
    "continues_session_id",
    "starts_at",
    "given_at",
    "given_on",
    "confirmed_at",
    "arrived_at",
    "ended_at",
    "ended_by",
    "end_reason",
    "override_reason",
    "location_id",
    "practitioner_id",
    "product",
    "protocol",
    "protocol_version",
    "charting",
)


def shown(
    session: Record,
    facts: CourseFacts,
    protocol: Protocol | None,
    identified: list[dict[str, str]],
) -> Record:
    """Return a session as it is shown; `protocol` is the version it was given under."""
    given = session["status"] == "given"
    history = facts.history()
    found = [_finding(f) for f in session["findings"] or ()]
    cycle: int | None = None
    if given:
        cycle = cycles.cycles(history.treatments, history.prior_cycles).get(session["id"])
        short = cycles.days_short(history.treatments, facts.plan()).get(session["id"])
        if short:
            text = f"{short} days short of the minimum interval."
            found.append({"code": "too_early", "text": text, "days_short": short})
    elif session["status"] == "booked":
        cycle = cycles.next_cycle(history.treatments, history.prior_cycles)
    body = {name: session[name] for name in _SAME}
    body["cycle"] = cycle
    body["reason"] = session["partial_reason"]
    body |= _chart(session, protocol)
    body["findings"] = found
    # Drug and signatures come with their own resources; until then nothing is known of them.
    body["units_discarded"] = None
    body["signed_at"] = None
    body["identifiers"] = identified
    return body | stamps(session)


def _chart(session: Record, protocol: Protocol | None) -> Record:
    administered = session["administered"]
    units = None if administered is None else to_number(administered)
    if not session["injections"] or protocol is None:
        return {"injections": [], "areas": [], "units_administered": units}
    injections = dosing.unpack(session["injections"])
    return {
        "injections": [
            {
                "site": row.site,
                "area": row.area,
                "side": row.side,
                "units": to_number(row.hundredths),
                "vial_id": None,
                "planned": None
                if row.planned_hundredths is None
                else to_number(row.planned_hundredths),
            }
            for row in dosing.describe(protocol, injections)
        ],
        "areas": [
            {"area": a.area, "sites": a.sites, "units": to_number(a.hundredths)}
            for a in dosing.areas(protocol, injections)
        ],
        "units_administered": units,
    }


def _finding(finding: Record) -> Record:
    """Return a finding with its doses in units instead of hundredths."""
    body: Record = {}
    for name, value in finding.items():
        if name.endswith("hundredths"):
            units = name.removesuffix("hundredths") + "units"
            body[units] = None if value is None else to_number(value)
        else:
            body[name] = value
    return body
