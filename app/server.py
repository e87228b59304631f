"""The process that listens: socket, signals, worker processes, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from app.edge.http.server_protocol import SEND_BUFFER, BoundedProtocol
from app.edge.observability import logs

# Longer than the longest request: a large import over a slow line.
_LAST_REQUEST_SECONDS = 30
# Files that are open besides connections: the database's, the log, the program's own.
_OTHER_FILES = 128
# For TLS 1.2; 1.3 has no other kind. uvicorn's own choice is of suites older than both.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_HANDSHAKE_SECONDS = 8

Listening = Callable[[str], None]


class CannotListen(OSError):
    """The address is taken, not this machine's or not allowed; or the start failed, or TLS's files
    are wrong."""


class Certificate(NamedTuple):
    """Files in PEM: the certificate with its chain, and its private key."""

    chain: Path
    key: Path


def run(
    app: Any,
    *,
    host: str,
    port: int,
    workers: int,
    log_level: str,
    listening: Listening,
    connections: int = 10_000,
    certificate: Certificate | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests in hand, and return.

    `app` is an application, or for several workers the `module:factory` that makes one in each.
    `listening` is called with the address once connections are taken. Port 0 picks a free one.
    With a certificate HTTPS is spoken. Raises `CannotListen`.
    """
    if certificate:
        _check(certificate)
    lent = _bind(host, port)
    logs.configure(log_level)
    config = Config(
        app,
        host=host,
        port=port,
        factory=isinstance(app, str),
        loop=_loop(),
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        workers=workers,
        log_config=None,
        log_level=log_level,
        access_log=False,  # the request log says it, without query strings
        server_header=False,
        proxy_headers=False,  # `edge.http.client_address` reads them
        limit_concurrency=_room_for(connections),
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
        ssl_ciphers=_CIPHERS,
        timeout_graceful_shutdown=_LAST_REQUEST_SECONDS,
    )
    # uvicorn raises the signal again when it is through; by then the end was an orderly one.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda number, frame: None)
    address = _address(lent, host, "https" if certificate else "http")
    try:
        with lent:
            if workers > 1:
                listening(address)
                Multiprocess(config, sockets=[lent]).run()
            else:
                _Announcing(config, lambda: listening(address)).run(sockets=[lent])
    except SystemExit as failed:
        # How uvicorn says that the application would not start; it has logged why.
        raise CannotListen(0, "the server did not start: its log says why", address) from failed


class _Announcing(Server):
    """Says that it serves when it does, not when it is about to."""

    def __init__(self, config: Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def _bind(host: str, port: int) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = addresses[0]
        lent = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # on Windows this would let two servers share the port
                lent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Connections have it from here.
            lent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            lent.bind(place)
            # Here, so that a second server on the port fails now and not in a worker.
            lent.listen(2048)
            lent.set_inheritable(True)
        except OSError:
            lent.close()
            raise
    except OSError as error:
        raise CannotListen(error.errno, error.strerror, f"{host}:{port}") from None
    return lent


def _check(certificate: Certificate) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*certificate)
    except OSError as error:
        cause = "do not belong together" if isinstance(error, ssl.SSLError) else "cannot be read"
        told = f"TWELVEWEEKS_TLS_CERTIFICATE and TWELVEWEEKS_TLS_KEY {cause}"
        raise CannotListen(error.errno, told) from None


def _room_for(connections: int) -> int:
    """Return for how many connections there can be open files, after asking for more of them."""
    try:
        import resource
    except ImportError:
        return connections  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else min(connections, soft - _OTHER_FILES)


def _address(lent: socket.socket, host: str, scheme: str) -> str:
    port = lent.getsockname()[1]
    named = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host)  # noqa: S104
    return f"{scheme}://{named or (f'[{host}]' if ':' in host else host)}:{port}"


def _loop() -> str:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "app.server:patient_loop"  # Windows has none
    return "app.server:quick_loop"


class _ShortHandshakes:
    """A loop whose servers wait for a TLS handshake as long as for a request, not for a minute."""

    async def create_server(self, *given: Any, **named: Any) -> Any:
        if named.get("ssl"):
            named["ssl_handshake_timeout"] = _HANDSHAKE_SECONDS
        return await super().create_server(*given, **named)  # type: ignore[misc]


def quick_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop of uvloop: what a server is told to run on."""
    import uvloop

    made: asyncio.AbstractEventLoop = type("QuickLoop", (_ShortHandshakes, uvloop.Loop), {})()
    return made


def patient_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop of the standard library, where there is no uvloop."""
    own = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)
    made: asyncio.AbstractEventLoop = type("PatientLoop", (_ShortHandshakes, own), {})()
    return made
