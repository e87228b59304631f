"""Everything of one practice as JSON Lines: written in one reading, checked before an erasure.

The first line is the manifest, then a line for every row, then the counts, then the SHA-256 of
every byte before its own line.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.queries.audit import audit as audit_rows
from app.db.queries.practice import practice_rows
from app.db.rows.base import JsonObject
from app.domain.audit import sealing
from app.services.practice import practices

FORMAT = 1


class Unfit(Exception):
    """The file is no whole export; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds: rows of each table, and the newest event of the log."""

    practice_id: str
    made_at: str
    counts: dict[str, int]
    last_event: str | None
    last_seal: str | None
    sha256: str


def write(
    db: Connection,
    put: Callable[[str], object],
    *,
    practice_id: str,
    revision: str,
    now: datetime,
) -> Exported:
    """Write the practice's rows with `put`, line by line, all as of one moment.

    Bytes are written in hexadecimal. Secrets (keys' digests, what is sealed) stay here.
    """
    practice = practices.load(db, practice_id=practice_id)
    digest = hashlib.sha256()

    def line(content: JsonObject) -> None:
        text = json.dumps(content, ensure_ascii=False, default=_plain) + "\n"
        digest.update(text.encode())
        put(text)

    line(
        {
            "export": FORMAT,
            "practice_id": practice_id,
            "name": practice["name"],
            "time_zone": practice["time_zone"],
            "schema": revision,
            "made_at": now,
            "left_out": [
                f"{table.name}.{column}"
                for table in practice_rows.tables()
                for column in practice_rows.secrets(table)
            ],
        }
    )
    counts: dict[str, int] = {}
    for table in practice_rows.tables():
        counts[table.name] = 0
        for row in practice_rows.rows(db, table, practice_id=practice_id):
            counts[table.name] += 1
            line({"table": table.name, "row": row})
    newest = audit_rows.last(db, practice_id=practice_id)
    head = last_seal(db, practice_id=practice_id)
    line({"counts": counts, "last_event": newest, "last_seal": head})
    sha256 = digest.hexdigest()
    put(json.dumps({"sha256": sha256}) + "\n")
    return Exported(practice_id, now.isoformat(), counts, newest, head, sha256)


def read(lines: Iterable[bytes]) -> Exported:
    """Return what the export holds, once its every byte has been compared; else `Unfit`."""
    digest = hashlib.sha256()
    counts: Counter[str] = Counter()
    manifest: JsonObject | None = None
    end: JsonObject | None = None
    told: str | None = None
    for text in lines:
        content = _parsed(text)
        if told is not None:
            raise Unfit("the export has lines after its end")
        if "sha256" in content and end is not None:
            told = content["sha256"]
            continue
        digest.update(text)
        if manifest is None:
            manifest = content
        elif "table" in content:
            counts[str(content["table"])] += 1
        else:
            end = content
    if manifest is None or end is None or told is None:
        raise Unfit("the file is cut off, or is not an export")
    if told != digest.hexdigest() or counts != Counter(end.get("counts")):
        raise Unfit("the export was changed since it was written: its SHA-256 or its counts differ")
    if manifest.get("export") != FORMAT:
        raise Unfit("the export was written by another version of this program: export again")
    return Exported(
        manifest["practice_id"],
        manifest["made_at"],
        end["counts"],
        end["last_event"],
        end["last_seal"],
        told,
    )


def last_seal(db: Connection, *, practice_id: str) -> str | None:
    """Return the head of the practice's newest seal."""
    last = audit_rows.last_seal(db, practice_id=practice_id)
    return sealing.head(last["number"], bytes(last["digest"])) if last else None


def _parsed(text: bytes) -> JsonObject:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Unfit("the file is cut off, or is not an export")
    return content


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(f"a column holds {type(value).__name__}, which no export has a form for")
