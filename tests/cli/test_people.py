"""Staff and their keys on the command line."""

from __future__ import annotations

import pytest

from app.db.engine.engine import Database
from app.db.models import AuditEvent
from app.db.queries import table_rows
from app.services.access import keys
from tests.support.commands import Cli


@pytest.fixture
def practice(cli: Cli) -> str:
    made = cli(
        *("practice", "create", "--name", "Clinic", "--time-zone", "America/New_York", "--json")
    )
    return str(made.json["id"])


def test_staff_are_added_listed_changed_and_sent_away(cli: Cli, practice: str) -> None:
    kim = cli("staff", "add", "--name", "Kim Lund", "--role", "injector,front_desk", "--json").json
    assert kim["roles"] == ["injector", "front_desk"]
    assert cli("staff", "add", "--name", "Dr. Ode", "--role", "clinician").out.count("-") == 4
    changed = cli("staff", "change", "kim lund", "--role", "auditor", "--role", "read_only")
    assert (changed.status, changed.out) == (0, "Kim Lund: read_only, auditor\n")
    assert cli("staff", "deactivate", kim["id"]).status == 0
    listed = cli("staff", "list", "--json").json["items"]
    assert [(m["name"], m["active"]) for m in listed] == [("Kim Lund", False), ("Dr. Ode", True)]
    assert "read_only,auditor" in cli("staff", "list").out
    assert cli("staff", "reactivate", kim["id"], "--json").json["active"] is True


def test_what_cannot_be_done_is_one_line(cli: Cli, practice: str) -> None:
    for _ in range(2):
        cli("staff", "add", "--name", "Kim", "--role", "injector")
    cli("staff", "add", "--name", "Ada", "--role", "administrator")
    for arguments, says in (
        (("staff", "add", "--name", "B", "--role", "owner"), "administrator, clinician"),
        (("staff", "add", "--name", "B"), "--role"),
        (("staff", "change", "nobody", "--role", "auditor"), "staff list"),
        (("staff", "change", "kim", "--role", "auditor"), "several"),
        (("staff", "deactivate", "Ada"), "administrator"),
        (("staff", "change", "Ada", "--role", "auditor"), "administrator"),
        (("keys", "create", "--staff", "nobody"), "staff list"),
        (("keys", "create", "--scope", "all"), "permission"),
        (("keys", "create", "--expires", "tomorrow"), "--expires"),
        (("keys", "create", "--expires", "2020-01-01"), "future"),
        (("keys", "rotate", "x"), "keys list"),
        (("keys", "rotate", "x", "--overlap-hours", "169"), "--overlap-hours"),
    ):
        assert says.casefold() in cli(*arguments).refused().casefold(), arguments


def test_a_key_of_a_member_with_scopes_and_a_last_day(
    cli: Cli, practice: str, database: Database
) -> None:
    cli("staff", "add", "--name", "Kim", "--role", "front_desk")
    arguments = ("--scope", "worklist:search", "--scope", "patients:read,patients:search")
    made = cli("keys", "create", "--staff", "Kim", *arguments, "--expires", "2030-03-30", "--json")
    key = made.json
    assert key["scopes"] == ["patients:read", "patients:search", "worklist:search"]
    # The whole of that day in New York.
    assert key["expires_at"] == "2030-03-31T04:00:00Z"
    holder = keys.find(database, digest=keys.hashed(key["key"]))
    assert holder
    assert (holder.by.type, holder.by.name) == ("staff", "Kim")
    rotated = cli("keys", "rotate", key["prefix"], "--overlap-hours", "0", "--json").json
    assert rotated["key"] != key["key"]
    assert keys.find(database, digest=keys.hashed(key["key"])) is None
    assert cli("keys", "rotate", key["id"]).out.startswith(key["prefix"])
    listed = cli("keys", "list").out
    assert "Kim" in listed
    assert "2030-03-31 04:00" in listed
    assert "all of the role" not in listed
    [shown] = cli("keys", "list", "--json").json["items"]
    assert (shown["staff_name"], shown["last_used_at"]) == ("Kim", None)


def test_the_log_names_the_command_line(cli: Cli, practice: str, database: Database) -> None:
    cli("staff", "add", "--name", "Kim", "--role", "front_desk")
    cli("keys", "create", "--staff", "Kim")
    assert "all of the role" in cli("keys", "list").out
    with database.read(practice) as db:
        rows = table_rows.page(db, AuditEvent, practice_id=practice, limit=100)
    assert [row["action"] for row in rows] == ["practice.create", "staff.create", "api_key.create"]
    assert {(row["by_type"], row["by_id"], row["by_name"]) for row in rows} == {
        ("system", None, "twelveweeks command line")
    }
