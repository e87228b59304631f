"""Every table's row has a type that agrees with the table's columns, one by one."""

from __future__ import annotations

from datetime import date
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from sqlalchemy import JSON, Boolean, Column, Date, String, TypeDecorator

from app.db.base import Base, OfPractice
from app.db.models import Practice
from app.db.queries.table_rows import table_of
from app.db.rows.base import RowOfPractice
from app.db.rows.practice import PracticeValues

MODELS = sorted((mapper.class_ for mapper in Base.registry.mappers), key=lambda m: m.__name__)
OF_PRACTICE = [model for model in MODELS if issubclass(model, OfPractice)]


def types_of(model: type[Base[Any]]) -> tuple[Any, ...]:
    """What the model says of its rows: their type, and the type of what may be written."""
    for base in model.__dict__["__orig_bases__"]:
        if get_origin(base) in (Base, OfPractice):
            return get_args(base)
    raise AssertionError(f"{model.__name__} does not say of what type its rows are")


def in_python(column: Column[Any]) -> type | None:
    """The type of the column's values; None where a JSON column says nothing of them."""
    kind = column.type
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    return None if isinstance(kind, JSON) else kind.python_type


def split(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was in it."""
    members = get_args(hint)
    if NoneType not in members:
        return hint, False
    [rest] = [member for member in members if member is not NoneType]
    return rest, True


def differences(columns: list[Column[Any]], hints: dict[str, Any]) -> list[str]:
    """What of these columns their type says wrongly, or not at all."""
    wrong = [f"{name} is no column" for name in hints.keys() - {c.name for c in columns}]
    for column in columns:
        if column.name not in hints:
            wrong.append(f"{column.name} has no type")
            continue
        said, nullable = split(hints[column.name])
        if nullable != bool(column.nullable):
            wrong.append(f"{column.name} may be null: {column.nullable}")
        expected = in_python(column)
        if expected is None:
            if get_origin(said) not in (list, dict):
                wrong.append(f"{column.name} is JSON, and no list or object")
        elif said is not expected:
            wrong.append(f"{column.name} is {expected.__name__}, not {said}")
    return wrong


@pytest.mark.parametrize("model", MODELS)
def test_a_row_has_a_key_for_every_column(model: type[Base[Any]]) -> None:
    row = types_of(model)[0]
    assert is_typeddict(row)
    assert row.__required_keys__ == {c.name for c in table_of(model).c}
    assert differences(list(table_of(model).c), get_type_hints(row)) == []


@pytest.mark.parametrize("model", OF_PRACTICE)
def test_what_may_be_written_is_the_row_but_for_its_keys_and_stamps(model: type[Base[Any]]) -> None:
    row, values = types_of(model)
    own = get_type_hints(row).keys() - get_type_hints(RowOfPractice).keys()
    assert get_type_hints(values) == {name: get_type_hints(row)[name] for name in own}
    assert values.__optional_keys__ == own


def test_the_same_holds_for_a_practice() -> None:
    row = get_type_hints(types_of(Practice)[0])
    own = row.keys() - {"id", "created_at", "updated_at", "version"}
    assert get_type_hints(PracticeValues) == {name: row[name] for name in own}


def test_a_column_without_its_type_is_noticed() -> None:
    columns: list[Column[Any]] = [
        Column("name", String(10), nullable=False),
        Column("day", Date, nullable=True),
        Column("open", Boolean, nullable=False),
    ]
    right = {"name": str, "day": date | None, "open": bool}
    assert differences(columns, right) == []
    assert differences(columns, right | {"day": date}) == ["day may be null: True"]
    assert differences(columns, right | {"open": int}) == ["open is bool, not <class 'int'>"]
    assert differences(columns, {k: right[k] for k in ("name", "day")}) == ["open has no type"]
    assert differences(columns[:2], right) == ["open is no column"]
