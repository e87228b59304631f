"""Contracts and house checks that see what they are for: forbidden lines, planted one at a time.

The lines are added to a copy of `app`, and judged by the contracts of `pyproject.toml` themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import house
from tests.support.house import ROOT, Source

LAYERS = "Every layer imports only those below it, and no surface another"
NO_EDGE = "Jobs and the command line skip the edge"
FACTS = "Services take the shipped facts from surfaces and queries"
SETTINGS = "Settings are read by main and cli only"
CLOCK = "The clock is read by edge, jobs and cli only, and lent by main"
API = "Areas of the API share shapes, and know nothing of each other"
EDGE = "Areas of the edge point one way"
SERVICES = "Areas of services point one way"
DB = "Areas of db point one way"
QUERIES = "Areas of queries point one way"
DOMAIN = "Areas of the rules point one way"
RULES = "The rules know no library and nothing of the machine"
DATABASE = "Only app.db speaks to the database libraries"
WEB = "Only main, api and edge know the web framework, only server and edge.http the server"
BELOW = "Below the edge nothing is read, shown, logged or called over the network"

# (file in app, what is added to it, the contract that must break)
PLANTED = [
    # layers
    ("domain/dates.py", "from app.data import builtin_protocols", LAYERS),
    ("domain/ids.py", "from app.db.engine.scope import OWNER", LAYERS),
    ("data/demo.py", "from app.db.models import Patient", LAYERS),
    ("db/engine/scope.py", "from app.services.audit import audit", LAYERS),
    ("services/records.py", "from app.edge.input import fields", LAYERS),
    ("services/patients/patients.py", "from app.api.shapes import Shape", LAYERS),
    ("edge/auth/auth.py", "from app.api import shapes", LAYERS),
    ("edge/problems/problems.py", "from app.main import create_app", LAYERS),
    ("api/health.py", "from app.main import create_app", LAYERS),
    ("server.py", "from app.main import create_app", LAYERS),
    ("fax/__init__.py", "", LAYERS),
    # surfaces
    ("api/health.py", "from app.cli import printing", LAYERS),
    ("api/lists.py", "from app.jobs import maintenance", LAYERS),
    ("cli/staff.py", "from app.api.access import staff", LAYERS),
    ("cli/keys.py", "def late():\n    from app.api import shapes", LAYERS),
    ("cli/due.py", "from app.main import create_app", LAYERS),
    ("jobs/maintenance.py", "from app.api.shapes import Shape", LAYERS),
    ("jobs/maintenance.py", "from app.cli import context", LAYERS),
    ("web/__init__.py", "from app.api import shapes", LAYERS),
    ("cli/files.py", "from app.edge.input import fields", NO_EDGE),
    ("jobs/maintenance.py", "from app.edge.observability import logs", NO_EDGE),
    # facts, settings, the clock
    ("services/charting/protocols.py", "from app.data import builtin_protocols", FACTS),
    ("services/imports/import_file.py", "import app.data.import_mapping", FACTS),
    ("services/records.py", "from app.settings import Settings", SETTINGS),
    ("edge/http/limits.py", "from app import settings", SETTINGS),
    ("server.py", "from app.settings import Settings", SETTINGS),
    ("services/records.py", "from app import clock", CLOCK),
    ("api/shapes.py", "from app.clock import now", CLOCK),
    ("domain/dates.py", "from app.clock import now", CLOCK),
    # areas
    ("api/patients/patients.py", "from app.api.scheduling import courses", API),
    ("api/access/me.py", "from app.api.practice.practices import router", API),
    ("api/shapes.py", "from app.api import lists", API),
    ("api/billing/__init__.py", "", API),
    ("edge/input/query.py", "from app.edge.problems import problems", EDGE),
    ("edge/observability/logs.py", "from app.edge.http import rates", EDGE),
    ("edge/http/limits.py", "from app.edge.requests.routing import StrictRoute", EDGE),
    ("edge/auth/auth.py", "from app.edge.requests.audit_log import AuditLog", EDGE),
    ("services/audit/audit.py", "from app.services import records", SERVICES),
    ("services/records.py", "from app.services.scheduling import courses", SERVICES),
    ("services/charting/protocols.py", "from app.services.access import keys", SERVICES),
    ("services/scheduling/courses.py", "from app.services.patients import patients", SERVICES),
    ("services/practice/practices.py", "from app.services.imports import imports", SERVICES),
    ("services/billing/__init__.py", "", SERVICES),
    ("db/base.py", "from app.db.models import Patient", DB),
    ("db/models/patients.py", "from app.db.queries import table_rows", DB),
    ("db/rows/patients.py", "from app.db.base import Base", DB),
    ("db/keys/keyring.py", "from app.db.engine import engine", DB),
    ("db/engine/engine.py", "from app.db.maintenance import migrate", DB),
    ("db/queries/table_rows.py", "from app.db.maintenance import checks", DB),
    ("db/queries/table_rows.py", "from app.db.queries.patients import patients", QUERIES),
    ("db/queries/scheduling/courses.py", "from app.db.queries.practice import practices", QUERIES),
    ("domain/dates.py", "from app.domain.errors import Refusal", DOMAIN),
    ("domain/access/access.py", "from app.domain.charting import dosing", DOMAIN),
    ("domain/charting/dosing.py", "from app.domain.scheduling import schedule", DOMAIN),
    # libraries
    ("domain/ids.py", "import sqlalchemy", RULES),
    ("domain/dates.py", "def late():\n    import pydantic", RULES),
    ("server.py", "import sqlalchemy", DATABASE),
    ("jobs/maintenance.py", "from sqlalchemy import text", DATABASE),
    ("services/records.py", "from sqlalchemy.exc import IntegrityError", DATABASE),
    ("api/shapes.py", "import psycopg", DATABASE),
    ("edge/auth/auth.py", "def late():\n    import sqlite3", DATABASE),
    ("main.py", "from alembic import command", DATABASE),
    ("cli/db.py", "from sqlcipher3 import dbapi2", DATABASE),
    ("__init__.py", "import sqlalchemy", DATABASE),
    ("services/records.py", "from fastapi import HTTPException", WEB),
    ("db/engine/failures.py", "from starlette.exceptions import HTTPException", WEB),
    ("cli/files.py", "from starlette.requests import Request", WEB),
    ("jobs/maintenance.py", "import fastapi", WEB),
    ("api/health.py", "import uvicorn", WEB),
    ("services/records.py", "from pydantic import BaseModel", BELOW),
    ("db/engine/engine.py", "import pydantic_settings", BELOW),
    ("jobs/maintenance.py", "import httpx2", BELOW),
]

# (file, what is added to it, the check of tests/support/house.py that must see it)
WRITTEN = [
    ("app/services/records.py", "from time import time", house.clock_is_read),
    ("app/services/records.py", "from time import time as t\nt()", house.clock_is_read),
    ("app/api/lists.py", "import time as t\nt.time_ns()", house.clock_is_read),
    ("app/edge/http/rates.py", "from datetime import datetime as x\nx.now()", house.clock_is_read),
    ("app/cli/due.py", "import datetime as dt\ndt.date.today()", house.clock_is_read),
    ("app/domain/dates.py", "from datetime import date\nd = date\nd.today()", house.clock_is_read),
    (
        "app/db/base.py",
        "from datetime import datetime\nmade_at = datetime.now",
        house.clock_is_read,
    ),
    ("app/main.py", "import uuid\nuuid.uuid1()", house.clock_is_read),
    ("app/jobs/maintenance.py", "def f(x):\n    x.datetime.utcnow()", house.clock_is_read),
    ("app/services/records.py", "from os import environ", house.environment_is_read),
    ("app/edge/auth/jwks.py", "import os\nos.getenv('HOME')", house.environment_is_read),
    ("app/cli/files.py", "from os import getenv as g\ng('HOME')", house.environment_is_read),
    ("app/main.py", "import os as o\no.environb", house.environment_is_read),
    ("app/server.py", "import os\ngetattr(os, 'environ')['HOME']", house.environment_is_read),
    ("app/services/records.py", "def f(db):\n    db.commit()", house.transaction_is_ended),
    ("app/services/patients/patients.py", "undo = Connection.rollback", house.transaction_is_ended),
    ("app/db/queries/table_rows.py", "def f(db):\n    db.rollback()", house.transaction_is_ended),
    ("app/api/crud.py", "def f(ctx):\n    ctx.db.commit()", house.transaction_is_ended),
    ("app/domain/dates.py", "def late():\n    import requests", house.rules_need_a_library),
    ("app/domain/ids.py", "from app import settings", house.rules_need_a_library),
    ("app/domain/ids.py", "import importlib\nimportlib.import_module('a')", house.imported_by_hand),
    ("app/services/records.py", "httpx2 = LazyModule('httpx2')", house.imported_by_hand),
    ("app/services/records.py", "__import__('sqlalchemy')", house.imported_by_hand),
    ("app/services/records.py", "from . import audit", house.imported_by_hand),
    (
        "migrations/versions/0009_tokens.py",
        "from app.db.engine import row_security",
        house.migration_needs_the_application,
    ),
    (
        "migrations/versions/0008_row_security.py",
        "def late():\n    import app",
        house.migration_needs_the_application,
    ),
    ("tests/api/test_csv.py", "from tests.api.test_paging import something", house.imports_a_test),
    ("tests/cli/test_tls.py", "from tests import conftest", house.imports_a_test),
    ("tests/support/clinic.py", "from tests.conftest import database", house.imports_a_test),
]


def test_each_planted_import_breaks_its_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    plants = [[f"app/{file}", text, contract] for file, text, contract in PLANTED]
    done = subprocess.run(
        [sys.executable, "-P", ROOT / "tests" / "support" / "planted_imports.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        input=json.dumps(plants),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    clean, *broken = json.loads(done.stdout.splitlines()[-1])
    assert clean
    assert [plant for plant, seen in zip(PLANTED, broken, strict=True) if not seen] == []
    print(f"\n{len(PLANTED)} planted imports, each seen by its contract")


def test_every_contract_has_such_a_line() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {contract["name"] for contract in contracts["tool"]["importlinter"]["contracts"]}
    assert named == {contract for _, _, contract in PLANTED}


@pytest.mark.parametrize(("file", "text", "check"), WRITTEN)
def test_each_forbidden_line_is_seen(
    file: str, text: str, check: Callable[[Source], list[str]]
) -> None:
    before = (ROOT / file).read_text(encoding="utf-8")
    assert check(house.parse(file, before)) == []
    assert check(house.parse(file, f"{before}\n{text}\n")) != []


def test_what_looks_alike_is_let_be() -> None:
    """A stop watch is no clock, and words are no calls."""
    text = '''
import os
from time import monotonic, perf_counter, sleep

def f(schedule, now):
    """Reads os.environ never, and time.time() neither."""
    sleep(monotonic() - perf_counter())
    return schedule.today, now, os.cpu_count()
'''
    found = house.parse("app/services/x.py", text)
    assert house.clock_is_read(found) == []
    assert house.environment_is_read(found) == []
