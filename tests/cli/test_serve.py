"""A server of its own process: it listens, answers from any folder, and ends in order."""

import http.client
import json
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app import server
from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from tests.support import databases
from tests.support.commands import COMMAND, Cli, Ran, Served

Serving = Callable[..., Served]


def ask(url: str, method: str = "GET", path: str = "/healthz", **named: Any) -> tuple[int, Any]:
    key, body = named.get("key"), named.get("body")
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    read = json.loads(answer.read())
    connection.close()
    return answer.status, read


def opened(folder: Path, name: str) -> Database:
    """A database that a command made, with the key that it made."""
    keyring = databases.keyring_of(folder / "config")
    return open_database(f"sqlite:///{folder}/data/twelveweeks/{name}", keyring=keyring)


def test_serve_starts_empty_and_stops_in_order(serving: Serving, tmp_path: Path) -> None:
    served = serving("serve")
    told = served.told()
    assert told["docs"] == f"{told['url']}/docs"
    assert ask(told["url"]) == (200, {"status": "ok"})
    assert ask(told["url"], path="/readyz")[0] == 200
    assert served.stop() == 0
    assert "Traceback" not in served.log
    database = opened(tmp_path, "twelveweeks.db")
    with database.read(OWNER) as db:
        assert db.exec_driver_sql("SELECT count(*) FROM practice").scalar_one() == 0
    database.dispose()


def test_the_demo_is_served_with_its_key_at_once(serving: Serving) -> None:
    served = serving("demo", "--serve")
    told = served.told()
    status, list_ = ask(told["url"], path="/v1/worklist?status=overdue", key=told["key"])
    assert status == 200
    assert len(list_["items"]) > 3
    assert served.stop(signal.SIGINT) == 0

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = serving("demo", "--serve")
    assert again.told()["key"] == told["key"]
    assert again.stop() == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # About one second of work, three without compiled files; the clock itself would also
    # measure what else the machine does.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


def test_a_request_in_hand_is_finished_before_the_end(serving: Serving, tmp_path: Path) -> None:
    served = serving("demo", "--serve")
    told = served.told()
    patient = {
        "mrn": "LATE-1",
        "family_name": "Lastminute",
        "given_name": "Demo",
        "birth_date": "1980-01-01",
    }
    answers: list[tuple[int, Any]] = []
    other = opened(tmp_path, "demo.db")
    with other.write(OWNER):
        request = threading.Thread(
            target=lambda: answers.append(
                ask(told["url"], "POST", "/v1/patients", key=told["key"], body=patient)
            )
        )
        request.start()
        time.sleep(0.5)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert served.process.poll() is None, "it waits for the request"
    request.join(20)
    assert answers[0][0] == 201
    assert served.ended() == 0
    with other.read(OWNER) as db:
        saved = db.exec_driver_sql("SELECT count(*) FROM patient WHERE mrn = 'LATE-1'")
        assert saved.scalar_one() == 1
    other.dispose()


def test_several_workers_on_postgresql(
    serving: Serving, postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.engine.url.set(drivername="postgresql").render_as_string(False)
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", url)
    served = serving("serve", "--workers", "2")
    told = served.told()
    assert ask(told["url"], path="/readyz")[0] == 200
    assert served.stop() == 0
    assert "warning: PostgreSQL runs with fsync off" in served.log
    assert "Traceback" not in served.log


def test_sqlite_has_one_worker(bare: Cli) -> None:
    assert "one worker" in bare("serve", "--workers", "2").refused()


def refused(*arguments: str) -> str:
    # In a process of its own: making the application turns this one's logs into a server's.
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr).refused()


def test_a_taken_port_is_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in refused("serve", "--port", port)


def test_an_address_of_nobody_is_one_line(home: Path) -> None:
    assert "192.0.2.1" in refused("serve", "--host", "192.0.2.1", "--port", "0")
    assert "no such host" in refused("serve", "--host", "no such host")


@pytest.mark.parametrize(
    ("host", "values", "told"),
    [
        ("0.0.0.0", {}, True),
        ("0.0.0.0", {"PLAIN_HTTP": "allow"}, False),
        ("0.0.0.0", {"TRUSTED_PROXIES": "10.0.0.0/8"}, False),
        ("127.0.0.1", {}, False),
    ],
)
def test_a_server_that_can_answer_nobody_says_so(
    serving: Serving,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    values: dict[str, str],
    told: bool,
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TWELVEWEEKS_{name}", value)
    served = serving("serve", "--host", host)
    assert ask(served.told()["url"]) == (200, {"status": "ok"})
    assert served.stop() == 0
    assert ("TWELVEWEEKS_TLS_CERTIFICATE" in served.log) is told


@pytest.mark.parametrize("folder", ["/", "home"])
def test_the_command_works_from_any_folder(home: Path, folder: str) -> None:
    done = subprocess.run(
        [COMMAND, "db", "upgrade", "--json"],
        cwd=home if folder == "home" else folder,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["revision"]


def test_a_start_that_fails_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(scope: object, receive: object, send: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.edge.observability.logs.configure", lambda level: None)
    # What the signals meant before, for the rest of the tests.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    told: list[str] = []
    with pytest.raises(server.CannotListen, match="did not start"):
        server.run(
            fails, host="127.0.0.1", port=0, workers=1, log_level="error", listening=told.append
        )
    assert told == []
