"""The floor is only a floor if it does the same: answers and rows of both are compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import load, processes
from benchmarks.postgres import Server
from benchmarks.practice import Practice

_SAMPLES = 40
_INSTANTS = {"created_at", "updated_at"}


class Different(Exception):
    """The floor answers or saves something else than Twelveweeks."""


def check(server: Server, practice: Practice, name: str, scratch: Path) -> tuple[Path, Path]:
    """Compare both on two copies of a database; return files with an answer of each kind."""
    ours = server.clone(name, "bench_same_ours")
    raw = server.clone(name, "bench_same_raw")
    log = scratch / "same.log"
    worklist, session = scratch / "worklist.json", scratch / "session.json"
    with processes.twelveweeks(ours, log) as a, processes.floor_raw(raw, log) as e:
        worklist.write_bytes(_worklists(a, e, practice))
        session.write_bytes(_sessions(a, e, practice))
    for table, left_out in (
        ("session", "id, created_at, updated_at"),
        ("audit_event", "id, at, resource_id, request_id"),
        ("course", "updated_at, due_source_id"),
    ):
        if _rows(ours, table, left_out) != _rows(raw, table, left_out):
            raise Different(f"rows of {table}")
    server.admin('DROP DATABASE "bench_same_ours" WITH (FORCE)')
    server.admin('DROP DATABASE "bench_same_raw" WITH (FORCE)')
    return worklist, session


def given(practice: Practice) -> bytes:
    """The body of the session write that is measured: 31 injections as the protocol has them."""
    body = {
        "status": "given",
        "given_at": f"{practice.today}T00:31:00-05:00",
        "location_id": practice.locations[0],
        "practitioner_id": practice.practitioners[0],
        "chart": {"plan": "as_protocol"},
    }
    return json.dumps(body).encode()


def _worklists(a: processes.Process, e: processes.Process, practice: Practice) -> bytes:
    """All pages of both, byte by byte; the first one is returned."""
    first, path = b"", "/v1/worklist?limit=50"
    for _ in range(_SAMPLES):
        left, right = (load.ask(server, load.get(path, practice.key)) for server in (a, e))
        if left != right or left[0] != 200:
            raise Different(f"worklist: {left[0]} and {right[0]}")
        first = first or left[1]
        cursor = json.loads(left[1])["next_cursor"]
        if cursor is None:
            break
        path = f"/v1/worklist?limit=50&cursor={cursor}"
    return first


def _sessions(a: processes.Process, e: processes.Process, practice: Practice) -> bytes:
    first = b""
    for course in practice.courses[:_SAMPLES]:
        request = load.post(f"/v1/courses/{course}/sessions", practice.key, given(practice))
        left, right = load.ask(a, request), load.ask(e, request)
        if left[0] != 201 or _plain(left[1]) != _plain(right[1]):
            raise Different(f"session: {left[0]} and {right[0]}")
        first = first or left[1]
    return first


def _plain(body: bytes) -> Any:
    """The answer without what must differ: the new id and the instants it was saved at."""
    found = json.loads(body)
    found = json.loads(body.replace(found["id"].encode(), b"new"))
    return {name: value for name, value in found.items() if name not in _INSTANTS}


def _rows(url: str, table: str, left_out: str) -> list[Any]:
    names = set(re.split(", ", left_out))
    with psycopg.connect(url) as db:
        found = db.execute(f"SELECT to_jsonb(t) FROM {table} t".encode()).fetchall()
    rows = [{k: v for k, v in row.items() if k not in names} for (row,) in found]
    return sorted(json.dumps(row, sort_keys=True) for row in rows)
