"""An issuer of tokens for tests: real keys, and a real TLS server that can be made to misbehave."""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.support.tls import Authority

HOST = "issuer.test"
Private = ECKey | RSAKey
_ALL = ("ES256", "ES384", "RS256", "RS384", "PS256", "HS256", "none")


class _Wide(jws.JWSRegistry):
    max_header_length = 8192


_REGISTRY = _Wide(algorithms=list(_ALL), strict_check_header=False)


def ec_key(kid: str, curve: Any = "P-256") -> ECKey:
    return ECKey.generate_key(curve, parameters={"kid": kid})


@cache
def rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": kid})


def public(keys: Iterable[Private]) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(key: Any, claims: Any, **header: Any) -> str:
    """A token over claims (or over a text that stands for them), as the header says."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    full = {name: value for name, value in header.items() if value is not None}
    return jws.serialize_compact(full, payload, key, registry=_REGISTRY)


@cache
def certificate() -> tuple[str, ssl.SSLContext]:
    """A certificate for the host: where it lies, and a context that trusts its authority."""
    folder = Path(tempfile.mkdtemp(prefix="twelveweeks-tls-"))
    authority = Authority(folder, "tests")
    return str(authority.certify(HOST)), ssl.create_default_context(cafile=str(authority.file))


async def to_loopback(host: str, port: int) -> list[str]:
    """The resolver of tests: every name is this machine."""
    return ["127.0.0.1"]


class Issuer:
    """Serves its key set on a port of this machine. `mode` says how, `fetches` counts."""

    def __init__(self, *keys: Private) -> None:
        self.keys = list(keys)
        self.mode = "well"
        self.body: bytes | None = None
        self.headers: dict[str, str] = {}
        self.status = 200
        self.fetches = 0
        self.hosts: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                issuer.hosts.append(self.headers["host"])
                issuer._answer(self)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, address: Any) -> None:
                pass  # clients here hang up on purpose

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate()[0])
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def allowed(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.allowed}/jwks.json"

    def _answer(self, to: BaseHTTPRequestHandler) -> None:
        if self.mode == "down":
            to.close_connection = True
            to.connection.close()
            return
        body = self.body if self.body is not None else json.dumps(public(self.keys)).encode()
        to.send_response(self.status)
        for name, value in {"content-length": str(len(body)), **self.headers}.items():
            to.send_header(name, value)
        to.end_headers()
        if self.mode == "trickle":
            for byte in body:
                to.wfile.write(bytes([byte]))
                to.wfile.flush()
                time.sleep(0.02)
        elif self.mode == "late":
            time.sleep(0.3)
            to.wfile.write(body)
        else:
            to.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Trap:
    """A listening socket of this machine that counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.close()
            if self._closing:
                return
            self.connections += 1

    def close(self) -> None:
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()
