"""Given sessions: record what was done, correct it. What happened is never refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from app.db.engine.engine import Connection
from app.db.queries.scheduling import sessions as rows
from app.db.queries.scheduling.facts import CourseFacts, SessionFact
from app.db.queries.table_rows import Record
from app.domain.access.access import Actor
from app.domain.charting import dosing
from app.domain.charting.protocol import Protocol
from app.domain.dates import local_day
from app.domain.errors import Invalid, NotAContinuation, WrongState
from app.services.charting import protocols
from app.services.identifiers import Named
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Saved


@dataclass(slots=True)
class ChartOrder:
    """A chart as it was sent: by exception, in full, or only a total (hundredths of a unit)."""

    plan: Literal["as_protocol", "as_last"] | None = None
    omit: Sequence[dosing.Omit] = ()
    change: Sequence[dosing.Dose] = ()
    add: Sequence[dosing.Dose] = ()
    injections: Sequence[dosing.Dose] | None = None
    total_hundredths: int | None = None


@dataclass(slots=True)
class Given:
    """What is said of a treatment that was given; `given_at` or else `given_on` dates it."""

    chart: ChartOrder
    given_at: datetime | None = None
    given_on: date | None = None
    location_id: str | None = None
    practitioner_id: str | None = None
    completeness: str = "complete"
    reason: str | None = None
    continues_session_id: str | None = None
    product: str | None = None
    identified: Sequence[Named] = field(default_factory=tuple)


def record(db: Connection, *, course_id: str, given: Given, by: Actor, now: datetime) -> Saved:
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
        db, facts, values, action="give", identified=given.identified, by=by, now=now
    )


def give(db: Connection, *, session_id: str, given: Given, by: Actor, now: datetime) -> Saved:
    """Record that a booked session was given; place and person default to the booking's.

    Identifiers are replaced only when given.
    """
    saved = sessions.load(
        db,
        session_id,
        by=by,
        location_id=given.location_id,
        practitioner_id=given.practitioner_id,
    )
    if saved.session["status"] not in ("booked", "no_show"):
        raise WrongState(state=saved.session["status"])
    given.location_id = given.location_id or saved.session["location_id"]
    given.practitioner_id = given.practitioner_id or saved.session["practitioner_id"]
    values = _given(db, saved.facts, given, session_id=session_id, by=by, now=now)
    values |= {"ended_at": None, "ended_by": None, "end_reason": None}
    values["sort_at"] = saved.session["starts_at"]
    named = given.identified or None
    return sessions.save(db, saved, values, action="give", identified=named, by=by, now=now)


def correct(
    db: Connection,
    *,
    saved: Saved,
    values: Record,
    chart: ChartOrder | None,
    identified: Sequence[Named] | None,
    by: Actor,
    now: datetime,
) -> Saved:
    """Correct a session: dates, place, person, product, completeness, chart, identifiers.

    A new place re-derives the day from the instant; a day set by hand clears the instant.
    """
    session, facts = saved.session, saved.facts
    if session["status"] in ("cancelled", "no_show", "voided"):
        raise WrongState(state=session["status"])
    sessions.check_practitioner(facts, values.get("practitioner_id"))
    place = values.get("location_id", session["location_id"])
    moved = place != session["location_id"]
    zone = sessions.zone_of(facts, place)
    if session["status"] == "booked":
        if moved:
            values["starts_on"] = local_day(session["starts_at"], zone)
        return sessions.save(
            db, saved, values, action="correct", identified=identified, by=by, now=now
        )
    if values.get("given_on"):
        values["given_at"] = None
    elif values.get("given_at") or (session["given_at"] and moved):
        values["given_on"] = local_day(values.get("given_at") or session["given_at"], zone)
    now_says = session | values
    given_on: date = now_says["given_on"]
    _check_day(facts, given_on, local_day(now, zone), "/given_on")
    _check_completeness(now_says["completeness"], now_says["partial_reason"])
    moved = given_on != session["given_on"]
    continued = now_says["continues_session_id"]
    if continued and (moved or "continues_session_id" in values):
        _check_continuation(facts, continued, given_on, session["id"])
    if now_says["completeness"] == "complete":
        values["partial_reason"] = None
    if session["starts_at"] is None:
        values["sort_at"] = sort_at(now_says["given_at"], given_on)
    protocol = _protocol(db, session["protocol"], session["protocol_version"], by=by)
    if chart:
        values |= _chart(db, facts, protocol, chart, now_says["product"], session["id"], by=by)
    else:
        values["findings"] = _about_chart(session["findings"], protocol, now_says["product"])
    about_day = circumstances(facts, given_on) if moved else _about_day(session["findings"])
    values["findings"] = [*(values["findings"] or ()), *about_day] or None
    return sessions.save(db, saved, values, action="correct", identified=identified, by=by, now=now)


def _given(
    db: Connection,
    facts: CourseFacts,
    given: Given,
    *,
    session_id: str | None,
    by: Actor,
    now: datetime,
) -> Record:
    sessions.check_practitioner(facts, given.practitioner_id)
    zone = sessions.zone_of(facts, given.location_id)
    if given.given_on is None:
        given.given_at = given.given_at or now
        given_on = local_day(given.given_at, zone)
    else:
        given_on = given.given_on
    pointer = "/given_on" if given.given_on else "/given_at"
    _check_day(facts, given_on, local_day(now, zone), pointer)
    _check_completeness(given.completeness, given.reason)
    if given.continues_session_id:
        _check_continuation(facts, given.continues_session_id, given_on)
    course = facts.course
    protocol = _protocol(db, course["protocol"], course["protocol_version"], by=by)
    product = given.product or protocol.product
    charted = _chart(db, facts, protocol, given.chart, given.product, session_id, by=by)
    charted["findings"] = (charted["findings"] or []) + circumstances(facts, given_on) or None
    return {
        "status": "given",
        "given_at": given.given_at,
        "given_on": given_on,
        "sort_at": sort_at(given.given_at, given_on),
        "completeness": given.completeness,
        "partial_reason": given.reason,
        "continues_session_id": given.continues_session_id,
        "location_id": given.location_id,
        "practitioner_id": given.practitioner_id,
        "product": product,
        "protocol": protocol.code,
        "protocol_version": protocol.version,
        **charted,
    }


def _protocol(db: Connection, code: str, number: int, *, by: Actor) -> Protocol:
    return protocols.version(db, practice_id=by.practice_id, code=code, number=number)


def _chart(
    db: Connection,
    facts: CourseFacts,
    protocol: Protocol,
    order: ChartOrder,
    product: str | None,
    session_id: str | None,
    *,
    by: Actor,
) -> Record:
    if order.total_hundredths is not None:
        chart = dosing.total(protocol, order.total_hundredths, product=product)
    elif order.injections is not None:
        chart = dosing.in_full(protocol, order.injections, product=product)
    else:
        last, last_protocol = None, None
        if order.plan == "as_last":
            found = rows.last_chart(
                db,
                practice_id=by.practice_id,
                course_id=facts.course["id"],
                other_than=session_id,
            )
            if found:
                last = dosing.unpack(found["injections"])
                code, number = found["protocol"], found["protocol_version"]
                last_protocol = _protocol(db, code, number, by=by)
        chart = dosing.by_exception(
            protocol,
            base=order.plan or "as_protocol",
            last=last,
            last_protocol=last_protocol,
            omit=order.omit,
            change=order.change,
            add=order.add,
            product=product,
        )
    return {
        "charting": chart.charting,
        "injections": dosing.pack(chart) if chart.charting == "by_site" else None,
        "administered": chart.administered_hundredths,
        "findings": [shown(f) for f in chart.findings] or None,
    }


def shown(finding: dosing.Finding) -> dict[str, Any]:
    """Return a finding as it is stored with its session."""
    return {"code": finding.code, "text": finding.text, **finding.facts}


_OF_THE_DAY = frozenset({"during_hold", "course_closed"})


def _about_day(findings: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return what was found in the day's circumstances when it was recorded."""
    return [f for f in findings or () if f["code"] in _OF_THE_DAY]


