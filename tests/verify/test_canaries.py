"""T-26: what is sent about patients is in the database and in answers, and nowhere else."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from tests.support.clinic import a_clinic
from tests.support.issuer import ec_key, public, signed
from tests.support.seeded import BODIES, HEADINGS, Seeded, operations, seed
from tests.support.serving import Client, Reply, command, environment

pytestmark = pytest.mark.verify

_MARK = re.compile(r"[Zz]qx[0-9]{4}c")


class Canaries:
    """Strings that stand nowhere else; what patients are called goes by the same name."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.sown = 0

    def __call__(self) -> str:
        self.sown += 1
        return f"Zqx{next(self._numbers):04}c"

    def salted(self, value: Any, name: str = "") -> Any:
        """The body with a canary in each text that may say anything."""
        if isinstance(value, dict):
            return {key: self.salted(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.salted(inner, name) for inner in value]
        return self() if isinstance(value, str) and name in FREE else value


# Fields of text that a person writes, wherever they stand.
FREE = frozenset({"mrn", "family_name", "given_name", "name", "reason", "product", "value", "q"})
FURTHER = {
    "patients": ("phone", "email", "notes", "preferred_name"),
    "sessions": ("notes", "note", "lot", "early_reason", "product"),
    "courses": ("notes", "indication_text", "stop_reason"),
    "outside-sessions": ("notes", "note", "by", "product", "given_by"),
    "closures": ("reason",),
    "locations": ("address", "phone"),
    "clients": ("jwks_url",),
    "issuers": ("url", "audience", "jwks_url", "subject", "fhir_user"),
}
URL = "https://twelveweeks.example.org"


class Running:
    """A server in a process of its own, whatever it says and leaves behind."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        self.environment = environment(url) | {
            "TWELVEWEEKS_LOG_LEVEL": "debug",
            "TMPDIR": str(folder / "tmp"),
            "TWELVEWEEKS_PUBLIC_URL": URL,
            "TWELVEWEEKS_MAX_BODY_BYTES": "200000",
        }
        self._out = (folder / "out").open("wb")
        self._err = (folder / "err").open("wb")
        self._process = subprocess.Popen(
            command("serve", "--port", "0", "--json"),
            env=self.environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=self._err,
        )
        assert self._process.stdout
        said = b""
        while not said.strip().endswith(b"}"):
            line = self._process.stdout.readline()
            assert line, (folder / "err").read_text()
            said += line
        self._out.write(said)
        self.port = int(json.loads(said)["url"].rpartition(":")[2])

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.stdout
        self._out.write(self._process.stdout.read())
        self._process.wait(30)
        self._process.stdout.close()
        self._out.close()
        self._err.close()

    def files(self) -> dict[str, str]:
        """What stands in whatever files there are."""
        return {
            file.name: file.read_bytes().decode("latin-1")
            for file in self.folder.rglob("*")
            if file.is_file()
        }

    def hits(self) -> list[tuple[str, str]]:
        """Where a canary stands."""
        return [(name, hit) for name, told in self.files().items() for hit in _MARK.findall(told)]

    def run(self, *arguments: str) -> tuple[str, str]:
        """What a command says."""
        done = subprocess.run(
            command(*arguments),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout, done.stderr


@pytest.fixture
def seeded(database: Database) -> Iterator[Seeded]:
    with a_clinic(database) as clinic:
        yield seed(clinic)


@pytest.fixture
def running(seeded: Seeded, database_url: str, tmp_path: Path) -> Iterator[Running]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = Running(database_url, folder)
    yield made
    if made._process.poll() is None:
        made.stop()


def refused_without(reply: Reply, what: str) -> None:
    """A refusal says nothing of what was sent."""
    told = reply.body.decode() + repr(reply.headers)
    assert reply.status < 400 or not _MARK.search(told), (what, reply.status, told)


def every_route(seeded: Seeded, client: Client, sow: Canaries) -> set[int]:
    """Each operation with canaries in all it takes, rightly and wrongly."""
    statuses = set()
    for method, path, _ in operations(seeded.clinic):
        name, at = f"{method} {path}", seeded.address(path)
        tag = {"if_match": "*"} if method == "PATCH" else {}
        tried: list[tuple[str, Any, dict[str, str]]] = [
            (f"{at}?{sow()}={sow()}", None, tag),
            (f"{at}?cursor={sow()}", None, tag),
            (re.sub(r"[0-9a-f-]{36}", sow(), at), None, tag),
            (at, None, tag | {"if_match": f'"{sow()}"', "break_glass": sow()}),
            (at, None, {"authorization": f"Bearer {sow()}", "user_agent": sow()}),
        ]
        if name in BODIES:
            body = sow.salted(seeded.body(name))
            kind = path.split("/")[2]
            kind = "sessions" if path.endswith("/sessions") else kind
            more = {field: sow() for field in FURTHER.get(kind, ())}
            tried += [
                (at, body, tag),
                (at, body, tag | {"idempotency_key": sow()}),
                *((at, body | {field: value}, tag) for field, value in more.items()),
                (at, body | {sow(): sow()}, tag),
                (at, {key: {sow(): sow()} for key in body}, tag),
                (at, [sow()], tag),
                (at, {key: sow() * 400 for key in body}, tag),
                (at, body | {"big": sow() * 40_000}, tag),
            ]
        for where, sent, headers in tried:
            reply = client.call(method, where, sent, **headers)
            statuses.add(reply.status)
            refused_without(reply, name)
    return statuses


def raw(port: int, sent: bytes) -> str:
    """Send bytes as they are; whatever comes back, to the end.

    The line stays open both ways: a server need not answer a client that has hung up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(sent)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer.decode("latin-1")


def strange_requests(port: int, key: str, sow: Canaries) -> None:
    """No route, no method, no JSON, no HTTP: each is answered, with a status of its own."""
    head = f"Host: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
    broken = f'{{"mrn": "{sow()}", "family_name": "{sow()}'
    typed = f"POST /v1/patients HTTP/1.1\r\n{head}Content-Type: "
    size = len(broken)
    for status, sent in (
        (404, f"GET /{sow()}/{sow()}?{sow()}={sow()} HTTP/1.1\r\n{head}\r\n"),
        (400, f"{sow()} /v1/patients/{sow()} HTTP/1.1\r\n{head}\r\n"),
        (405, f"DELETE /v1/patients/{sow()} HTTP/1.1\r\n{head}\r\n"),
        (400, f"{sow()}\x00{sow()}\r\n\r\n"),
        (400, f"GET /v1/me HTTP/1.1\r\n{sow()}\r\n: {sow()}\r\n\r\n"),
        (400, f"{typed}application/json\r\nContent-Length: {size}\r\n\r\n{broken}"),
        (415, f"{typed}{sow()}/{sow()}\r\nContent-Length: {size}\r\n\r\n{broken}"),
        (408, f"{typed}application/json\r\nContent-Length: 999\r\n\r\n{broken}"),
        (400, f"{typed}application/json\r\nTransfer-Encoding: {sow()}\r\n\r\n{broken}"),
    ):
        answer = raw(port, sent.encode())
        assert answer.startswith(f"HTTP/1.1 {status} "), (sent, answer)
        assert not _MARK.search(answer), (sent, answer)


def strange_tokens(port: int, client_id: str, sow: Canaries) -> list[str]:
    """Tokens that nobody believes, as assertions and as credentials; what they were."""
    stranger = ec_key("c1", "P-384")
    made: list[str] = []
    head = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    form_head = f"{head}Content-Type: application/x-www-form-urlencoded\r\n"
    for issuer in (client_id, URL, sow()):
        claims: dict[str, Any] = {
            name: sow() for name in ("sub", "jti", "scope", "practice", "fhirUser", sow())
        }
        claims |= {"iss": issuer, "aud": [f"{URL}/oauth/token", URL, sow()]}
        for named in ({"kid": "c1", "typ": "at+jwt"}, {"kid": sow(), "typ": sow(), sow(): sow()}):
            made.append(signed(stranger, claims | {"exp": 2**31}, alg="ES384", **named))
    for token in made:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": token,
            "scope": sow(),
            "client_id": sow(),
        }
        odd = form | {"client_assertion": f"{sow()}.{sow()}.{sow()}", sow(): sow()}
        for fields, status in ((form, 401), (odd, 401), (form | {"grant_type": sow()}, 400)):
            body = urlencode(fields)
            sent = f"POST /oauth/token {form_head}Content-Length: {len(body)}\r\n\r\n{body}"
            answer = raw(port, sent.encode())
            assert answer.startswith(f"HTTP/1.1 {status} "), answer
            assert not _MARK.search(answer), answer
        sent = f"GET /v1/me {head}Authorization: Bearer {token}\r\n\r\n"
        answer = raw(port, sent.encode())
        assert answer.startswith("HTTP/1.1 401 "), answer
        assert not _MARK.search(answer), answer
    return made


