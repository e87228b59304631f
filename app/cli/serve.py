"""`twelveweeks serve`: the REST interface."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli import context, printing
from app.cli.context import Json, Unusable
from app.db.maintenance import checks
from app.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on. [TWELVEWEEKS_HOST]")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port; 0 picks a free one. [TWELVEWEEKS_PORT]"),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Server processes. [TWELVEWEEKS_WORKERS]"),
]


def serve(
    host: Host = None, port: Port = None, workers: Workers = None, as_json: Json = False
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish the requests in hand.

    A database file is made and brought up to date; a PostgreSQL one must be so already
    (`twelveweeks db upgrade`).
    """
    chosen = context.settings()
    given = {"host": host, "port": port, "workers": workers}
    chosen = chosen.model_copy(update={k: v for k, v in given.items() if v is not None})
    prepare(chosen)

    def listening(address: str) -> None:
        answer = {"url": address, "docs": f"{address}/docs"}
        printing.emit(answer, as_json, lambda: printing.tell(f"serving {address}, pages at /docs"))
        if unreachable(chosen):
            printing.tell(
                "other machines are refused without HTTPS: see TWELVEWEEKS_TLS_CERTIFICATE, "
                "TWELVEWEEKS_TRUSTED_PROXIES and TWELVEWEEKS_PLAIN_HTTP"
            )

    listen(chosen, listening)


def unreachable(chosen: Settings) -> bool:
    """Return whether it listens to other machines and has no way to answer them."""
    here = chosen.host in ("127.0.0.1", "::1", "localhost")
    private = chosen.tls_certificate or chosen.trusted_proxies or chosen.plain_http == "allow"
    return not here and not private


def prepare(chosen: Settings) -> None:
    """Make the database ready to be served; `Unusable` when someone has to do something first."""
    database = context.opened(chosen)
    try:
        embedded = context.file_of(database) is not None
        if not embedded:
            context.check_migrated(database)
            for warning in checks.warnings(database):
                printing.tell(f"warning: {warning}")
    finally:
        database.dispose()
    if embedded:
        if chosen.workers > 1:
            raise Unusable("SQLite is served by one worker; use PostgreSQL for more")
        context.upgrade(chosen)
        context.warn_plain(chosen)


def listen(chosen: Settings, listening: Any) -> None:
    """Serve with these settings; returns after an orderly end."""
    # Half a second to load, which no other command should wait for.
    from app import server
    from app.main import create_app

    app = create_app(chosen) if chosen.workers == 1 else "app.main:from_environment"
    server.run(
        app,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        log_level=chosen.log_level,
        listening=listening,
        connections=chosen.most_connections,
        certificate=server.Certificate(chosen.tls_certificate, chosen.tls_key)
        if chosen.tls_certificate and chosen.tls_key
        else None,
    )
