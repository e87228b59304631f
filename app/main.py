"""Wiring: settings in, application out."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from app import __version__, api, clock
from app.clock import Clock
from app.db.engine import Database, open_database
from app.db.queries import idempotency
from app.db.queries import practices as practice_rows
from app.domain.errors import Contended
from app.edge import docs_page, logs, problem_pages, problems
from app.edge.auth import Callers
from app.edge.limits import Limits
from app.edge.metrics import Metrics
from app.edge.request_log import RequestLog
from app.edge.work import Surroundings
from app.services import practices
from app.settings import Settings

_DESCRIPTION = """
The service a headache clinic runs its botulinum toxin cycles on: who is due, since when, why,
and who has no appointment. Send `Authorization: Bearer <key>`; the key decides the practice.
"""
# How often a server looks for courses that still wait for new settings, and for old claims.
_TENDING_SECONDS = 30.0


def create_app(
    settings: Settings, *, clock: Clock = clock.now, database: Database | None = None
) -> FastAPI:
    """Return the application on the database that the settings name, or on a given one."""
    opened = database or open_database(
        settings.database_url,
        pool_size=settings.pool_size,
        busy_timeout=settings.busy_timeout_seconds,
        prepared=settings.prepared_statements,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Requests have threads of their own (`edge.work`); these look keys up and stream files.
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.pool_size
        # What start-up made lives as long as the process: no need to look through it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_tend, opened, clock, settings.idempotency_hours)
            yield
            tasks.cancel_scope.cancel()
        app.state.surroundings.threads.shutdown()
        if database is None:
            opened.dispose()

    app = FastAPI(
        title="Twelveweeks",
        version=__version__,
        description=_DESCRIPTION.strip(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.surroundings = Surroundings(
        opened, clock, Callers(opened, settings.key_cache_seconds), settings.idempotency_hours
    )
    for router in api.routers():
        app.include_router(router, prefix="/v1")
    app.include_router(api.PUBLIC)
    app.include_router(problem_pages.router)
    app.include_router(docs_page.router)
    metrics = Metrics()
    app.add_api_route(
        "/metrics", metrics.answer, response_class=PlainTextResponse, tags=["operation"]
    )
    problems.install(app)
    app.add_middleware(
        Limits,
        body=settings.max_body_bytes,
        overrides={"/v1/imports/": settings.import_max_bytes},
    )
    app.add_middleware(RequestLog, metrics=metrics)
    return app


async def _tend(database: Database, clock: Clock, idempotency_hours: int) -> None:
    """Finish what a change of settings left waiting, and drop claims past their time."""
    while True:
        await anyio.to_thread.run_sync(_tend_once, database, clock, idempotency_hours)
        await anyio.sleep(_TENDING_SECONDS)


def _tend_once(database: Database, clock: Clock, idempotency_hours: int) -> None:
    with _tried_again():
        with database.write() as db:
            idempotency.forget(db, before=clock() - timedelta(hours=idempotency_hours))
        with database.read() as db:
            waiting = practice_rows.waiting(db)
        for practice_id in waiting:
            with _tried_again():
                done = practices.PIECE
                while done:
                    with database.write() as db:
                        done = practices.recompute(db, practice_id=practice_id, now=clock())


@contextmanager
def _tried_again() -> Iterator[None]:
    """Log a failure of tending and go on: the next round tries again.

    Losing a race is none: another worker, or a request, was at the same course.
    """
    try:
        yield
    except Contended:
        return
    except Exception as failure:
        logs.failure(failure, request_id=None)


def from_environment() -> FastAPI:
    """Return the application as the environment describes it: what a server is told to load."""
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)
