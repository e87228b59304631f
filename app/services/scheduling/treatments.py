"""Given sessions: record what was done, correct it, void it. What happened is never refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from app.db.engine.engine import Connection
from app.db.queries.scheduling import sessions as rows
from app.db.queries.scheduling.facts import CourseFacts
from app.db.queries.scheduling.sessions import Found
from app.db.rows.base import JsonObject
from app.db.rows.scheduling import SessionRow, SessionValues
from app.domain.access.access import Actor
from app.domain.charting import dosing
from app.domain.charting.dosing import Charting, Completeness
from app.domain.charting.protocol import Protocol
from app.domain.dates import local_day
from app.domain.errors import Forbidden, Invalid, NotAContinuation, WrongState
from app.domain.scheduling.sessions import (
    KEPT,
    SessionStatus,
    found_on,
    stored,
    why_not_continued,
)
from app.services.charting import protocols
from app.services.identifiers import Named
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Saved


@dataclass(frozen=True, slots=True)
class ChartOrder:
    """A chart as it was sent: by exception, in full, or only a total (hundredths of a unit)."""

    plan: dosing.Base | None = None
    omit: Sequence[dosing.Omit] = ()
    change: Sequence[dosing.Dose] = ()
    add: Sequence[dosing.Dose] = ()
    injections: Sequence[dosing.Dose] | None = None
    total_hundredths: int | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What is said of a treatment that was given; `given_at` or else `given_on` dates it."""

    chart: ChartOrder
    given_at: datetime | None = None
    given_on: date | None = None
    location_id: str | None = None
    practitioner_id: str | None = None
    completeness: Completeness = Completeness.COMPLETE
    reason: str | None = None
    continues_session_id: str | None = None
    product: str | None = None

    @property
    def place(self) -> SessionValues:
        return {"location_id": self.location_id, "practitioner_id": self.practitioner_id}


def record(
    db: Connection,
    *,
    course_id: str,
    given: Given,
    identified: Sequence[Named] = (),
    by: Actor,
    now: datetime,
) -> Saved:
    """Record a session that was given without a booking of ours."""
    facts = course_dates.facts_of_course(
        db,
        practice_id=by.practice_id,
        course_id=course_id,
        location_id=given.location_id,
        practitioner_id=given.practitioner_id,
    )
    values = _given(db, facts, given, session_id=None, by=by, now=now)
    return sessions.save_new(
        db, facts, values, action="give", identified=identified, by=by, now=now
    )


def give(db: Connection, *, session_id: str, given: Given, by: Actor, now: datetime) -> Saved:
    """Record that a booked session was given; place and person default to the booking's."""
    found = sessions.load(db, session_id, by=by, place=given.place)
    return _give(db, found, given, None, by=by, now=now)


def upsert(
    db: Connection,
    *,
    course_id: str,
    given: Given,
    said: SessionValues,
    identified: Sequence[Named],
    may_correct: bool,
    by: Actor,
    now: datetime,
) -> tuple[Saved, bool]:
    """Give, or correct, the session that carries one of these identifiers; record it where there
    is none. Tell whether it is new.

    A correction changes what is `said` alone, and needs a permission of its own.
    """
    found = sessions.find(db, course_id=course_id, place=said, identified=identified, by=by)
    if found is None:
        saved = record(db, course_id=course_id, given=given, identified=identified, by=by, now=now)
        return saved, True
    named = sessions.joined(found, identified)
    if found.session["status"] != SessionStatus.GIVEN:
        return _give(db, found, given, named, by=by, now=now), False
    if not may_correct:
        raise Forbidden(needs=["treatments:update"])
    saved = correct(
        db, found=found, values=said, chart=given.chart, identified=named, by=by, now=now
    )
    return saved, False


def _give(
    db: Connection,
    found: Found,
    given: Given,
    identified: Sequence[Named] | None,
    *,
    by: Actor,
    now: datetime,
) -> Saved:
    booked = found.session
    if booked["status"] not in (SessionStatus.BOOKED, SessionStatus.NO_SHOW):
        raise WrongState(state=booked["status"])
    given = replace(
        given,
        location_id=given.location_id or booked["location_id"],
        practitioner_id=given.practitioner_id or booked["practitioner_id"],
    )
    values = _given(db, found.facts, given, session_id=booked["id"], by=by, now=now)
    values["sort_at"] = booked["starts_at"] or values["sort_at"]
    values["ended_at"] = values["ended_by"] = values["end_reason"] = None
    return sessions.save(db, found, values, action="give", identified=identified, by=by, now=now)


