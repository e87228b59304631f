"""The house rules that a machine can check."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.maintenance import migrate

ROOT = Path(__file__).resolve().parents[2]
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

# Calls that read the wall clock. Stop watches (time.monotonic, time.perf_counter) are not clocks.
READS_CLOCK = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "time.ctime",
    "time.gmtime",
    "time.localtime",
    "time.time",
    "time.time_ns",
}


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module named by an import, and `package.name` for each name taken from one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[str]:
    """The last two parts of every dotted call: `datetime.now` for `dt.datetime.now(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ".".join(ast.unparse(node.func).split(".")[-2:])


def test_no_file_is_too_long_to_read() -> None:
    long = {
        name(path): lines
        for path in sources(*CODE)
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
    assert (ROOT / "migrations" / "HEAD").read_text(encoding="utf-8").strip() == migrate.head()


def test_migrations_are_numbered_in_one_line() -> None:
    numbers = [path.name[:4] for path in sources("migrations/versions")]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_import_the_standard_library_only() -> None:
    for path in sources("app/domain"):
        foreign = {
            module
            for module in imported(parsed(path))
            if module.partition(".")[0] not in sys.stdlib_module_names
            and not f"{module}.".startswith("app.domain.")
        }
        assert foreign == set(), name(path)


@pytest.mark.parametrize("path", sources("app"), ids=name)
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    if name(path) != "app/clock.py":
        assert READS_CLOCK.isdisjoint(calls(parsed(path)))


def test_only_main_and_cli_read_the_settings() -> None:
    readers = {name(path) for path in sources("app") if "app.settings" in imported(parsed(path))}
    assert all(reader.startswith(("app/main.py", "app/cli")) for reader in readers)


def test_only_the_settings_read_the_environment() -> None:
    for path in sources("app"):
        if name(path) != "app/settings.py":
            assert not {"os.environ", "os.getenv"} & set(
                re.findall(r"os\.(?:environ|getenv)", path.read_text(encoding="utf-8"))
            ), name(path)


def test_every_query_takes_the_practice_it_may_see() -> None:
    unscoped = {
        f"{path.stem}.{node.name}"
        for path in sources("app/db/queries")
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if (taken := {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)})
        if "db" in taken and "practice_id" not in taken
    }
    assert unscoped == UNSCOPED


def test_the_ci_runs_the_command_that_the_readme_names() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make test$", readme, re.MULTILINE)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
