"""The floor's session write: one read, the rules, three writes, one answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.data import builtin_protocols
from app.domain.charting import dosing
from app.domain.dates import Interval, local_day
from app.domain.ids import new_id
from app.domain.scheduling import cycles, schedule, worklist
from app.domain.scheduling.schedule import BY_DAY, Booking, Ending, History, Plan, Treatment
from app.domain.scheduling.sessions import found_on, stored, too_early
from app.domain.scheduling.worklist import StateFacts
from benchmarks import floor_answer
from benchmarks.floor_edge import Caller
from benchmarks.floor_shapes import SessionIn
from benchmarks.floor_worklist import CLOSURES, closures_of, day, holds_of, instant

_PROTOCOL = builtin_protocols()[0]
_HISTORY = f"""
SELECT c.patient_id::text AS patient_id, c.version, c.interval_days,
       c.min_interval_days AS own_minimum, c.prior_cycles, c.planned_start_on, c.closed_on,
       p.time_zone, p.min_interval_days, p.early_tolerance_days, p.lead_days, p.overdue_after_days,
       p.lapsed_after_days, p.dates_revision, a.birth_date, l.time_zone AS location_zone,
       r.id IS NOT NULL AS practitioner_known, {CLOSURES},
       (SELECT json_agg(json_build_array(s.id, s.status, s.starts_at, s.starts_on, s.made_on,
           s.given_on, s.continues_session_id, s.location_id, s.practitioner_id, s.confirmed_at,
           s.ended_at, s.ended_by))
        FROM session s WHERE s.practice_id = c.practice_id AND s.course_id = c.id) AS sessions,
       (SELECT json_agg(json_build_array(o.given_on, o.id)) FROM outside_session o
        WHERE o.practice_id = c.practice_id AND o.course_id = c.id AND o.voided_at IS NULL
       ) AS outside,
       (SELECT json_agg(json_build_array(s.given_on, s.id, s.continues_session_id))
        FROM course x JOIN session s ON s.practice_id = $1 AND s.course_id = x.id
        WHERE x.practice_id = $1 AND x.patient_id = c.patient_id AND x.id <> c.id
          AND x.protocol = c.protocol
          AND split_part(x.indication, '.', 1) = split_part(c.indication, '.', 1)
          AND s.status = 'given') AS others,
       (SELECT json_agg(json_build_array(h.id, h.starts_on, h.ends_on, h.review_on)) FROM hold h
        WHERE h.practice_id = c.practice_id AND h.course_id = c.id) AS holds
FROM course c
JOIN practice p ON p.id = c.practice_id
JOIN patient a ON a.practice_id = c.practice_id AND a.id = c.patient_id
LEFT JOIN location l ON l.practice_id = c.practice_id AND l.id = $3
LEFT JOIN practitioner r ON r.practice_id = c.practice_id AND r.id = $4
WHERE c.practice_id = $1 AND c.id = $2
"""
_INSERT = """
INSERT INTO session (practice_id, id, created_at, updated_at, version, course_id, status, sort_at,
    given_at, given_on, completeness, location_id, practitioner_id, product, protocol,
    protocol_version, charting, injections, administered, findings)
VALUES ($1, $2, $3, $3, 1, $4, 'given', $5, $5, $6, 'complete', $7, $8, $9, $10, $11, 'by_site',
    $12, $13, $14)
"""
_AUDIT = """
INSERT INTO audit_event (practice_id, id, at, by_type, credential_id, by_name, action,
    resource_type, resource_id, patient_id, request_id, address, changes)
VALUES ($1, $2, $3, 'system', $4, $5, 'session.give', 'session', $6, $7, $8, $9, $10)
"""
_COURSE = """
UPDATE course SET cycle = $4, anchor_on = $5, earliest_on = $6, due_on = $7, due_rule = $8,
    due_source_type = $9, due_source_id = $10, missed_session_id = $11, location_id = $12,
    practitioner_id = $13, sort_on = coalesce($7, date '9999-12-31'), dates_revision = $14,
    updated_at = $15, last_treated_on = $16, version = version + 1
