"""The floor's worklist: two statements, the rules, one dictionary a row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from app.domain.dates import Interval
from app.domain.scheduling import worklist
from app.domain.scheduling.schedule import Booking, Hold, Plan
from app.domain.scheduling.wording import action_texts, interval_text, rule_text
from app.domain.scheduling.worklist import Closure, StateFacts

CLOSURES = """
(SELECT json_agg(json_build_array(x.starts_on, x.ends_on, x.location_id, x.practitioner_id))
 FROM closure x WHERE x.practice_id = p.id) AS closures
"""
SETTING = f"""
SELECT p.min_interval_days, p.early_tolerance_days, p.lead_days, p.overdue_after_days,
       p.lapsed_after_days, p.cursor_key, {CLOSURES}
FROM practice p WHERE p.id = $1
"""
_PAGE = """
SELECT c.id::text AS id, c.sort_on, c.patient_id::text AS patient_id, c.protocol, c.state, c.cycle,
       c.last_treated_on, c.anchor_on, c.earliest_on, c.due_on, c.due_rule, c.due_source_type,
       c.due_source_id::text AS due_source_id, c.missed_session_id::text AS missed_session_id,
       c.location_id::text AS location_id, c.practitioner_id::text AS practitioner_id,
       p.mrn, p.family_name, p.given_name, p.birth_date, p.phone,
       (SELECT json_agg(json_build_array(s.id, s.starts_on, s.starts_at, s.location_id,
                                         s.practitioner_id, s.confirmed_at))
        FROM session s
        WHERE s.practice_id = c.practice_id AND s.course_id = c.id AND s.status = 'booked'
       ) AS bookings,
       (SELECT json_agg(json_build_array(h.id, h.starts_on, h.ends_on, h.review_on))
        FROM hold h
        WHERE h.practice_id = c.practice_id AND h.course_id = c.id
          AND (h.ends_on IS NULL OR h.ends_on >= $2)
       ) AS holds
FROM course c JOIN patient p ON p.practice_id = c.practice_id AND p.id = c.patient_id
WHERE c.practice_id = $1 AND c.state = 'active' {after}
ORDER BY c.sort_on, c.id LIMIT $3
"""
PAGE = _PAGE.format(after="")
PAGE_AFTER = _PAGE.format(after="AND (c.sort_on, c.id) > ($4, $5)")


def plan_of(row: Any) -> Plan:
    return Plan(
        Interval(84, "day"),
        row["min_interval_days"],
        row["early_tolerance_days"],
        row["lead_days"],
        row["overdue_after_days"],
        row["lapsed_after_days"],
    )


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def closures_of(row: Any) -> list[Closure]:
    return [
        Closure(date.fromisoformat(since), date.fromisoformat(until), place, person)
        for since, until, place, person in json.loads(row["closures"] or "[]")
    ]


def holds_of(text: str | None) -> list[Hold]:
    if text is None:
        return []
    return [
        Hold(id, date.fromisoformat(since), day(until), day(review))
        for id, since, until, review in json.loads(text)
    ]


def _bookings_of(text: str) -> list[Booking]:
    found = []
    for id, on, starts_at, place, person, confirmed_at in json.loads(text):
        when = date.fromisoformat(on)
        sure = confirmed_at is not None
        found.append(Booking(id, when, instant(starts_at), when, place, person, sure))
    return worklist.bookings_in_order(found)


def item(row: Any, on: date, plan: Plan, closures: list[Closure]) -> dict[str, Any]:
    """One course as the list shows it."""
    (
        course_id, _, patient_id, protocol, state, cycle, last_treated_on, anchor_on, earliest_on,
        due_on, rule, source_type, source_id, missed, location_id, practitioner_id, mrn, family,
        given, born, phone, bookings, holds,
    ) = row  # fmt: skip
    facts = StateFacts(
        state != "active", last_treated_on is not None, earliest_on, due_on,
        holds_of(holds) if holds else (), _bookings_of(bookings) if bookings else (),
        missed, location_id, practitioner_id,
    )  # fmt: skip
    stands = worklist.state_on(on, facts, plan, closures)
    booked = stands.booked
    actions = actions_shown(stands.actions, course_id)
    decisive = None
    if rule == "interval":
        number = cycle - 1 if anchor_on == last_treated_on else None
        text = interval_text((due_on - anchor_on).days, source_type, anchor_on, number)
    elif rule:
        text = rule_text(rule)
    if rule:
        source = {"type": source_type, "id": course_id if source_type == "course" else source_id}
        decisive = {"rule": rule, "on": due_on, "source": source, "text": text}
    return {
        "course_id": course_id,
        "patient": {
            "id": patient_id,
            "mrn": mrn,
            "family_name": family,
            "given_name": given,
            "birth_date": born,
            "phone": phone,
        },
        "protocol": protocol,
        "cycle": cycle,
        "status": stands.status.value,
        "days_overdue": stands.days_overdue,
        "anchor_on": anchor_on,
        "earliest_on": earliest_on,
        "due_on": due_on,
        "overdue_from": stands.overdue_from,
        "suggested_on": stands.suggested_on,
        "booking": {
            "state": stands.booking.value,
            "session_id": booked.id if booked else None,
            "starts_at": booked.starts_at if booked else None,
        },
        "flags": [flag.value for flag in stands.flags],
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "location_id": stands.location_id,
        "practitioner_id": stands.practitioner_id,
        "decisive_reason": decisive,
    }


def actions_shown(actions: list[worklist.Action], course_id: str) -> list[dict[str, Any]]:
    return [
        {
            "code": a.code.value,
            "act_by": a.act_by,
            "text": text,
            "source": {
                "type": a.source_type,
                "id": course_id if a.source_type == "course" else a.source_id,
            },
        }
        for a, text in zip(actions, action_texts(actions), strict=True)
    ]
