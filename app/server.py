"""The process that listens: socket, signals, worker processes, and an orderly end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from app.edge import logs
from app.edge.slow import BoundedProtocol

# Longer than the longest request: a large import over a slow line.
_LAST_REQUEST_SECONDS = 30

Listening = Callable[[str], None]


class CannotListen(OSError):
    """The address is taken, not this machine's or not allowed; or the start failed."""


def run(
    app: Any, *, host: str, port: int, workers: int, log_level: str, listening: Listening
) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests in hand, and return.

    `app` is an application, or for several workers the `module:factory` that makes one in each.
    `listening` is called with the address once connections are taken. Port 0 picks a free one.
    Raises `CannotListen`.
    """
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
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_REQUEST_SECONDS,
    )
    # uvicorn raises the signal again when it is through; by then the end was an orderly one.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda number, frame: None)
    address = _address(lent, host)
    try:
        with lent:
            if workers > 1:
                listening(address)
                Multiprocess(config, sockets=[lent]).run()
            else:
                _Announcing(config, lambda: listening(address)).run(sockets=[lent])
    except SystemExit as failed:
        # How uvicorn says that the application would not start; it has logged why.
        raise CannotListen(0, "the server did not start, its log says why", address) from failed


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
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        lent = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # on Windows this would let two servers share the port
                lent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def _address(lent: socket.socket, host: str) -> str:
    port = lent.getsockname()[1]
    named = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host)  # noqa: S104
    return f"http://{named or (f'[{host}]' if ':' in host else host)}:{port}"


def _loop() -> Any:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"  # Windows has none
    return "uvloop"