def void(db: Connection, *, session_id: str, reason: str, by: Actor, now: datetime) -> Saved:
    """Take a given session out of the record for good; its booking does not come back."""
    found = sessions.load(db, session_id, by=by)
    sessions.expect(found.session, SessionStatus.GIVEN)
    values = sessions.ended(SessionStatus.VOIDED, "clinic", reason, now)
    return sessions.save(db, found, values, action="void", by=by, now=now)


def correct(
    db: Connection,
    *,
    found: Found,
    values: SessionValues,
    chart: ChartOrder | None,
    identified: Sequence[Named] | None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Correct a session: dates, place, person, product, completeness, chart, identifiers.

    A new place re-derives the day from the instant; a day set by hand clears the instant.
    """
    session, facts = found.session, found.facts
    status = session["status"]
    if status not in (SessionStatus.BOOKED, SessionStatus.GIVEN):
        raise WrongState(state=status)
    sessions.check_practitioner(facts, values.get("practitioner_id"))
    place = values.get("location_id", session["location_id"])
    moved = place != session["location_id"]
    zone = sessions.zone_of(facts, place)
    if status == SessionStatus.GIVEN:
        values = _corrected(db, found, values, chart, zone, moved=moved, by=by, now=now)
    elif moved and session["starts_at"]:
        values = {**values, "starts_on": local_day(session["starts_at"], zone)}
    return sessions.save(db, found, values, action="correct", identified=identified, by=by, now=now)


def _corrected(
    db: Connection,
    saved: Found,
    values: SessionValues,
    chart: ChartOrder | None,
    zone: str,
    *,
    moved: bool,
    by: Actor,
    now: datetime,
) -> SessionValues:
    """Return what a correction of a given session changes, its findings among it."""
    session, facts = saved.session, saved.facts
    values = {**values}
    if values.get("given_on"):
        values["given_at"] = None
    elif given_at := values.get("given_at") or (session["given_at"] if moved else None):
        values["given_on"] = local_day(given_at, zone)
    now_says: SessionRow = {**session, **values}
    given_on = now_says["given_on"]
    assert given_on is not None  # noqa: S101 - a constraint of the table
    _check_day(facts, given_on, local_day(now, zone), "/given_on")
    _check_completeness(now_says["completeness"], now_says["partial_reason"])
    another_day = given_on != session["given_on"]
    continued = now_says["continues_session_id"]
    if continued and (another_day or "continues_session_id" in values):
        _check_continuation(facts, continued, given_on, session["id"])
    if now_says["completeness"] == Completeness.COMPLETE:
        values["partial_reason"] = None
    if session["starts_at"] is None:
        values["sort_at"] = sort_at(now_says["given_at"], given_on)
    code, number = session["protocol"], session["protocol_version"]
    assert code is not None and number is not None  # noqa: S101, PT018 - given under one
    protocol = protocols.version(db, practice_id=by.practice_id, code=code, number=number)
    product, kept = now_says["product"], session["findings"] or []
    if chart:
        made = _chart(db, facts, protocol, chart, product, session["id"], by=by)
        values["charting"] = made.charting.value
        values["injections"] = dosing.pack(made) if made.charting is Charting.BY_SITE else None
        values["administered"] = made.administered_hundredths
        found = stored(made.findings)
    else:
        found = _about_chart(kept, protocol, product)
    found += about_day(facts, given_on) if another_day else _of_the_day(kept)
    values["findings"] = found or None
    return values


def _given(
    db: Connection,
    facts: CourseFacts,
    given: Given,
    *,
    session_id: str | None,
    by: Actor,
    now: datetime,
) -> SessionValues:
    sessions.check_practitioner(facts, given.practitioner_id)
    zone = sessions.zone_of(facts, given.location_id)
    given_at, given_on = given.given_at, given.given_on
    if given_on is None:
        given_at = given_at or now
        given_on = local_day(given_at, zone)
    pointer = "/given_on" if given.given_on else "/given_at"
    _check_day(facts, given_on, local_day(now, zone), pointer)
    _check_completeness(given.completeness, given.reason)
    if given.continues_session_id:
        _check_continuation(facts, given.continues_session_id, given_on)
    protocol = facts.protocol
    assert protocol is not None  # noqa: S101 - loaded with the facts
    chart = _chart(db, facts, protocol, given.chart, given.product, session_id, by=by)
    injections = dosing.pack(chart) if chart.charting is Charting.BY_SITE else None
    about_day = found_on(given_on, facts.holds, facts.course["closed_on"])
    findings = stored([*chart.findings, *about_day]) or None
    return {
        "status": SessionStatus.GIVEN,
        "given_at": given_at,
        "given_on": given_on,
        "sort_at": sort_at(given_at, given_on),
        "completeness": given.completeness.value,
        "partial_reason": given.reason,
        "continues_session_id": given.continues_session_id,
        "location_id": given.location_id,
        "practitioner_id": given.practitioner_id,
        "product": given.product or protocol.product,
        "protocol": protocol.code,
        "protocol_version": protocol.version,
        "charting": chart.charting.value,
        "injections": injections,
        "administered": chart.administered_hundredths,
        "findings": findings,
    }


def _chart(
    db: Connection,
    facts: CourseFacts,
    protocol: Protocol,
    order: ChartOrder,
    product: str | None,
    session_id: str | None,
    *,
    by: Actor,
) -> dosing.Chart:
    if order.total_hundredths is not None:
        return dosing.total(protocol, order.total_hundredths, product=product)
    if order.injections is not None:
        return dosing.in_full(protocol, order.injections, product=product)
    last, last_protocol = None, None
    if order.plan is dosing.Base.AS_LAST:
        found = rows.last_chart(
            db, practice_id=by.practice_id, course_id=facts.course["id"], other_than=session_id
        )
        if found:
            last = dosing.unpack(found.injections)
            last_protocol = protocols.version(
                db, practice_id=by.practice_id, code=found.protocol, number=found.protocol_version
            )
    return dosing.by_exception(
        protocol,
        base=order.plan or dosing.Base.AS_PROTOCOL,
        last=last,
        last_protocol=last_protocol,
        omit=order.omit,
        change=order.change,
        add=order.add,
        product=product,
    )


def _of_the_day(findings: Iterable[JsonObject]) -> list[JsonObject]:
    """Return what was found about the day when it was recorded."""
    return [f for f in findings if f["code"] in KEPT]


def _about_chart(
    findings: Iterable[JsonObject], protocol: Protocol, product: str | None
) -> list[JsonObject]:
    """Return what was found in an unchanged chart, with the product judged as it now stands."""
    judged = KEPT | {dosing.FindingCode.PRODUCT_NOT_IN_PROTOCOL}
    kept = [f for f in findings if f["code"] not in judged]
    if product and product.casefold() != protocol.product.casefold():
        kept += stored([dosing.another_product(protocol)])
    return kept


def about_day(facts: CourseFacts, given_on: date) -> list[JsonObject]:
    """Return the findings about a treatment's day: on hold, or after the course was closed."""
    return stored(found_on(given_on, facts.holds, facts.course["closed_on"]))


def _check_day(facts: CourseFacts, given_on: date, today_there: date, pointer: str) -> None:
    if given_on > today_there:
        raise Invalid((pointer, "lies in the future"))
    if given_on < facts.birth_date:
        raise Invalid((pointer, "lies before the patient's birth"))


def _check_completeness(completeness: str | None, reason: str | None) -> None:
    if completeness == Completeness.PARTIAL and not reason:
        raise Invalid(("/reason", "a partial session needs its reason"))


def _check_continuation(
    facts: CourseFacts, continued_id: str, given_on: date, own_id: str | None = None
) -> None:
    continued = next((s for s in facts.sessions if s.id == continued_id), None)
    if continued is None or (own_id and own_id in (continued.id, continued.continues)):
        raise Invalid(("/continues_session_id", "no such session in this course"))
    why = why_not_continued(
        given_on,
        begun_on=continued.treated_on,
        partial=continued.completeness == Completeness.PARTIAL,
        within_days=facts.practice["continuation_days"],
    )
    if why:
        raise NotAContinuation(why)


def sort_at(given_at: datetime | None, given_on: date) -> datetime:
    """Return where a treatment stands in lists of sessions."""
    # Midday, so that a day known without its time stands on its own day in every zone but two.
    return given_at or datetime.combine(given_on, time(12), UTC)
