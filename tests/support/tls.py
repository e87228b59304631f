"""Certificates made on the spot, and a server that speaks how PostgreSQL's protocol begins."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_PASSWORD_PLEASE = b"R" + struct.pack("!II", 8, 3)


class Authority:
    """An authority with its file; `certify` writes a host's certificate and key into one file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._build(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def certify(self, host: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._build(name, key).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        file = self._folder / f"{host}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(_pem(made.sign(self._key, hashes.SHA256())) + secret)
        return file

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class Listener:
    """Asks every caller for TLS and a password, and keeps what it was sent, bare and within TLS."""

    def __init__(self, lent: socket.socket, certificate: Path | None) -> None:
        self.port: int = lent.getsockname()[1]
        self.bare: list[bytes] = []
        self.within: list[bytes] = []
        self._lent, self._context = lent, None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    def serve(self) -> None:
        while True:
            try:
                caller, _ = self._lent.accept()
            except OSError:
                return
            caller.settimeout(10)
            with caller, suppress(OSError):
                self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        asked = caller.recv(4096)
        self.bare.append(asked)
        if asked != _SSL_REQUEST:
            caller.sendall(_PASSWORD_PLEASE)
            self.bare.append(caller.recv(4096))
        elif not self._context:
            caller.sendall(b"N")
            if more := caller.recv(4096):
                self.bare.append(more)
                caller.sendall(_PASSWORD_PLEASE)
                self.bare.append(caller.recv(4096))
        else:
            caller.sendall(b"S")
            with self._context.wrap_socket(caller, server_side=True) as private:
                self.within.append(private.recv(4096))
                private.sendall(_PASSWORD_PLEASE)
                self.within.append(private.recv(4096))


@contextmanager
def listening(certificate: Path | None) -> Iterator[Listener]:
    """Lend a listener on this machine; without a certificate it offers no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as lent:
        listener = Listener(lent, certificate)
        thread = threading.Thread(target=listener.serve)
        thread.start()
        try:
            yield listener
        finally:
            lent.shutdown(socket.SHUT_RDWR)
            thread.join(30)
