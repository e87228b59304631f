"""The lines about PostgreSQL behind HTTP: against the floors, by size, by depth, by crowd."""

from __future__ import annotations

from contextlib import ExitStack

import psycopg

from app.api import lists
from app.api.scheduling.worklist import WorklistPageQuery
from app.edge.input import cursors
from benchmarks import processes
from benchmarks.load import Sample, get, post
from benchmarks.practice import Practice
from benchmarks.report import Detail, Line
from benchmarks.sameness import given
from benchmarks.stage import Stage

_DEPTH = 90_000


def worklist_against_floors(stage: Stage) -> None:
    """A page of 50 with 16 connections, its audit row durable: CPU of the server process."""
    practice = stage.postgres(stage.medium)
    request = get("/v1/worklist?limit=50", practice.key)
    requests = [request] * stage.many
    with ExitStack() as open_:
        servers = _three(stage, open_, practice)
        ours, raw, empty = stage.take_turns([(s, requests) for s in servers], 16)
    _against(stage, "worklist page of 50", (ours, raw, empty), 1.8)


def session_against_floors(stage: Stage) -> None:
    """A session with 31 injections, its audit row and the schedule, with 16 connections."""
    practice = stage.copy(stage.medium)
    many = stage.many
    with ExitStack() as open_:
        servers = _three(stage, open_, practice)
        # Each writes to courses of its own, of equal history.
        asked = [(s, writes(practice, many, n, 3)) for n, s in enumerate(servers)]
        ours, raw, empty = stage.take_turns(asked, 16, expected=201)
    _against(stage, "session of 31 injections", (ours, raw, empty), 2.0)


def by_size(stage: Stage) -> None:
    """The same page on the largest and the smallest database, one request at a time."""
    small, large = min(stage.sizes), max(stage.sizes)
    many = stage.warm + stage.rounds * stage.requests // 2
    with ExitStack() as open_:
        asked = []
        for size in (small, large):
            practice = stage.postgres(size)
            server = open_.enter_context(processes.twelveweeks(practice.url, stage.log))
            asked.append((server, [get("/v1/worklist?limit=50", practice.key)] * many))
        few, much = stage.take_turns(asked, 1)
    values = [b.percentile(50) / a.percentile(50) for a, b in zip(few, much, strict=True)]
    what = f"worklist page at {large:,} patients against {small:,}, p50"
    stage.report.lines.append(Line(what, values, limit=2.0))
    stage.report.details += [
        Detail(f"(a) worklist at {size:,} patients", 1, samples)
        for size, samples in ((small, few), (large, much))
    ]


def by_depth(stage: Stage) -> None:
    """A page deep in the list against the first one, one request at a time."""
    size = max(stage.sizes)
    practice = stage.postgres(size)
    depth = min(_DEPTH, size * 3 // 4)
    first = "/v1/worklist?limit=50"
    deep = f"{first}&cursor={cursor_at(practice, depth)}"
    many = stage.warm + stage.rounds * stage.requests // 2
    with processes.twelveweeks(practice.url, stage.log) as server:
        asked = [(server, [get(path, practice.key)] * many) for path in (first, deep)]
        near, far = stage.take_turns(asked, 1)
    values = [b.percentile(50) / a.percentile(50) for a, b in zip(near, far, strict=True)]
    what = f"worklist page at depth {depth:,} against the first, p50"
    stage.report.lines.append(Line(what, values, limit=1.3))
    stage.report.details.append(Detail(f"(a) worklist at depth {depth:,}", 1, far))


def in_a_crowd(stage: Stage) -> None:
    """64 connections at once: how much longer the slowest hundredth waits."""
    practice = stage.copy(stage.medium)
    many = stage.many
    page = get("/v1/worklist?limit=50", practice.key)
    with processes.twelveweeks(practice.url, stage.log) as server:
        (read,) = stage.take_turns([(server, [page] * many)], 64)
        asked = [(server, writes(practice, many, 0, 1))]
        (written,) = stage.take_turns(asked, 64, expected=201)
    for what, samples in (("worklist page", read), ("session write", written)):
        values = [s.percentile(99) / s.percentile(50) for s in samples]
        stage.report.lines.append(Line(f"{what}, 64 connections: p99 / p50", values, limit=3.0))
        stage.report.details.append(Detail(f"(a) {what}", 64, samples))


def writes(practice: Practice, many: int, part: int, of: int) -> list[bytes]:
    """Session writes to one part of the practice's courses, all different while there are any."""
    body = given(practice)
    courses = practice.courses[part::of]
    return [
        post(f"/v1/courses/{courses[n % len(courses)]}/sessions", practice.key, body)
        for n in range(many)
    ]


def cursor_at(practice: Practice, depth: int) -> str:
    """The cursor that a client would hold who had paged that far."""
    with psycopg.connect(practice.url) as db:
        row = db.execute(
            "SELECT sort_on, id::text FROM course WHERE practice_id = %s AND state = 'active' "
            "ORDER BY sort_on, id OFFSET %s LIMIT 1",
            (practice.practice_id, depth - 1),
        ).fetchone()
    assert row
    return cursors.encode(
        bytes.fromhex(practice.cursor_key),
        (row[0].isoformat(), row[1]),
        lists.pinned(WorklistPageQuery(), "on"),
        listing="worklist",
        on=practice.today,
    )


def _three(stage: Stage, open_: ExitStack, practice: Practice) -> list[processes.Process]:
    return [
        open_.enter_context(processes.twelveweeks(practice.url, stage.log)),
        open_.enter_context(processes.floor_raw(practice.url, stage.log)),
        open_.enter_context(processes.floor_empty(*stage.answers, stage.log)),
    ]


def _against(
    stage: Stage, what: str, samples: tuple[list[Sample], list[Sample], list[Sample]], limit: float
) -> None:
    ours, raw, empty = samples
    for name, floor, most in (("(e)", raw, limit), ("(f)", empty, None)):
        values = [a.cpu_per_request / b.cpu_per_request for a, b in zip(ours, floor, strict=True)]
        line = Line(f"{what}, CPU a request against {name}", values, limit=most)
        stage.report.lines.append(line)
    stage.report.details += [
        Detail(f"{name} {what}", 16, found)
        for name, found in (("(a)", ours), ("(e)", raw), ("(f)", empty))
    ]
