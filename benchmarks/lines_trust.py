"""What trust costs by itself: row-level security around a query, and the check of a key."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

from app import clock
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER, Scope
from app.db.queries.scheduling import worklist as rows
from app.db.queries.scheduling.worklist import Filters, Thresholds
from app.domain.dates import local_day
from app.edge.auth.auth import Callers
from app.edge.http.rates import Rates
from benchmarks.practice import ZONE, Practice
from benchmarks.report import Line
from benchmarks.stage import Stage

_KEY_US = 150.0


def row_security(stage: Stage, times: int) -> None:
    """A worklist page in a practice's scope against the same page as the owner, in turns.

    Both are BEGIN, the page, COMMIT: three messages. The owner here is a superuser, whom no
    policy is asked about.
    """
    practice = stage.postgres(stage.medium)
    database = open_database(practice.url, pool_size=1)
    at = Thresholds(local_day(clock.now(), ZONE), 14, 7, 84)
    ratios = []
    for scope in (practice.practice_id, OWNER):
        _seconds(database, practice, scope, at, times)
    for _ in range(stage.rounds):
        without = _seconds(database, practice, OWNER, at, times)
        confined = _seconds(database, practice, practice.practice_id, at, times)
        ratios.append(confined / without)
    database.dispose()
    what = "worklist page with row-level security against without, p50"
    stage.report.lines.append(Line(what, ratios, limit=1.6))


def _seconds(
    database: Database, practice: Practice, scope: Scope, at: Thresholds, times: int
) -> float:
    taken = []
    for _ in range(times):
        began = perf_counter()
        with database.read(scope) as db:
            rows.page(
                db,
                practice_id=practice.practice_id,
                filters=Filters(),
                at=at,
                after=None,
                limit=51,
            )
        taken.append(perf_counter() - began)
    return median(taken)


def key_check(stage: Stage, times: int) -> None:
    """An API key that was seen before: from the header to who it is and what it may."""
    practice = stage.postgres(stage.medium)
    database = open_database(practice.url, pool_size=1)
    header = f"Bearer {practice.key}"

    async def ask() -> list[float]:
        rates = Rates(credential=10**9, address=0, failures=0)
        callers = Callers(database, 60, clock.now, rates, threads)
        await callers.of(header, "127.0.0.1")
        medians = []
        for _ in range(stage.rounds):
            taken = []
            for _ in range(times):
                began = perf_counter()
                await callers.of(header, "127.0.0.1")
                taken.append(perf_counter() - began)
            medians.append(median(taken) * 1e6)
        return medians

    with ThreadPoolExecutor(1) as threads:
        found = asyncio.run(ask())
    database.dispose()
    stage.report.lines.append(Line("check of a known key, median", found, "us", _KEY_US))