# A rule that the program knows nothing of: its failure is a fault of the server's, and the
# database's own message quotes the row (PostgreSQL) or says what it likes (SQLite).
RULES = {
    "postgresql": ["ALTER TABLE patient ADD CONSTRAINT odd CHECK (phone IS NULL) NOT VALID"],
    "sqlite": [
        "CREATE TRIGGER odd BEFORE INSERT ON patient WHEN NEW.phone IS NOT NULL "
        "BEGIN SELECT RAISE(ABORT, 'odd'); END",
        "CREATE TRIGGER odder BEFORE UPDATE ON patient WHEN NEW.phone IS NOT NULL "
        "BEGIN SELECT NEW.family_name -> '$['; END",
    ],
}
UNDO = {
    "postgresql": ["ALTER TABLE patient DROP CONSTRAINT odd"],
    "sqlite": ["DROP TRIGGER odd", "DROP TRIGGER odder"],
}


def as_owner(database: Database, statements: list[str]) -> None:
    with database.write(OWNER) as db:
        for sql in statements:
            db.execute(text(sql))


def test_two_hundred_canaries_are_found_nowhere(
    seeded: Seeded, running: Running, database: Database, tmp_path: Path
) -> None:
    sow, clinic = Canaries(), seeded.clinic
    client = Client(running.port, clinic.key)
    statuses = every_route(seeded, client, sow)
    assert {200, 201, 404, 409, 413, 422} <= statuses
    strange_requests(running.port, clinic.key, sow)
    theirs = public([ec_key("c1", "P-384")])
    made = clinic.post("/clients", {"name": "x", "jwks": theirs, "scopes": ["practice:read"]})
    told_nobody = strange_tokens(running.port, made["id"], sow)

    as_owner(database, RULES[database.dialect])
    try:
        for method, path in (("POST", "/patients"), ("PATCH", seeded.address("/v1/patients/{id}"))):
            body = sow.salted({"family_name": "x", "given_name": "x"}) | {"phone": sow()}
            if method == "POST":
                body |= {"mrn": sow(), "birth_date": "1980-05-17"}
            tag = {"if_match": "*"} if method == "PATCH" else {}
            reply = client.call(method, path, body, **tag)
            assert reply.status == 500, reply.body
            refused_without(reply, path)
    finally:
        as_owner(database, UNDO[database.dialect])

    rows = [f"{sow()},{sow()},{sow()},12/15/1977,{sow()},{sow()},G43.719,9/18/2025,155"]
    rows += [f"{sow()},{sow()},{sow()},{sow()},{sow()},{sow()},{sow()},{sow()},{sow()}"]
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("\n".join([HEADINGS, *rows]) + "\n", encoding="utf-8")
    by_command(running, clinic.practice_id, sheet)

    client.close()
    client = Client(running.port, clinic.key)  # the first one was idle for too long
    found = client.call("GET", "/patients?limit=200")
    shown = set(_MARK.findall(found.body.decode()))
    # What must not be found elsewhere is there indeed, for those who may.
    assert len(shown) > 5
    client._connection.request("GET", "/metrics")
    metrics = client._connection.getresponse().read().decode()
    assert "twelveweeks_requests" in metrics
    assert not _MARK.search(metrics)
    client.close()
    running.stop()
    logged = (running.folder / "err").read_text()
    assert logged.count('"event": "request"') > 300
    assert '"event": "failure"' in logged
    assert running.hits() == []
    parts = [part for token in told_nobody for part in token.split(".")[1:]]
    assert not [part for part in parts if part in "".join(running.files().values())]
    assert sow.sown >= 200
    print(f"{sow.sown} canaries, {logged.count(chr(10))} lines of log, 0 hits")


