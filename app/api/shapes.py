"""Parts that several resources' requests and answers share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.db.rows.base import Fields, StampedRow
from app.domain.errors import Invalid
from app.edge.input.fields import Body, Rule, Text, refuse

Record = dict[str, Any]
Values = TypeVar("Values", bound=Fields)
# A field of reasons is called `date`, which would hide the type.
Day = date


def example(*bodies: Record) -> ConfigDict:
    """Return the configuration that shows these bodies in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [*bodies]})


class Shape(BaseModel):
    """Base of answers: open, since more fields may be added within `/v1`."""

    model_config = ConfigDict(extra="allow")


class IdentifierIn(Body):
    """Another system's name for this record, unique per practice and kind."""

    system: Text
    value: Text


class IdentifierOut(Shape):
    system: str
    value: str


Identifiers = Annotated[list[IdentifierIn], Field(max_length=20)]


class Resource(Shape):
    """What every single resource carries; its version is in the ETag."""

    id: str
    created_at: datetime
    updated_at: datetime


class Source(Shape):
    type: str
    id: str | None


class ReasonOut(Shape):
    date: str
    rule: str
    on: Day | None
    decisive: bool
    source: Source
    text: str


class ActionOut(Shape):
    code: str
    act_by: date | None
    text: str
    source: Source


class BookingOut(Shape):
    state: str
    session_id: str | None
    starts_at: datetime | None


def some_of(known: Iterable[str]) -> Rule:
    """A list of one or more of these words, none of them twice."""
    words = tuple(map(str, known))

    def check(value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            refuse("must be a list of words")
        if not value or len(set(value)) < len(value) or not set(value) <= set(words):
            refuse("must be one or more of the words in the API document, each once")
        return value

    items = {"type": "string", "enum": list(words)}
    return Rule(check, {"type": "array", "items": items, "minItems": 1, "uniqueItems": True})


def pairs(identifiers: list[IdentifierIn] | None) -> list[tuple[str, str]]:
    """Return identifiers as services take them; naming one twice is refused."""
    named = [(i.system, i.value) for i in identifiers or ()]
    if len(set(named)) < len(named):
        raise Invalid(("/identifiers", "names the same identifier twice"))
    return named


def patch(body: Body, *required: str) -> Record:
    """Return the fields that a merge patch names; null is refused where a value is required."""
    values = {name: getattr(body, name) for name in body.model_fields_set}
    nulls = [name for name in required if name in values and values[name] is None]
    if nulls:
        sent = {name: field.alias or name for name, field in type(body).model_fields.items()}
        raise Invalid(*((f"/{sent[name]}", "must not be null") for name in nulls))
    return values


def values_of(body: Body, kind: type[Values], *, sent: bool = False) -> Values:
    """Return a body's fields as values of that kind; with `sent` those alone that were sent.

    Identifiers are no values of a record: they are given beside them.
    """
    _check_names(type(body), kind)
    return cast("Values", body.model_dump(exclude={"identifiers"}, exclude_unset=sent))


def changes_of(body: Body, kind: type[Values], *required: str) -> Values:
    """Return the values that a merge patch names; null is refused where one is `required`."""
    _check_names(type(body), kind)
    values = patch(body, *required, "identifiers")
    values.pop("identifiers", None)
    return cast("Values", values)


@lru_cache
def _check_names(body: type[Body], kind: type[Fields]) -> None:
    """Refuse a kind of values that lacks a field of the body: a mistake in the code."""
    unknown = body.model_fields.keys() - kind.__annotations__.keys() - {"identifiers"}
    if unknown:
        raise TypeError(f"{body.__name__} has fields that {kind.__name__} lacks: {unknown}")


def stamps(record: StampedRow) -> Record:
    """Return what every answer of one resource carries."""
    return {"created_at": record["created_at"], "updated_at": record["updated_at"]}


def listing(model: type[Shape]) -> type[BaseModel]:
    """Return the shape of a page of those."""
    name = f"{model.__name__.removesuffix('Out')}Page"
    fields: dict[str, Any] = {"items": (list[model], ...), "next_cursor": (str | None, ...)}  # type: ignore[valid-type]
    return create_model(name, **fields)
