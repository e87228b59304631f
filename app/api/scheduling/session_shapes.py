"""Sessions as they are sent and shown: charts by exception, injections, findings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from app.api.scheduling.schedules import ScheduleOut
from app.api.shapes import (
    IdentifierIn,
    IdentifierOut,
    Identifiers,
    Resource,
    Shape,
    example,
    pairs,
    patch,
)
from app.db.rows.scheduling import SessionValues
from app.domain.charting import dosing
from app.domain.errors import Invalid
from app.edge.input.fields import Body, Code, Id, Instant, Text, Units, UnitsShown
from app.edge.input.fields import Day as DayIn
from app.services.scheduling.bookings import Slot
from app.services.scheduling.treatments import ChartOrder, Given

PLACE = ("location_id", "practitioner_id")


def said(body: Body, *names: str) -> SessionValues:
    """Return those of the fields that a body names; leaving one out leaves it."""
    values: Any = {name: getattr(body, name) for name in names if name in body.model_fields_set}
    return cast("SessionValues", values)


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
            plan=None if self.plan is None else dosing.Base(self.plan),
            omit=[dosing.Omit(o.site, o.reason) for o in self.omit],
            change=[_dose(d) for d in self.change],
            add=[_dose(d) for d in self.add],
            injections=None if self.injections is None else [_dose(d) for d in self.injections],
            total_hundredths=self.total_units,
        )


def _dose(dose: DoseIn) -> dosing.Dose:
    return dosing.Dose(dose.site, dose.units, dose.reason)


class Identified(Body):
    """What other systems may have names for."""

    identifiers: Identifiers | None = None

    def named(self) -> list[tuple[str, str]]:
        """Return the identifiers as the service takes them; naming one twice is refused."""
        return pairs(self.identifiers) if self.identifiers else []


class GiveIn(Body):
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

    def given(self) -> Given:
        """Return the treatment as the service takes it."""
        if self.given_at is not None and self.given_on is not None:
            raise Invalid(("/given_on", "give either given_at or given_on"))
        return Given(
            chart=self.chart.order(),
            given_at=self.given_at,
            given_on=self.given_on,
            location_id=self.location_id,
            practitioner_id=self.practitioner_id,
            completeness=dosing.Completeness(self.completeness),
            reason=self.reason,
            continues_session_id=self.continues_session_id,
            product=self.product,
        )


class GivenIn(GiveIn, Identified):
    """A session that was given, booked with us or not; it says when."""

    model_config = example(
        {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    )

    status: Literal["given"]

    def given(self) -> Given:
        """Return the treatment as the service takes it."""
        if self.given_at is None and self.given_on is None:
            raise Invalid(("/given_at", "say when it was given: given_at or given_on"))
        return super().given()


class BookingIn(Identified):
    """An appointment; `override_reason` says why it may lie before the earliest day."""

    model_config = example({"status": "booked", "starts_at": "2026-03-30T09:20:00-04:00"})

    status: Literal["booked"]
    starts_at: Instant
    location_id: Id | None = None
    practitioner_id: Id | None = None
    override_reason: Text | None = None

    def slot(self) -> Slot:
        """Return the time and place as the service takes them."""
        return Slot(self.starts_at, said(self, *PLACE), self.override_reason)


SessionIn = Annotated[BookingIn | GivenIn, Field(discriminator="status")]


class BookingUpsert(BookingIn):
    """The same, found again by one of its identifiers."""

    course_id: Id
    identifiers: Annotated[list[IdentifierIn], Field(min_length=1, max_length=20)]


class GivenUpsert(GivenIn):
    """The same, found again by one of its identifiers."""

    course_id: Id
    identifiers: Annotated[list[IdentifierIn], Field(min_length=1, max_length=20)]

    def said(self) -> SessionValues:
        """Return what a correction of the session changes: what is said, and nothing else."""
        values = said(self, "given_at", "given_on", "completeness", "product", *PLACE)
        return {**values, "partial_reason": self.reason}


SessionUpsert = Annotated[BookingUpsert | GivenUpsert, Field(discriminator="status")]


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

    def values(self, *, booked: bool) -> SessionValues:
        """Return what is corrected, chart and identifiers apart; a booking has a place alone."""
        named = patch(
            self, "given_at", "given_on", "completeness", "product", "identifiers", "chart"
        )
        if named.get("given_at") and named.get("given_on"):
            raise Invalid(("/given_on", "give either given_at or given_on"))
        wrong = named.keys() - {*PLACE, "identifiers"}
        if booked and wrong:
            raise Invalid(*((f"/{name}", "belongs to a given session") for name in sorted(wrong)))
        values = said(self, "given_at", "given_on", "completeness", "product", *PLACE)
        values |= said(self, "continues_session_id")
        if "reason" in named:
            values["partial_reason"] = self.reason
        return values


class RescheduleIn(Body):
    model_config = example({"starts_at": "2026-03-31T10:00:00-04:00"})

    starts_at: Instant
    location_id: Id | None = None
    practitioner_id: Id | None = None
    override_reason: Text | None = None

    def slot(self) -> Slot:
        """Return the time and place as the service takes them."""
        return Slot(self.starts_at, said(self, *PLACE), self.override_reason)


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
