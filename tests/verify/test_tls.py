"""A real PostgreSQL with TLS: the right authority gets in, every other is refused."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database, DatabaseAway, open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import checks
from tests.support.postgres import Postgres, binaries_with_tls, temporary_folder
from tests.support.skips import UNCHECKED
from tests.support.tls import Authority

pytestmark = pytest.mark.verify

HOST = "db.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def port(authority: Authority) -> Iterator[int]:
    """Where a PostgreSQL listens that takes only callers with TLS."""
    programs = binaries_with_tls()
    if programs is None:
        pytest.skip(f"{UNCHECKED}: no PostgreSQL with TLS; install one or set PG_BIN")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    folder = temporary_folder("twelveweeks-tls-")
    identity = folder / "identity.pem"
    server = Postgres(
        folder,
        programs=programs,
        settings=(
            "listen_addresses=127.0.0.1",
            f"port={port}",
            "ssl=on",
            f"ssl_cert_file={identity}",
            f"ssl_key_file={identity}",
            f"hba_file={folder / 'hba'}",
        ),
    ).create()
    shutil.copy(authority.certify(HOST), identity)
    (folder / "hba").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
    (folder / "hba").chmod(0o644)
    owner = (folder / "data").stat()
    os.chown(identity, owner.st_uid, owner.st_gid)
    identity.chmod(0o600)
    try:
        server.start()
        yield port
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def reached(port: int, more: str) -> Iterator[Database]:
    database = open_database(
        f"postgresql://postgres@:{port}/postgres?host={HOST}&hostaddr=127.0.0.1{more}"
    )
    yield database
    database.dispose()


def test_only_a_server_that_proved_itself_is_used(
    port: int, authority: Authority, tmp_path: Path
) -> None:
    with reached(port, f"&sslrootcert={authority.file}") as private:
        with private.read(OWNER) as db:
            used = db.execute(
                text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            ).one()
        assert used.ssl
        assert used.version in ("TLSv1.2", "TLSv1.3")
        assert not any("sslmode" in told for told in checks.warnings(private))
    stranger = Authority(tmp_path, "stranger")
    for more, why in (
        ("", "not signed by an authority"),
        (f"&sslrootcert={stranger.file}", "not signed by an authority"),
        (f"&sslrootcert={tmp_path / 'nothing.pem'}", "authorities cannot be read"),
    ):
        with (
            reached(port, more) as refused,
            pytest.raises(DatabaseAway, match=why),
            refused.read(OWNER),
        ):
            pass
    with reached(port, "&sslmode=require") as exposed:
        assert any("sslmode=require" in told for told in checks.warnings(exposed))
