"""Wiring: settings in, application out."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from app import __version__, api, clock
from app.api.access.token_endpoint import TokenEndpoint
from app.clock import Clock
from app.db.engine.engine import LOOK_UPS, Database, open_database
from app.db.keys.keyring import Keyring
from app.edge import docs_page
from app.edge.auth.auth import Callers
from app.edge.auth.bearers import Bearers
from app.edge.auth.jwks import KeySets
from app.edge.auth.outgoing import Outgoing
from app.edge.auth.own_tokens import OwnTokens
from app.edge.http.client_address import Peers
from app.edge.http.concurrency import ConcurrencyLimit
from app.edge.http.gate import Gate
from app.edge.http.limits import Limits
from app.edge.http.rates import Rates
from app.edge.http.request_log import RequestLog
from app.edge.observability import logs
from app.edge.observability.metrics import Metrics
from app.edge.observability.readiness import Readiness
from app.edge.problems import problem_pages, problems
from app.edge.requests.audit_log import AuditLog
from app.edge.requests.request_context import AppContext
from app.jobs import maintenance
from app.jobs.maintenance import Maintenance
from app.settings import Settings

_DESCRIPTION = """
The service a headache clinic runs its botulinum toxin cycles on: who is due, since when, why,
and who has no appointment. Send `Authorization: Bearer` with an API key or a token, which decides
the practice.
"""
_CORS_TAKEN = (
    "Authorization",
    "Break-Glass",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
)
_CORS_SHOWN = ("ETag", "Location", "Link", "Retry-After", "X-Request-ID", "Idempotency-Replayed")


def create_app(
    settings: Settings,
    *,
    clock: Clock = clock.now,
    database: Database | None = None,
    outgoing: Outgoing | None = None,
) -> FastAPI:
    """Return the application on the database that the settings name, or on a given one."""
    keyring = Keyring.chosen(settings.key_file, settings.master_key)
    opened = database or open_database(
        settings.database_url,
        pool_size=settings.pool_size,
        busy_timeout=settings.busy_timeout_seconds,
        prepared=settings.prepared_statements,
        keyring=keyring,
        encrypt=settings.encryption,
    )

    log = AuditLog(opened)
    rates = Rates(
        credential=settings.rate_per_key,
        address=settings.rate_per_address,
        failures=settings.failures_per_address,
    )
    key_sets = KeySets(outgoing or Outgoing(settings.allowed_hosts))
    # Threads of their own, on connections that no request waits for: a known caller does not wait
    # for the look-up of unknown ones.
    look_ups = ThreadPoolExecutor(LOOK_UPS, "look-up")
    url = settings.public_url
    own = OwnTokens(opened, keyring, url, clock, look_ups) if url else None
    bearers = Bearers(opened, key_sets, own, look_ups)
    callers = Callers(opened, settings.key_cache_seconds, clock, rates, look_ups, bearers.caller)

    maintained = Maintenance(
        opened,
        clock,
        claims_kept=timedelta(hours=settings.idempotency_hours),
        take_used=callers.take_used,
        sealed=_log_seal,
        failed=logs.failure,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # What start-up made lives as long as the process: no need to look through it again.
        gc.collect()
        gc.freeze()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(maintenance.run, maintained)
            yield
            tasks.cancel_scope.cancel()
        app.state.app_context.threads.shutdown()
        look_ups.shutdown()
        log.close()
        if database is None:
            opened.dispose()

    app = FastAPI(
        title="Twelveweeks",
        version=__version__,
        description=_DESCRIPTION.strip(),
        lifespan=lifespan,
        # As they are: an included router builds each of its routes a second time.
        routes=[*api.routes(), *problem_pages.router.routes, *docs_page.router.routes],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.app_context = AppContext(
        opened,
        clock,
        callers,
        log,
        settings.idempotency_hours,
        ConcurrencyLimit(settings.most_waiting),
        settings.public_url,
        settings.allowed_hosts,
    )
    app.state.readiness = Readiness(opened)
    app.state.token_endpoint = own and TokenEndpoint(app.state.app_context, own, key_sets, rates)
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
    app.add_middleware(
        Gate,
        rates=rates,
        plain=settings.plain_http == "allow",
        metrics_from=settings.metrics_from,
    )
    if settings.cors_origins:
        # Outside the gate, so that a page's script can read why it is turned away.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PATCH"),
            allow_headers=_CORS_TAKEN,
            expose_headers=_CORS_SHOWN,
        )
    app.add_middleware(RequestLog, metrics=metrics, peers=Peers(settings.trusted_proxies))
    return app


def _log_seal(practice_id: str, seal: str) -> None:
    """Log a seal: where the log goes, it is out of reach of whoever reaches the database."""
    logs.info("sealed", practice_id=practice_id, seal=seal)


def from_environment() -> FastAPI:
    """Return the application as the environment describes it: what a server is told to load."""
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)
