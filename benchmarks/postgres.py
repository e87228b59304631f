"""A PostgreSQL server of the benchmark's own: durable, with memory for a large database."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psycopg

from tests.support import postgres

# fsync and synchronous_commit stay on, as in production.
_SETTINGS = (
    "listen_addresses=",
    "max_connections=100",
    "shared_buffers=512MB",
    "maintenance_work_mem=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "log_min_messages=fatal",
)


class Server(postgres.Postgres):
    """One durable server in a folder; its data stay there between runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=True)

    def start(self) -> Server:
        """Start, and return once connections are taken."""
        if self.pid is not None and _alive(self.pid):
            return self
        command = [str(self._program("postgres")), "-D", str(self._data)]
        for setting in (*_SETTINGS, f"unix_socket_directories={self.folder}"):
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._drop,
            )
        postgres._started[server.pid] = server
        while server.poll() is None:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8", errors="replace"))

    def has(self, name: str) -> bool:
        with psycopg.connect(self.url("postgres")) as db:
            asked = "SELECT 1 FROM pg_database WHERE datname = %s"
            return db.execute(asked, (name,)).fetchone() is not None

    def version(self) -> str:
        with psycopg.connect(self.url("postgres")) as db:
            number = db.info.server_version
        return f"{number // 10000}.{number % 10000}"


def server(folder: Path) -> Server:
    """Return the started server of that folder, laid out when there is none yet."""
    found = Server(folder)
    if not (folder / "data" / "PG_VERSION").exists():
        found.create()
    return found.start()


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
