"""HTTPS served directly: certificates, what is spoken, and what a start with wrong files says."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.commands import Cli, Served

Serving = Callable[..., Served]


def certify(folder: Path, name: str = "own") -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "twelveweeks test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


def use(monkeypatch: pytest.MonkeyPatch, chain: Path | None, key: Path | None) -> None:
    for name, value in (("CERTIFICATE", chain), ("KEY", key)):
        if value:
            monkeypatch.setenv(f"TWELVEWEEKS_TLS_{name}", str(value))


def test_https_is_served(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = certify(tmp_path)
    use(monkeypatch, chain, key)
    served = serving("serve")
    url = urlsplit(served.told()["url"])
    assert url.scheme == "https"
    connection = HTTPSConnection(
        url.netloc, timeout=30, context=ssl.create_default_context(cafile=str(chain))
    )
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert json.loads(answer.read()) == {"status": "ok"}
    assert answer.getheader("strict-transport-security", "").startswith("max-age=63072000")
    connection.close()

    assert url.port is not None
    spoken = {}
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=str(chain))
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", url.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
        ):
            spoken[line.version()] = (line.cipher() or ("",))[0]
    assert set(spoken) == {"TLSv1.2", "TLSv1.3"}
    assert spoken["TLSv1.2"].startswith("ECDHE-")
    assert "GCM" in spoken["TLSv1.2"] or "CHACHA20" in spoken["TLSv1.2"]

    # Who begins no handshake is held no longer than who begins no request.
    with socket.create_connection(("127.0.0.1", url.port), timeout=20) as silent:
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - began < 12
    assert served.stop() == 0


def test_a_key_of_another_certificate_is_one_line(
    bare: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, _ = certify(tmp_path)
    _, other = certify(tmp_path, "other")
    use(monkeypatch, chain, other)
    assert "TLS_KEY do not belong together" in bare("serve", "--port", "0").refused()


def test_a_certificate_that_is_not_there_is_one_line(
    bare: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = certify(tmp_path)
    chain.unlink()
    use(monkeypatch, chain, key)
    assert "TLS_KEY cannot be read" in bare("serve", "--port", "0").refused()


def test_half_of_the_files_is_one_line(
    bare: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, _ = certify(tmp_path)
    use(monkeypatch, chain, None)
    assert "set both" in bare("serve", "--port", "0").refused()
