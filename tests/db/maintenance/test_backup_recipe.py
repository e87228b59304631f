"""The recipe of docs/operations/backup.md for PostgreSQL, as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.db.maintenance import migrate
from app.domain.ids import new_id
from app.services.practice import practices
from tests.support import databases
from tests.support.clinic import NOW
from tests.support.postgres import binaries

RECIPE = (Path(__file__).parents[3] / "docs" / "operations" / "backup.md").read_text("utf-8")
PART = RECIPE.split("## PostgreSQL")[1]


def commands(kind: str) -> str:
    return "\n".join(re.findall(rf"```{kind}\n(.*?)```", PART, re.DOTALL))


def ran(folder: Path, script: str, **addresses: str) -> subprocess.CompletedProcess[str]:
    programs = binaries()
    assert programs
    return subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env={**os.environ, **addresses, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="the recipe is a shell script")
def test_a_dump_comes_back_under_forced_row_level_security(
    postgresql: Database, tmp_path: Path
) -> None:
    server = databases.migrated_postgres()
    programs = binaries()
    assert server
    assert programs
    if not (programs / "pg_restore").exists():
        pytest.skip("this PostgreSQL comes without pg_restore")
    url = server.clone(databases.TEMPLATE, "recipe")
    roles = ("twelveweeks_backup", "recipe_owner")
    with_rights = commands("sql")
    server.admin("CREATE ROLE recipe_owner LOGIN")
    source = open_database(url, pool_size=1)
    restored = None
    try:
        with source.write(OWNER) as db:
            for n in range(3):
                name = f"Clinic {n}"
                practices.create(
                    db, id=new_id(NOW), name=name, time_zone="UTC", by_name="t", now=NOW
                )
            db.exec_driver_sql(f"ALTER TABLE practice OWNER TO recipe_owner; {with_rights}")
        script = commands("sh")
        dump, restore = script.strip().split("\n\n")
        own = make_url(url).set(username="recipe_owner").render_as_string(False)
        refused = ran(tmp_path, f"{dump} --table=practice", BACKUP_URL=own)
        assert refused.returncode != 0
        assert "row-level security" in refused.stderr

        allowed = make_url(url).set(username=roles[0]).render_as_string(False)
        done = ran(tmp_path, dump, BACKUP_URL=allowed)
        assert done.returncode == 0, done.stderr
        server.admin("CREATE DATABASE recipe_again")
        done = ran(tmp_path, restore, RESTORE_URL=server.url("recipe_again"))
        assert done.returncode == 0, done.stderr

        restored = open_database(server.url("recipe_again"), pool_size=1)
        with restored.read(OWNER) as db:
            assert migrate.current(db) == migrate.head()
            assert db.exec_driver_sql("SELECT count(*) FROM practice").scalar_one() == 3
            forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'practice'"
            assert db.exec_driver_sql(forced).scalar_one() is True
    finally:
        for database in filter(None, (source, restored)):
            database.dispose()
        for name in ("recipe", "recipe_again"):
            server.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for role in roles:
            server.admin(f"DROP ROLE IF EXISTS {role}")