WHERE practice_id = $1 AND id = $2 AND version = $3
"""


class Saved(NamedTuple):
    body: dict[str, Any]
    etag: str


async def give(
    db: Any, caller: Caller, course_id: str, body: SessionIn, now: datetime, came: tuple[str, str]
) -> Saved | int:
    """Save the session with its audit row and the course's dates; a status when it is refused."""
    practice_id, given_at = caller.practice_id, body.given_at.astimezone(UTC)
    place, person = body.location_id, body.practitioner_id
    row = await db.fetchrow(_HISTORY, practice_id, course_id, place, person)
    if row is None:
        return 404
    zone = row["location_zone"] if place else row["time_zone"]
    if zone is None or (person and not row["practitioner_known"]):
        return 422
    given_on = local_day(given_at, zone)
    if not row["birth_date"] <= given_on <= local_day(now, zone):
        return 422
    id = new_id(now)
    chart = dosing.as_protocol(_PROTOCOL)
    packed = dosing.pack(chart)
    history = _history(row, Treatment(given_on, id))
    findings = stored(found_on(given_on, history.holds, history.closed_on))
    plan = _plan(row)
    dates = schedule.compute(history, plan)
    due = dates.due
    assert due
    numbers = cycles.cycles(history.treatments, history.prior_cycles)
    cycle = max(numbers.values())
    missed = worklist.missed_since(dates.anchor_on, history.endings)
    where, who = _last_place(row, history, id, place, person)
    values: dict[str, Any] = {
        "course_id": course_id,
        "status": "given",
        "given_at": given_at.isoformat(),
        "given_on": given_on.isoformat(),
        "completeness": "complete",
        "location_id": place,
        "practitioner_id": person,
        "product": _PROTOCOL.product,
        "protocol": _PROTOCOL.code,
        "protocol_version": _PROTOCOL.version,
        "charting": chart.charting,
        "injections": packed,
        "administered": chart.administered_hundredths,
        "findings": findings or None,
    }
    changes = {name: [None, value] for name, value in values.items() if value is not None}
    await db.execute(
        _INSERT, practice_id, id, now, course_id, given_at, given_on, place, person,
        _PROTOCOL.product, _PROTOCOL.code, _PROTOCOL.version, json.dumps(packed),
        chart.administered_hundredths, json.dumps(findings) if findings else None,
    )  # fmt: skip
    await db.execute(
        _AUDIT, practice_id, new_id(now), now, caller.key_id, caller.key_name, id,
        row["patient_id"], *came, json.dumps(changes),
    )  # fmt: skip
    done = await db.execute(
        _COURSE, practice_id, course_id, row["version"], cycle + 1, dates.anchor_on,
        dates.earliest_on, dates.due_on, due.rule, due.source_type,
        due.source_id, missed, where, who, row["dates_revision"], now, history.treatments[-1].on,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise RuntimeError("another request changed the course")
    short = cycles.days_short(history.treatments, plan, history.others).get(id)
    if short:
        findings = [*findings, *stored([too_early(short)])]
    shown = floor_answer.session_shown(
        id, values, given_at, given_on, numbers[id], chart, _PROTOCOL, findings, now
    )
    own = {"course": course_id, "practice": practice_id}
    today = local_day(now, caller.time_zone)
    facts = StateFacts(
        history.closed_on is not None, bool(history.treatments), dates.earliest_on, dates.due_on,
        history.holds, history.bookings, missed, where, who,
    )  # fmt: skip
    stands = worklist.state_on(today, facts, plan, closures_of(row))
    shown["schedule"] = floor_answer.schedule_shown(own, today, cycle + 1, history, dates, stands)
    return Saved(shown, f'"1.{row["version"] + 1}"')


def _plan(row: Any) -> Plan:
    own, minimum = row["interval_days"], row["own_minimum"]
    return Plan(
        Interval(own, "day") if own else _PROTOCOL.interval,
        minimum or row["min_interval_days"], row["early_tolerance_days"], row["lead_days"],
        row["overdue_after_days"], row["lapsed_after_days"], minimum is not None, own is not None,
    )  # fmt: skip


def _history(row: Any, new: Treatment) -> History:
    treatments, bookings, endings = [new], [], []
    for on, id in json.loads(row["outside"] or "[]"):
        treatments.append(Treatment(day(on) or new.on, id, "outside_session"))
    for (
        id, status, starts_at, starts_on, made_on, given_on, continues, place, person, confirmed_at,
        ended_at, ended_by,
    ) in json.loads(row["sessions"] or "[]"):  # fmt: skip
        if status == "given":
            treatments.append(Treatment(day(given_on) or new.on, id, "session", continues))
        elif status == "booked":
            on = day(starts_on) or new.on
            made = day(made_on) or on
            sure = confirmed_at is not None
            bookings.append(Booking(id, on, instant(starts_at), made, place, person, sure))
        elif status in ("cancelled", "no_show") and starts_on and ended_at:
            on = day(starts_on) or new.on
            by_patient = status == "no_show" or ended_by == "patient"
            endings.append(Ending(id, on, day(made_on) or on, instant(ended_at), by_patient))
    treatments.sort(key=BY_DAY)
    return History(
        treatments, holds_of(row["holds"]), worklist.bookings_in_order(bookings), endings,
        row["prior_cycles"], row["planned_start_on"], row["closed_on"],
        sorted((Treatment(day(on) or new.on, id, "session", continues)
                for on, id, continues in json.loads(row["others"] or "[]")), key=BY_DAY),
    )  # fmt: skip


def _last_place(
    row: Any, history: History, id: str, place: str | None, person: str | None
) -> tuple[str | None, str | None]:
    last = next(t for t in reversed(history.treatments) if t.source == "session")
    if last.id == id:
        return place, person
    return next((s[7], s[8]) for s in json.loads(row["sessions"]) if s[0] == last.id)