def _about_chart(
    findings: list[dict[str, Any]] | None, protocol: Protocol, product: str | None
) -> list[dict[str, Any]]:
    """Return what was found in an unchanged chart, with the product judged as it now stands."""
    judged = _OF_THE_DAY | {"product_not_in_protocol"}
    kept = [f for f in findings or () if f["code"] not in judged]
    if product and product.casefold() != protocol.product.casefold():
        kept.append(shown(dosing.another_product(protocol)))
    return kept


def circumstances(facts: CourseFacts, given_on: date) -> list[dict[str, Any]]:
    """Return the findings about the day: on hold, or after the course was closed."""
    found: list[dict[str, Any]] = []
    for hold in facts.holds:
        if hold.covers(given_on):
            text = "The course was on hold on that day."
            found.append({"code": "during_hold", "text": text, "hold_id": hold.id})
    closed_on = facts.course["closed_on"]
    if closed_on and given_on >= closed_on:
        text = f"The course was closed on {closed_on.isoformat()}."
        found.append({"code": "course_closed", "text": text})
    return found


def _check_day(facts: CourseFacts, given_on: date, today_there: date, pointer: str) -> None:
    if given_on > today_there:
        raise Invalid((pointer, "lies in the future"))
    if given_on < facts.patient["birth_date"]:
        raise Invalid((pointer, "lies before the patient's birth"))


def _check_completeness(completeness: str, reason: str | None) -> None:
    if completeness == "partial" and not reason:
        raise Invalid(("/reason", "a partial session needs its reason"))


def _check_continuation(
    facts: CourseFacts, continued_id: str, given_on: date, own_id: str | None = None
) -> None:
    continued: SessionFact | None = next((s for s in facts.sessions if s.id == continued_id), None)
    if continued is None or (own_id and own_id in (continued.id, continued.continues)):
        raise Invalid(("/continues_session_id", "no such session in this course"))
    if continued.status != "given" or continued.completeness != "partial":
        raise NotAContinuation("Only a partial session that was given can be continued.")
    assert continued.given_on  # noqa: S101 - a constraint of the table
    days, most = (given_on - continued.given_on).days, facts.practice["continuation_days"]
    if not 0 <= days <= most:
        raise NotAContinuation(
            f"A continuation follows within {most} days; record it as a session of its own."
        )


def sort_at(given_at: datetime | None, given_on: date) -> datetime:
    """Return where a treatment stands in lists of sessions."""
    # Midday, so that a day known without its time stands on its own day in every zone but two.
    return given_at or datetime.combine(given_on, time(12), UTC)
