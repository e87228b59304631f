"""Simple records: list, show, add, change and upsert, the same way for every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from app.api import lists
from app.api.lists import PageQuery
from app.api.shapes import IdentifierIn, Record, pairs, patch, stamps
from app.db.base import OfPractice
from app.db.queries import table_rows as rows
from app.db.queries.patients import identifiers as identifier_rows
from app.db.rows.base import RowOfPractice, picked
from app.edge.input.fields import Body
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, RequestContext
from app.services import identifiers, records


def _nothing(ctx: RequestContext, values: Record) -> None:
    """Most records need no check beyond that of each field."""


class ResourceSpec(NamedTuple):
    """One kind of simple record; `columns` names the fields whose column has another name.

    `identified`: whether other systems' identifiers can be put on it.
    """

    model: type[OfPractice[Any, Any]]
    kind: str
    path: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    columns: dict[str, str] = {}  # noqa: RUF012 - never changed
    check: Callable[[RequestContext, Record], None] = _nothing
    identified: bool = True


def page(ctx: RequestContext, noun: ResourceSpec, query: PageQuery) -> Answer:
    """Answer a page of them in order of id."""

    def fetch(after: str | None, limit: int) -> list[RowOfPractice]:
        return rows.page(ctx.db, noun.model, practice_id=ctx.practice_id, after=after, limit=limit)

    def show(entries: list[RowOfPractice]) -> list[Record]:
        return shown(ctx, noun, entries)

    return lists.by_id(ctx, query, listing=noun.path, fetch=fetch, show=show)


def one(ctx: RequestContext, noun: ResourceSpec, id: str) -> Answer:
    """Answer one of them."""
    return answer(ctx, noun, _load(ctx, noun, id))


def add(ctx: RequestContext, noun: ResourceSpec, body: Body) -> Answer:
    """Add one; 201."""
    values = _columns(noun, body.model_dump(exclude={"identifiers"}))
    noun.check(ctx, values)
    made = records.create(
        ctx.db,
        noun.model,
        values,
        kind=noun.kind,
        identified=pairs(_identifiers(body)),
        by=ctx.by,
        now=ctx.now,
    )
    return answer(ctx, noun, made, created=True)


def change(ctx: RequestContext, noun: ResourceSpec, id: str, body: Body) -> Answer:
    """Change one on the version that was read; `identifiers` replaces them all."""
    record = _load(ctx, noun, id)
    ctx.require_match(etag(record["version"]))
    values = patch(body, *noun.required, "identifiers")
    named = pairs(_identifiers(body)) if values.pop("identifiers", None) is not None else None
    return _save(ctx, noun, record, _columns(noun, values), named)


def upsert(ctx: RequestContext, noun: ResourceSpec, body: Body) -> Answer:
    """Change the one that carries one of these identifiers, or add it (201)."""
    named = pairs(_identifiers(body))
    id = identifiers.find(ctx.db, kind=noun.kind, identifiers=named, by=ctx.by)
    if id is None:
        return add(ctx, noun, body)
    said = body.model_dump(exclude={"identifiers"}, exclude_unset=True)
    named = identifiers.joined(ctx.db, kind=noun.kind, id=id, identifiers=named, by=ctx.by)
    return _save(ctx, noun, _load(ctx, noun, id), _columns(noun, said), named)


def _save(
    ctx: RequestContext,
    noun: ResourceSpec,
    record: RowOfPractice,
    values: Record,
    named: list[tuple[str, str]] | None,
) -> Answer:
    noun.check(ctx, {**record, **values})
    changed = records.change(
        ctx.db,
        noun.model,
        record,
        values,
        kind=noun.kind,
        identified=named,
        by=ctx.by,
        now=ctx.now,
    )
    return answer(ctx, noun, changed)


def answer(
    ctx: RequestContext, noun: ResourceSpec, record: RowOfPractice, *, created: bool = False
) -> Answer:
    """Answer one of them as it stands."""
    where = f"/v1/{noun.path}/{record['id']}" if created else None
    told = shown(ctx, noun, [record])[0]
    return Answer(told, 201 if created else 200, etag(record["version"]), where)


def shown(
    ctx: RequestContext, noun: ResourceSpec, entries: Sequence[RowOfPractice]
) -> list[Record]:
    """Return the records as they are shown."""
    columns = [noun.columns.get(field, field) for field in noun.fields]
    told = [
        {"id": record["id"]}
        | dict(zip(noun.fields, picked(record, columns).values(), strict=True))
        | stamps(record)
        for record in entries
    ]
    if not noun.identified:
        return told
    named = identifier_rows.of(
        ctx.db, practice_id=ctx.practice_id, kind=noun.kind, ids=[r["id"] for r in entries]
    )
    return [one | {"identifiers": named.get(one["id"], [])} for one in told]


def _columns(noun: ResourceSpec, values: Record) -> Record:
    # A model's field for `from` is called `since`: `from` is a keyword of Python.
    renamed = {"since": "from"}
    return {
        noun.columns.get(renamed.get(name, name), name): value for name, value in values.items()
    }


def _identifiers(body: Body) -> list[IdentifierIn] | None:
    sent: list[IdentifierIn] | None = getattr(body, "identifiers", None)
    return sent


def _load(ctx: RequestContext, noun: ResourceSpec, id: str) -> RowOfPractice:
    row: RowOfPractice = records.load(ctx.db, noun.model, practice_id=ctx.practice_id, id=id)
    return row
