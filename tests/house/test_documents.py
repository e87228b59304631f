"""The documents say what is true: the files, functions, routes, commands and settings they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from app.api import routers
from app.cli import app as commands
from app.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
# What a document names that looks like a place in the tree. `AREA` and `NOUN` stand for any.
_PATH = re.compile(
    r"`((?:app|docs|tests|migrations|requirements|benchmarks|\.ci)(?:/[\w.*-]+)*/?"
    r"|[A-Z]+\.md|Makefile|Dockerfile|compose\.yaml|pyproject\.toml)(?:::(\w+))?`"
)
_FUNCTION = re.compile(r"`(\w+)`(?: and `(\w+)`)? (?:in|of) `((?:app|tests)/[\w/]+\.py)`")


def text_of(document: Path) -> str:
    return " ".join(document.read_text(encoding="utf-8").split())


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def defined(name: str, file: str) -> bool:
    """Whether the file has a function, class or constant of that name."""
    code = (ROOT / file).read_text(encoding="utf-8")
    return bool(re.search(rf"^\s*(?:(?:async )?def|class) {name}\b|^{name}\b", code, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_named_exists(document: Path) -> None:
    named = _PATH.findall(text_of(document))
    paths = {path for path, _ in named if not re.search("AREA|NOUN", path)}
    assert [path for path in sorted(paths) if not list(ROOT.glob(path.rstrip("/")))] == []
    assert [(path, test) for path, test in named if test and not defined(test, path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_function_named_is_in_its_file(document: Path) -> None:
    for *names, file in _FUNCTION.findall(text_of(document)):
        for function in filter(None, names):
            assert defined(function, file), f"{function} in {file}"


def test_a_place_that_is_not_there_would_be_noticed() -> None:
    assert _PATH.findall("see `app/nowhere.py` and `docs/none/`") == [
        ("app/nowhere.py", ""), ("docs/none/", ""),
    ]  # fmt: skip
    assert _FUNCTION.findall("`one` and `two` in `app/a.py`") == [("one", "two", "app/a.py")]
    assert defined("create_app", "app/main.py")
    assert not defined("create_nothing", "app/main.py")


def test_the_readme_leads_to_every_document() -> None:
    readme = text_of(ROOT / "README.md")
    own = {name(path) for path in DOCUMENTS if path.parent != ROOT / "docs" / "decisions"}
    own -= {"README.md", "docs/security/threat-model.md"}  # the latter is named by its folder's
    assert [page for page in sorted(own) if f"`{page}`" not in readme] == []


def test_every_setting_is_in_the_table() -> None:
    page = (ROOT / "docs" / "operations" / "settings.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `TWELVEWEEKS_(\w+)` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(name.upper() for name in Settings.model_fields)


def test_every_command_is_in_the_table() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(twelveweeks [\w -]+)` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(_commands(typer.main.get_command(commands), "twelveweeks"))


def _commands(command: Any, path: str) -> list[str]:
    under = getattr(command, "commands", None)
    if not under:
        return [path]
    # A command is loaded when it is asked for.
    each = ((word, command.get_command(None, word)) for word in under)
    return [found for word, one in each for found in _commands(one, f"{path} {word}")]


def test_every_route_is_in_the_table_with_its_permission() -> None:
    page = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/v1\S+)` \| ([^|]*) \|", page, re.MULTILINE)
    told = {(method, path): " ".join(re.findall(r"[\w:]+", may)) for method, path, may in rows}
    assert len(told) == len(rows)
    assert told == {
        (method, route.path): route.openapi_extra["x-permission"]
        for router in routers()
        for route in cast("list[Any]", router.routes)
        for method in route.methods - {"HEAD"}
    }
