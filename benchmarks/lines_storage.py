"""The line about space: what a session with 31 injections takes on disk, indexes included."""

from __future__ import annotations

from typing import Any

import psycopg

from app.db.engine import sqlite
from benchmarks import seeding
from benchmarks.report import Line
from benchmarks.stage import Stage

_LIMIT = 1500.0


def bytes_a_session(stage: Stage, patients: int) -> None:
    """Every session by site, booked and then given, its indexes grown row by row."""
    practice = seeding.fill_postgres(stage.server, "bench_space", patients, all_by_site=True)
    with psycopg.connect(practice.url) as db:
        row = db.execute(
            "SELECT pg_total_relation_size('session'), count(*), "
            "sum((status = 'given')::integer) FROM session"
        ).fetchone()
    assert row
    whole, sessions = int(row[0]), int(row[1])
    assert row[2] > 0.7 * sessions
    lines = stage.report.lines
    what = f"a session on disk, PostgreSQL ({sessions:,})"
    lines.append(Line(what, [whole / sessions], unit="bytes", limit=_LIMIT))
    stage.server.admin('DROP DATABASE "bench_space" WITH (FORCE)')

    file = stage.folder / "space.db"
    seeding.fill_sqlite(file, patients, all_by_site=True)
    raw = sqlite.driver().connect(str(file), isolation_level=None)
    (sessions,) = raw.execute("SELECT count(*) FROM session").fetchone()
    # What becomes free when the table is emptied was its own and its indexes'.
    before = _free(raw)
    raw.execute("DELETE FROM session")
    whole = _free(raw) - before
    raw.close()
    what = f"a session on disk, SQLite ({sessions:,})"
    lines.append(Line(what, [whole / sessions], unit="bytes", limit=_LIMIT))


def _free(raw: Any) -> int:
    (pages,) = raw.execute("PRAGMA freelist_count").fetchone()
    (size,) = raw.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)
