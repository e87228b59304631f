"""T-33: what is used of others is known, allowed, and the very thing that was looked at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion

from app.edge import docs_page
from requirements import licences

ROOT = Path(__file__).resolve().parents[2]

# Files that browsers run, and no lock holds: fastapi-offline fetches them when it is built.
LOOKED_AT = {
    "swagger-ui-bundle.js": "4b5a9b35a1adf37f00d39c0bae23cdb37007e2946240ef035137cc85b4d55349",
    "swagger-ui.css": "ca238f7d7c2cf4480c1e77a9c3b9da915ab216e96ffd354e69076560c650c6de",
    "favicon.png": "d16f72cf5a2773eba499cc7f3db1923c6f5f73de990f739e3a05806aafec15b7",
}
# Where packages are fetched from is the machine's affair.
ADDRESS = re.compile(
    r"https?://[^\s\"'`)]*(?:pypi|pythonhosted|npmjs|registry|artifactory|/simple)"
)


def test_the_files_served_to_browsers_are_those_looked_at() -> None:
    served = {name: sha256(docs_page._asset(name)).hexdigest() for name in docs_page._ASSETS}
    assert served == LOOKED_AT


def test_every_licence_in_use_is_allowed() -> None:
    absent, refused = set(), {}
    for name in licences.pins():
        try:
            licence = licences.of(name)
        except metadata.PackageNotFoundError:
            absent.add(name)
            continue
        if not licences.allows(licence):
            refused[name] = licence
    assert refused == {}
    # Of other platforms only.
    assert len(absent) < 5, absent


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("Apache-2.0 AND BSD-2-Clause", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("", False),
        (None, False),
    ],
)
def test_a_licence_is_allowed_by_one_of_its_choices(expression: str | None, allowed: bool) -> None:
    assert licences.allows(expression) is allowed


def test_the_bill_of_materials_holds_the_lock_and_nothing_else(tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = run("sbom", str(tmp_path / f"{name}.json"))
        assert done.returncode == 0, done.stderr
    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert str(ROOT) not in text
    # Imported here: it builds forty grammars, which every worker would wait for.
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    held: dict[str, set[str]] = {}
    for component in bill["components"]:
        held.setdefault(component["name"], set()).add(component["version"])
        [source] = component["externalReferences"]
        assert {digest["alg"] for digest in source["hashes"]} == {"SHA-256"}
    assert held == licences.pins()
    assert sum("licenses" in component for component in bill["components"]) > len(held) - 5


def test_no_file_names_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a checkout")
    naming = [
        name
        for name in listed.stdout.splitlines()
        if ADDRESS.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert naming == []


# --- the audit says what it was told, and silence is no good news ---------------------------------


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "requirements" / f"{script}.py", *arguments],
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
    )


class Advisories(BaseHTTPRequestHandler):
    """A service that knows one thing, about one package; nothing about `silent` ones."""

    vulnerable = silent = ""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["package"]
        body: dict[str, Any] = {}
        if asked["name"] == self.vulnerable:
            mended = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999.1"}]}
            body = {
                "vulns": [{"id": "OSV-1", "affected": [{"package": asked, "ranges": [mended]}]}]
            }
        self.send_response(500 if asked["name"] == self.silent else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def service(**about: str) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("_", (Advisories,), about)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def test_what_nobody_knows_about_is_good_news() -> None:
    with service() as url:
        done = run("audit", "osv", PIP_AUDIT_OSV_URL=url)
    assert done.returncode == 0, done.stderr
    told = re.fullmatch(r"nothing known about (\d+) packages, says osv\n", done.stdout)
    assert told
    assert int(told[1]) > 100


def test_a_known_vulnerability_is_named() -> None:
    with service(vulnerable="starlette") as url:
        done = run("audit", "osv", PIP_AUDIT_OSV_URL=url)
    assert done.returncode == 1
    assert re.search(r"^starlette \S+: OSV-1, mended in 999\.1$", done.stderr, re.MULTILINE)
    assert "KNOWN VULNERABILITIES" in done.stderr


def test_silence_about_one_package_is_not_good_news() -> None:
    with service(silent="starlette") as url:
        done = run("audit", "osv", PIP_AUDIT_OSV_URL=url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "NOT AUDITED" in done.stderr


def test_nobody_to_ask_is_not_good_news() -> None:
    done = run("audit", "osv", PIP_AUDIT_OSV_URL="http://127.0.0.1:9/v1/query")
    assert (done.returncode, done.stdout) == (2, "")
    assert "NOT AUDITED" in done.stderr
