"""Run in a copy of the tree: does each planted line break the contract that is to see it?

Reads `[[file, text, contract], ...]` as JSON on stdin, and writes a list of booleans: whether the
tree as it is keeps every contract, then for each line whether its contract is broken by it alone.
It is a program of its own because `app` must be the copy, which the tests' own process cannot
import.

To build the import graph takes longer than to check a contract. So many files are planted at
once, the graph is built, and each line is judged by the graph of the clean tree with the imports
of its own file.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from grimp import ImportGraph
from importlinter import configuration
from importlinter.application import use_cases
from importlinter.application.app_config import settings
from importlinter.application.user_options import UserOptions

CONTRACTS = "pyproject.toml"


class Plant(NamedTuple):
    file: str
    text: str
    contract: str

    @property
    def module(self) -> str:
        """The name of the module that the file is."""
        return ".".join(Path(self.file).with_suffix("").parts).removesuffix(".__init__")


class Lent:
    """What the linter takes its graph from: gives one that is made already."""

    def __init__(self, graph: ImportGraph) -> None:
        self._graph = graph

    def build(self, **_: Any) -> ImportGraph:
        return self._graph


def kept(graph: ImportGraph, options: UserOptions) -> bool:
    """Whether the graph keeps the contracts, as `lint-imports` judges it."""
    settings.configure(GRAPH_BUILDER=Lent(graph))
    report = use_cases.create_report(options, cache_dir=None)
    if report.could_not_run:
        raise RuntimeError(f"a contract cannot be read: {report.invalid_contract_options}")
    return not report.contains_failures


def only(options: UserOptions, name: str) -> UserOptions:
    """The same with the one contract of that name."""
    named = [contract for contract in options.contracts_options if contract["name"] == name]
    if len(named) != 1:
        raise RuntimeError(f"there is no one contract {name!r}")
    return UserOptions(options.session_options, named)


def built(options: UserOptions) -> ImportGraph:
    """The graph of the tree as it is now, from the linter's own builder."""
    configuration.configure()
    no_contracts = UserOptions(options.session_options, [])
    return use_cases.create_report(no_contracts, cache_dir=None).graph


def grown(plants: list[Plant], options: UserOptions) -> ImportGraph:
    """The graph of the tree with all of them planted; the tree is as before."""
    before = {path: path.read_bytes() for path in map(_path, plants) if path.exists()}
    made = [path for path in map(_path, plants) if path not in before]
    try:
        for plant, path in zip(plants, map(_path, plants), strict=True):
            path.parent.mkdir(exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n{plant.text}\n")
        return built(options)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
        for path in made:
            path.unlink()
            path.parent.rmdir()


def alone(clean: ImportGraph, planted: ImportGraph, module: str) -> ImportGraph:
    """The clean graph with what one module imports in the planted one."""
    graph = deepcopy(clean)
    graph.add_module(module)
    for imported in planted.find_modules_directly_imported_by(module):
        if imported not in graph.modules:
            graph.add_module(imported, is_squashed=planted.is_module_squashed(imported))
        for found in planted.get_import_details(importer=module, imported=imported):
            graph.add_import(
                importer=module,
                imported=imported,
                line_number=found["line_number"],
                line_contents=found["line_contents"],
            )
    return graph


def rounds(plants: list[Plant]) -> list[list[Plant]]:
    """The plants in groups that have no file twice."""
    groups: list[list[Plant]] = []
    for plant in plants:
        free = [group for group in groups if all(one.file != plant.file for one in group)]
        if free:
            free[0].append(plant)
        else:
            groups.append([plant])
    return groups


def main() -> None:
    plants = [Plant(*said) for said in json.load(sys.stdin)]
    configuration.configure()
    options = use_cases.read_user_options(CONTRACTS)
    with redirect_stdout(io.StringIO()):
        # What the command `lint-imports` does. It also makes the kinds of contracts known.
        clean_is_kept = use_cases.lint_imports(CONTRACTS, cache_dir=None, no_logo=True)
    clean = built(options)
    broken: dict[Plant, bool] = {}
    for group in rounds(plants):
        planted = grown(group, options)
        for plant in group:
            graph = alone(clean, planted, plant.module)
            broken[plant] = not kept(graph, only(options, plant.contract))
    json.dump([clean_is_kept, *(broken[plant] for plant in plants)], sys.stdout)


def _path(plant: Plant) -> Path:
    return Path(plant.file)


if __name__ == "__main__":
    main()
