"""A session as every surface shows it: its cycle, its injections by area, what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.db.engine.engine import Connection
from app.db.queries.scheduling.facts import CourseFacts
from app.db.rows.base import JsonObject
from app.db.rows.scheduling import SessionRow
from app.domain.access.access import Actor
from app.domain.charting import dosing
from app.domain.charting.protocol import Protocol
from app.domain.scheduling.derived import Derived
from app.domain.scheduling.sessions import SessionStatus, stored, too_early
from app.services.charting import protocols
from app.services.scheduling import course_dates, sessions
from app.services.scheduling.sessions import Identifiers, Saved


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session with what follows from its course; doses are hundredths of a unit.

    `cycle` is the session's own when it was given, the next one when it is booked, else None.
    `version` is that of all that the record rests on.
    """

    session: SessionRow
    patient_id: str
    cycle: int | None
    findings: Sequence[JsonObject]
    injections: Sequence[dosing.Row]
    areas: Sequence[dosing.AreaTotal]
    identifiers: Identifiers
    version: str


def show(db: Connection, *, session_id: str, by: Actor) -> SessionRecord:
    """Return one session as it stands; `NotFound` when the practice has none of that id."""
    session, facts, identified = sessions.load(db, session_id, by=by)
    return record_of(db, Saved(session, facts, course_dates.derive(facts), identified))


def record_of(db: Connection, saved: Saved) -> SessionRecord:
    """Return a session as it was saved."""
    return _record(db, saved.session, saved.facts, saved.derived, saved.identifiers)


def records_of(
    db: Connection,
    found: Iterable[SessionRow],
    courses: Mapping[str, CourseFacts],
    identified: Mapping[str, Identifiers],
) -> list[SessionRecord]:
    """Return sessions of these courses as they stand; what follows from a course is found once."""
    follows = {id: course_dates.derive(facts) for id, facts in courses.items()}
    records = []
    for session in found:
        id, named = session["course_id"], identified.get(session["id"], [])
        records.append(_record(db, session, courses[id], follows[id], named))
    return records


def _record(
    db: Connection,
    session: SessionRow,
    facts: CourseFacts,
    found: Derived,
    identified: Identifiers,
) -> SessionRecord:
    protocol, version = _protocol(db, session, facts), version_of(session, facts)
    cycle, findings = None, session["findings"] or []
    if session["status"] == SessionStatus.GIVEN:
        cycle = found.numbers.get(session["id"])
        short = found.days_short.get(session["id"])
        if short:
            findings = findings + stored([too_early(short)])
    elif session["status"] == SessionStatus.BOOKED:
        cycle = found.cycle
    rows: Sequence[dosing.Row] = ()
    areas: Sequence[dosing.AreaTotal] = ()
    if session["injections"] and protocol:
        chart = dosing.unpack(session["injections"])
        rows, areas = dosing.describe(protocol, chart), dosing.areas(protocol, chart)
    patient_id = facts.course["patient_id"]
    return SessionRecord(session, patient_id, cycle, findings, rows, areas, identified, version)


def version_of(session: SessionRow, facts: CourseFacts) -> str:
    """Return the version of all that a session's record rests on."""
    # Its cycle and findings follow from the patient's other sessions and the practice's numbers.
    others = [other.course["version"] for other in facts.others]
    own = (session["version"], facts.course["version"], facts.practice["version"])
    return ".".join(map(str, (*own, *others)))


def _protocol(db: Connection, session: SessionRow, facts: CourseFacts) -> Protocol | None:
    """Return the version that the session was given under; None before it was."""
    code, number, pinned = session["protocol"], session["protocol_version"], facts.protocol
    if code is None or number is None:
        return None
    if pinned and (code, number) == (pinned.code, pinned.version):
        return pinned
    return protocols.version(db, practice_id=session["practice_id"], code=code, number=number)
