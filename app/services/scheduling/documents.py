"""Sessions, schedules and worklist rows as the JSON that every surface of our own gives out.

The REST interface, the command line and a patient's export show the same documents; other
standards map the records these are made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from app.db.rows.base import Fields, JsonObject
from app.domain.charting.dosing import Row
from app.domain.charting.reading import number
from app.domain.scheduling.schedule import Booking
from app.domain.scheduling.worklist import BookingState
from app.services.scheduling.schedules import CourseSchedule, ShownAction
from app.services.scheduling.session_records import SessionRecord
from app.services.scheduling.worklist import WorklistRow

# Fields of a session that are called as their columns are.
_OF_SESSION = (
    *("id", "course_id", "completeness", "continues_session_id", "starts_at", "given_at"),
    *("given_on", "confirmed_at", "arrived_at", "ended_at", "ended_by", "end_reason"),
    *("override_reason", "location_id", "practitioner_id", "product", "protocol"),
    *("protocol_version", "charting", "created_at", "updated_at"),
)


def session(record: SessionRecord) -> JsonObject:
    """Return a session; doses are in units."""
    stored = record.session
    administered, fields = stored["administered"], cast("Fields", stored)
    document: JsonObject = {name: fields[name] for name in _OF_SESSION}
    document["status"] = str(stored["status"])
    document["cycle"] = record.cycle
    document["reason"] = stored["partial_reason"]
    document["injections"] = _injections(record.injections)
    document["areas"] = [
        {"area": area, "sites": sites, "units": number(hundredths, 2)}
        for area, sites, hundredths in record.areas
    ]
    document["units_administered"] = None if administered is None else number(administered, 2)
    document["findings"] = [_finding(found) for found in record.findings]
    # Drug and signatures come with their own resources; until then nothing is known of them.
    document["units_discarded"] = None
    document["signed_at"] = None
    document["identifiers"] = record.identifiers
    return document


def _injections(rows: Sequence[Row]) -> list[JsonObject]:
    return [
        {
            "site": site,
            "area": area,
            "side": side,
            "units": number(hundredths, 2),
            "vial_id": None,
            "planned": None if planned is None else number(planned, 2),
        }
        for site, area, side, hundredths, planned, _ in rows
    ]


def _finding(finding: JsonObject) -> JsonObject:
    """Return a finding with its doses in units instead of hundredths."""
    document: JsonObject = {}
    for name, value in finding.items():
        if name.endswith("hundredths"):
            units = name.removesuffix("hundredths") + "units"
            document[units] = None if value is None else number(value, 2)
        else:
            document[name] = value
    return document


def schedule(shown: CourseSchedule) -> JsonObject:
    """Return a course's schedule."""
    dates, state = shown.dates, shown.state
    actions = _actions(shown.actions)
    return {
        "course_id": shown.course_id,
        "as_of": shown.as_of,
        "cycle": shown.cycle,
        "status": state.status.value,
        "anchor_on": dates.anchor_on,
        "clinical_due_on": dates.clinical_due_on,
        "earliest_on": dates.earliest_on,
        "due_on": dates.due_on,
        "due_soon_from": dates.due_soon_from,
        "overdue_from": dates.overdue_from,
        "lapsed_from": dates.lapsed_from,
        "treatable_from": dates.treatable_from,
        "treatable_until": dates.treatable_until,
        "suggested_on": state.suggested_on,
        "booking": _booking(state.booking, state.booked),
        "flags": [flag.value for flag in state.flags],
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "reasons": [
            {
                "date": name,
                "rule": rule,
                "on": on,
                "decisive": decisive,
                "source": {"type": kind, "id": id},
                "text": text,
            }
            for name, rule, on, decisive, kind, id, text in shown.reasons
        ],
    }


def worklist_row(row: WorklistRow) -> JsonObject:
    """Return a row of the worklist."""
    stored, state = row.stored, row.state
    actions = _actions(row.actions)
    why = row.decisive_reason
    return {
        "course_id": stored.id,
        "patient": {
            "id": stored.patient_id,
            "mrn": stored.mrn,
            "family_name": stored.family_name,
            "given_name": stored.given_name,
            "birth_date": stored.birth_date,
            "phone": stored.phone,
        },
        "protocol": stored.protocol,
        "cycle": stored.cycle,
        "status": state.status.value,
        "days_overdue": state.days_overdue,
        "anchor_on": stored.anchor_on,
        "earliest_on": stored.earliest_on,
        "due_on": stored.due_on,
        "overdue_from": state.overdue_from,
        "suggested_on": state.suggested_on,
        "booking": _booking(state.booking, state.booked),
        "flags": [flag.value for flag in state.flags],
        "next_action": actions[0] if actions else None,
        "actions": actions,
        "location_id": state.location_id,
        "practitioner_id": state.practitioner_id,
        "decisive_reason": why
        and {
            "rule": why.rule,
            "on": why.on,
            "source": {"type": why.source_type, "id": why.source_id},
            "text": why.text,
        },
    }


def _actions(actions: Sequence[ShownAction]) -> list[JsonObject]:
    return [
        {"code": code, "act_by": act_by, "text": text, "source": {"type": kind, "id": id}}
        for code, act_by, text, kind, id in actions
    ]


def _booking(state: BookingState, booked: Booking | None) -> JsonObject:
    return {
        "state": state.value,
        "session_id": booked.id if booked else None,
        "starts_at": booked.starts_at if booked else None,
    }
