"""The floor's answer to a session write: the session as it stands, and its course's schedule."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from app.domain.charting import dosing
from app.domain.charting.protocol import Protocol
from app.domain.scheduling.schedule import History, Schedule
from app.domain.scheduling.wording import reason_texts
from app.domain.scheduling.worklist import CourseState
from benchmarks.floor_worklist import actions_shown


def _units(hundredths: int) -> int | float:
    return hundredths / 100 if hundredths % 100 else hundredths // 100


def session_shown(
    id: str,
    values: dict[str, Any],
    given_at: datetime,
    given_on: date,
    cycle: int,
    chart: dosing.Chart,
    protocol: Protocol,
    findings: list[dict[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    return {
        "id": id,
        "course_id": values["course_id"],
        "status": "given",
        "completeness": "complete",
        "continues_session_id": None,
        "starts_at": None,
        "given_at": given_at,
        "given_on": given_on,
        "confirmed_at": None,
        "arrived_at": None,
        "ended_at": None,
        "ended_by": None,
        "end_reason": None,
        "override_reason": None,
        "location_id": values["location_id"],
        "practitioner_id": values["practitioner_id"],
        "product": values["product"],
        "protocol": values["protocol"],
        "protocol_version": values["protocol_version"],
        "charting": values["charting"],
        "cycle": cycle,
        "reason": None,
        "injections": [
            {
                "site": site,
                "area": area,
                "side": side,
                "units": _units(dose),
                "vial_id": None,
                "planned": None if planned is None else _units(planned),
            }
            for site, area, side, dose, planned, _ in dosing.describe(protocol, chart.injections)
        ],
        "areas": [
            {"area": area, "sites": sites, "units": _units(dose)}
            for area, sites, dose in dosing.areas(protocol, chart.injections)
        ],
        "units_administered": _units(chart.administered_hundredths),
        "findings": findings,
        "units_discarded": None,
        "signed_at": None,
        "identifiers": [],
        "created_at": now,
        "updated_at": now,
    }


def schedule_shown(
    own: dict[str, str],
    today: date,
    cycle: int,
    history: History,
    dates: Schedule,
    stands: CourseState,
) -> dict[str, Any]:
    actions = actions_shown(stands.actions, own["course"])
    booked = stands.booked
    reasons = dates.reasons()
    own_anchor = bool(history.treatments) and history.treatments[-1].on == dates.anchor_on
    texts = reason_texts(dates, reasons, cycle - 1 if own_anchor else None)
    return {
        "course_id": own["course"],
        "as_of": today,
        "cycle": cycle,
        "status": stands.status.value,
        "anchor_on": dates.anchor_on,
        "clinical_due_on": dates.clinical_due_on,
        "earliest_on": dates.earliest_on,
        "due_on": dates.due_on,
        "due_soon_from": dates.due_soon_from,
        "overdue_from": dates.overdue_from,
        "lapsed_from": dates.lapsed_from,
        "treatable_from": dates.treatable_from,
        "treatable_until": dates.treatable_until,
        "suggested_on": stands.suggested_on,
        "booking": {
            "state": stands.booking.value,
            "session_id": booked.id if booked else None,
            "starts_at": booked.starts_at if booked else None,
        },
        "flags": [flag.value for flag in stands.flags],
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "reasons": [
            {
                "date": name,
                "rule": str(rule),
                "on": on,
                "decisive": decisive,
                "source": {"type": source_type, "id": own.get(source_type, source_id)},
                "text": text,
            }
            for (name, rule, on, decisive, source_type, source_id), text in zip(
                reasons, texts, strict=True
            )
        ],
    }
