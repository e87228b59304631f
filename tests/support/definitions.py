"""Protocol definitions to change in one place, and what is found wrong with them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from app.data import builtin_protocols
from app.domain.charting.protocol import Protocol, from_definition, to_definition
from app.domain.errors import InvalidProtocol


def preempt() -> Protocol:
    return next(version for version in builtin_protocols() if version.code == "preempt")


def a_definition() -> dict[str, Any]:
    return copy.deepcopy(to_definition(preempt()))


def faults_if_any(definition: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a definition, nothing when it is taken."""
    try:
        from_definition(definition)
    except InvalidProtocol as refused:
        return list(refused.errors)
    return []


def faults_of(definition: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidProtocol) as refused:
        from_definition(definition)
    return list(refused.value.errors)


def changed(pointer: str, value: object) -> dict[str, Any]:
    """The built-in definition with one value replaced (or dropped, for `...`)."""
    definition = a_definition()
    *path, last = pointer.strip("/").split("/")
    at: Any = definition
    for step in path:
        at = at[int(step)] if isinstance(at, list) else at[step]
    key: Any = int(last) if isinstance(at, list) else last
    if value is ...:
        del at[key]
    else:
        at[key] = value
    return definition


def a_small_definition() -> dict[str, Any]:
    sizes = {"fixed_sites": 1, "fixed_units": 2.5, "max_sites": 1, "max_units": 2.5}
    area = {"code": "A", "name": "Area", "order": 1, "laterality": "midline", **sizes}
    site = {"code": "A-1", "area": "A", "side": "midline", "units": 2.5, "ml": 0.05, "order": 1}
    return {
        "code": "own",
        "version": 2,
        "name": "Own",
        "product": "someA",
        "interval": {"value": 12, "unit": "week"},
        "areas": [area],
        "sites": [site],
        "limits": sizes,
    }
