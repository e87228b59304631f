"""The house rules that a machine can check."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from alembic.script import ScriptDirectory

from app.db.maintenance import migrate
from tests.support import house
from tests.support.house import ROOT, Source, files, read

CODE = ("app", "benchmarks", "migrations", "requirements", "tests")
HARD_LIMIT = 400

# Statements that see no practice's rows, or every practice's on purpose.
UNSCOPED = {
    "keys.credential",  # finds the practice
    "practices.every",  # commands on the whole database
    "practices.waiting",  # likewise, for the server itself
    "table_rows.add",  # the rows name their practice
    "table_rows.add_all",
    "tokens.add_signing_key",  # the service's own keys are no practice's
    "tokens.signing_keys",
}


def test_no_file_is_too_long_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files(*CODE)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > HARD_LIMIT
    }
    assert long == {}


def test_the_locks_hold_hashes_and_no_addresses() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert [lock.stem for lock in locks] == ["build", "dev", "run", "uv"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert not re.search("https?://", text), lock.name
        pins = re.findall(r"^[a-z0-9].*\\$", text, re.MULTILINE)
        assert pins
        assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), lock.name


def test_the_newest_migration_is_the_one_in_head() -> None:
    assert ScriptDirectory(migrate.FOLDER).get_current_head() == migrate.head()


def test_migrations_are_numbered_in_one_line() -> None:
    numbers = [path.name[:4] for path in files("migrations/versions")]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def wrong(check: Callable[[Source], list[str]], *folders: str) -> dict[str, list[str]]:
    """What a check finds in these folders, by file."""
    looked_at = [read(path) for path in files(*folders)]
    return {source.name: found for source in looked_at if (found := check(source))}


def test_the_rules_import_the_standard_library_only() -> None:
    assert wrong(house.rules_need_a_library, "app") == {}


def test_only_the_clock_reads_the_clock() -> None:
    assert wrong(house.clock_is_read, "app") == {}


def test_only_main_and_cli_read_the_settings() -> None:
    readers = {
        source.name
        for source in map(read, files("app"))
        if "app.settings" in {name for _, name in house.imports(source.tree)}
    }
    assert all(reader.startswith(("app/main.py", "app/cli")) for reader in readers)


def test_only_the_settings_read_the_environment() -> None:
    assert wrong(house.environment_is_read, "app") == {}


def test_imports_are_written_as_imports() -> None:
    assert wrong(house.imported_by_hand, "app") == {}


def test_only_the_engine_commits_and_rolls_back() -> None:
    assert wrong(house.transaction_is_ended, "app") == {}


def test_migrations_import_nothing_of_the_application() -> None:
    assert wrong(house.migration_needs_the_application, "migrations") == {}


def test_no_test_imports_another() -> None:
    assert wrong(house.imports_a_test, "tests", "benchmarks") == {}


def test_every_query_takes_the_practice_it_may_see() -> None:
    unscoped = {
        f"{path.stem}.{node.name}"
        for path in files("app/db/queries")
        for node in read(path).tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if (taken := {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)})
        if "db" in taken and "practice_id" not in taken
    }
    assert unscoped == UNSCOPED


def test_one_module_writes_csv() -> None:
    """There every cell is made safe to open in a spreadsheet."""
    writers = {
        source.name
        for source in map(read, files("app"))
        if any(
            isinstance(node, ast.Attribute | ast.Name)
            and ast.unparse(node) in ("csv.writer", "csv.DictWriter", "writer", "DictWriter")
            for node in ast.walk(source.tree)
        )
    }
    assert writers == {"app/domain/csv_safety.py"}


def test_the_ci_runs_the_command_that_the_readme_names() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make test$", readme, re.MULTILINE)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
