"""What crosses a function's boundary in services and queries says what it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
# Queries on any table, whose rows are of no one type.
ANY_TABLE = {"db/queries/table_rows.py", "db/queries/practice/practice_rows.py"}
PATHS = [
    name
    for folder in ("services", "db/queries")
    for path in sorted((APP / folder).rglob("*.py"))
    if (name := path.relative_to(APP).as_posix()) not in ANY_TABLE
]

# Says only that there are keys and values. Free JSON has a name of its own (`JsonObject`), and
# so have the columns of a table that can be any (`Fields`).
VAGUE = re.compile(
    r"\b(?:[Dd]ict|Mapping|MutableMapping|defaultdict)\[\w+, (?:Any|object)\]"
    r"|\b(?:dict|Dict|Mapping|MutableMapping)\b(?!\[)"
    r"|\bRecord\b"
)


def hints(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every type in a signature, of a field of a class, and every name given to a type."""
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = node.args
            every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg]
            found = [node.returns, *(argument.annotation for argument in every if argument)]
        elif isinstance(node, ast.ClassDef):
            found = [field.annotation for field in node.body if isinstance(field, ast.AnnAssign)]
        elif isinstance(node, ast.Module):
            found = [named.value for named in node.body if isinstance(named, ast.Assign)]
            found += [named.value for named in node.body if isinstance(named, ast.AnnAssign)]
            found = [value for value in found if isinstance(value, ast.Subscript | ast.BinOp)]
        yield from ((hint.lineno, ast.unparse(hint)) for hint in found if hint)


def vague(source: str) -> list[str]:
    return [f"{line}: {text}" for line, text in hints(ast.parse(source)) if VAGUE.search(text)]


@pytest.mark.parametrize("path", PATHS)
def test_no_function_takes_or_returns_a_dictionary_of_anything(path: str) -> None:
    assert vague((APP / path).read_text(encoding="utf-8")) == []


def test_a_dictionary_of_anything_is_noticed_wherever_it_stands() -> None:
    for refused in (
        "def f(values: dict[str, Any]) -> None: ...",
        "def f(*, values: Mapping[str, object] | None = None) -> None: ...",
        "def f() -> tuple[Record, bool]: ...",
        "def f(*rows: dict) -> None: ...",
        "class A:\n    rows: list[dict[str, Any]]",
        "class A:\n    def f(self, **more: dict[str, Any]) -> None: ...",
        "Event = dict[str, Any]",
        "Event: TypeAlias = Mapping[str, Any]",
        "def f() -> None:\n    def g(row: dict[Any, Any]) -> None: ...",
    ):
        assert len(vague(refused)) == 1, refused
    for taken in (
        "def f(values: PatientValues, counts: dict[str, int]) -> JsonObject: ...",
        "_KINDS = frozenset({'a'}) | {'b'}",
        "def f() -> None:\n    found: dict[str, Any] = {}",
    ):
        assert vague(taken) == [], taken
