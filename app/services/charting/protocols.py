"""Protocols: the built-in ones and a practice's own; draft, publish, next version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db.engine.engine import Connection
from app.db.models import ProtocolVersion
from app.db.queries.charting import protocols as rows
from app.db.rows.base import JsonObject
from app.db.rows.charting import ProtocolVersionRow, ProtocolVersionValues
from app.domain.access.access import Actor
from app.domain.charting.protocol import Protocol, from_definition, to_definition
from app.domain.charting.protocol_parts import VersionState
from app.domain.errors import Duplicate, InvalidProtocol, NotFound, ProtocolPublished
from app.services import records

_parsed: dict[tuple[str, str, int], Protocol] = {}


@dataclass(frozen=True, slots=True)
class Listed:
    """A version that a practice can see."""

    code: str
    version: int
    name: str
    state: VersionState
    built_in: bool


def version(db: Connection, *, practice_id: str, code: str, number: int) -> Protocol:
    """Return a published protocol version; `NotFound` for one this practice does not have."""
    built_in = rows.BUILT_IN.get((code, number))
    if built_in:
        return built_in
    # Published versions never change, so what was read once holds for ever.
    known = _parsed.get((practice_id, code, number))
    if known:
        return known
    row = rows.version(db, practice_id=practice_id, code=code, number=number)
    if row is None or row["published_at"] is None:
        raise NotFound()
    protocol = from_definition(row["definition"])
    if len(_parsed) < 10_000:
        _parsed[(practice_id, code, number)] = protocol
    return protocol


def find_latest(db: Connection, *, practice_id: str, code: str) -> Protocol | None:
    """Return the newest published version of that code, None when there is none."""
    built_in = [p for p in rows.BUILT_IN.values() if p.code == code]
    if built_in:
        return max(built_in, key=lambda p: p.version)
    number = rows.latest_published(db, practice_id=practice_id, code=code)
    if number is None:
        return None
    return version(db, practice_id=practice_id, code=code, number=number)


def listed(db: Connection, *, practice_id: str) -> list[Listed]:
    """Return every version the practice can see, the built-in ones first."""
    built_in = [
        Listed(p.code, p.version, p.name, VersionState.PUBLISHED, True)
        for p in rows.BUILT_IN.values()
    ]
    own = [
        Listed(row["code"], row["number"], row["definition"]["name"], _state(row), False)
        for row in rows.of_practice(db, practice_id=practice_id)
    ]
    return built_in + own


def definition(
    db: Connection, *, practice_id: str, code: str, number: int
) -> tuple[JsonObject, int]:
    """Return one version as it is shown, drafts included, and how often it was saved."""
    built_in = rows.BUILT_IN.get((code, number))
    if built_in:
        return to_definition(built_in) | {"state": VersionState.PUBLISHED, "built_in": True}, 1
    row = rows.version(db, practice_id=practice_id, code=code, number=number)
    if row is None:
        raise NotFound()
    shown: JsonObject = to_definition(from_definition(row["definition"]))
    return shown | {"state": _state(row), "built_in": False}, row["version"]


def draft(
    db: Connection, definition: JsonObject, *, by: Actor, now: datetime
) -> ProtocolVersionRow:
    """Save a definition as the draft of its version, replacing an earlier draft of it."""
    protocol = from_definition(definition)
    if any(code == protocol.code for code, _ in rows.BUILT_IN):
        raise InvalidProtocol(("/code", "belongs to a built-in protocol: choose another code"))
    values = ProtocolVersionValues(definition=to_definition(protocol))
    row = rows.version(db, practice_id=by.practice_id, code=protocol.code, number=protocol.version)
    if row is None:
        newest = rows.latest(db, practice_id=by.practice_id, code=protocol.code)
        if protocol.version != (newest or 0) + 1:
            raise InvalidProtocol(("/version", f"must be {(newest or 0) + 1}, the next version"))
        values["code"], values["number"] = protocol.code, protocol.version
        return records.create(db, ProtocolVersion, values, kind="protocol", by=by, now=now)
    if row["published_at"]:
        raise Duplicate(ProtocolPublished.default, existing_id=row["id"])
    return records.change(db, ProtocolVersion, row, values, kind="protocol", by=by, now=now)


def publish(
    db: Connection, *, code: str, number: int, by: Actor, now: datetime
) -> ProtocolVersionRow:
    """Make a draft final; publishing again changes nothing."""
    row = rows.version(db, practice_id=by.practice_id, code=code, number=number)
    if row is None:
        if (code, number) in rows.BUILT_IN:
            raise ProtocolPublished()
        raise NotFound()
    if row["published_at"]:
        return row
    values = ProtocolVersionValues(published_at=now)
    return records.change(
        db, ProtocolVersion, row, values, kind="protocol", action="publish", by=by, now=now
    )


def _state(row: ProtocolVersionRow) -> VersionState:
    return VersionState.PUBLISHED if row["published_at"] else VersionState.DRAFT