def by_command(running: Running, practice_id: str, sheet: Path) -> None:
    """Commands: those that answer with records do so on stdout, and say nothing else of them."""
    of = ("--practice", practice_id)
    for arguments in (
        ("import", "history", str(sheet), *of, "--dry-run"),
        ("import", "history", str(sheet), *of),
        ("import", "history", str(sheet), *of, "--json"),
        ("db", "check"),
        ("db", "upgrade"),
        ("due", *of, "--status", "Zqx0000c"),
        ("import", "history", str(sheet.with_name("Zqx0000d.csv")), *of),
    ):
        out, err = running.run(*arguments)
        told = (out + err).replace("Zqx0000c", "")
        assert not _MARK.search(told), (arguments, told)
    for asked in (("due", *of), ("practice", "list"), ("keys", "list", *of)):
        out, err = running.run(*asked)
        assert out
        assert not _MARK.search(err), (asked, err)


def test_a_migration_that_fails_tells_no_row(
    seeded: Seeded, running: Running, database: Database, tmp_path: Path
) -> None:
    """Its transaction is undone, and its error says which rule and not which patient."""
    sow = Canaries()
    seeded.clinic.a_patient(family_name=sow(), mrn=sow(), phone=sow())
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    (folder / "HEAD").write_text("9999\n", encoding="utf-8")
    (folder / "versions" / "9999_broken.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', {migrate.head()!r}\n"
        "branch_labels = depends_on = None\n\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('patient') as table:\n"
        "        table.create_check_constraint('odd', 'phone IS NULL')\n",
        encoding="utf-8",
    )
    script = (
        "import pathlib, sys\n"
        "from app.db.maintenance import migrate\n"
        "migrate.FOLDER = pathlib.Path(sys.argv.pop(1))\n"
        "from app.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), "db", "upgrade"],
        env=running.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "IntegrityError" in done.stderr
    assert not _MARK.search(done.stdout + done.stderr), done.stderr[-2000:]
