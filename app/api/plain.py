"""Records that are only what was said of them: list, show, add, change, upsert, all alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.api import pages
from app.api.pages import PageQuery
from app.api.shapes import IdentifierIn, Record, pairs, patch, stamps
from app.db.base import Base
from app.db.queries import records as rows
from app.db.queries.patients import identifiers as identifier_rows
from app.edge.input.fields import Body
from app.edge.input.preconditions import etag
from app.edge.requests.work import Answer, Work
from app.services import identifiers, records


def _nothing(work: Work, values: Record) -> None:
    """Most records can be checked field by field."""


class Noun(NamedTuple):
    """One kind of plain record; `columns` names the fields whose column is called otherwise.

    Other systems have names for most kinds; what is not `identified` is our own affair.
    """

    model: type[Base]
    kind: str
    path: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    columns: dict[str, str] = {}  # noqa: RUF012 - never changed
    check: Callable[[Work, Record], None] = _nothing
    identified: bool = True


def page(work: Work, noun: Noun, query: PageQuery) -> Answer:
    """Answer a page of them in order of id."""

    def fetch(after: str | None, limit: int) -> list[Record]:
        return rows.page(
            work.db, noun.model, practice_id=work.practice_id, after=after, limit=limit
        )

    def show(found: list[Record]) -> list[Record]:
        return shown(work, noun, found)

    return pages.by_id(work, query, listing=noun.path, fetch=fetch, show=show)


def one(work: Work, noun: Noun, id: str) -> Answer:
    """Answer one of them."""
    return answer(work, noun, _load(work, noun, id))


def add(work: Work, noun: Noun, body: Body) -> Answer:
    """Add one; 201."""
    values = _columns(noun, body.model_dump(exclude={"identifiers"}))
    noun.check(work, values)
    made = records.create(
        work.db,
        noun.model,
        values,
        kind=noun.kind,
        identified=pairs(_identifiers(body)),
        by=work.by,
        now=work.now,
    )
    return answer(work, noun, made, created=True)


def change(work: Work, noun: Noun, id: str, body: Body) -> Answer:
    """Change one on the version that was read; `identifiers` replaces them all."""
    record = _load(work, noun, id)
    work.require_match(etag(record["version"]))
    values = patch(body, *noun.required, "identifiers")
    named = pairs(_identifiers(body)) if values.pop("identifiers", None) is not None else None
    return _save(work, noun, record, _columns(noun, values), named)


def upsert(work: Work, noun: Noun, body: Body) -> Answer:
    """Change the one that carries one of these identifiers, or add it (201)."""
    named = pairs(_identifiers(body))
    id = identifiers.find(work.db, kind=noun.kind, identifiers=named, by=work.by)
    if id is None:
        return add(work, noun, body)
    said = body.model_dump(exclude={"identifiers"}, exclude_unset=True)
    named = identifiers.joined(work.db, kind=noun.kind, id=id, identifiers=named, by=work.by)
    return _save(work, noun, _load(work, noun, id), _columns(noun, said), named)


def _save(
    work: Work, noun: Noun, record: Record, values: Record, named: list[tuple[str, str]] | None
) -> Answer:
    noun.check(work, record | values)
    changed = records.change(
        work.db,
        noun.model,
        record,
        values,
        kind=noun.kind,
        identified=named,
        by=work.by,
        now=work.now,
    )
    return answer(work, noun, changed)


def answer(work: Work, noun: Noun, record: Record, *, created: bool = False) -> Answer:
    """Answer one of them as it stands."""
    where = f"/v1/{noun.path}/{record['id']}" if created else None
    told = shown(work, noun, [record])[0]
    return Answer(told, 201 if created else 200, etag(record["version"]), where)


def shown(work: Work, noun: Noun, found: list[Record]) -> list[Record]:
    """Return the records as they are shown."""
    names = {field: noun.columns.get(field, field) for field in noun.fields}
    told = [
        {"id": record["id"]}
        | {field: record[column] for field, column in names.items()}
        | stamps(record)
        for record in found
    ]
    if not noun.identified:
        return told
    named = identifier_rows.of(
        work.db, practice_id=work.practice_id, kind=noun.kind, ids=[r["id"] for r in found]
    )
    return [one | {"identifiers": named.get(one["id"], [])} for one in told]


def _columns(noun: Noun, values: Record) -> Record:
    # A model's field for `from` is called `since`: the one is a word of Python, the other not.
    renamed = {"since": "from"}
    return {
        noun.columns.get(renamed.get(name, name), name): value for name, value in values.items()
    }


def _identifiers(body: Body) -> list[IdentifierIn] | None:
    found: list[IdentifierIn] | None = getattr(body, "identifiers", None)
    return found


def _load(work: Work, noun: Noun, id: str) -> Record:
    return records.load(work.db, noun.model, practice_id=work.practice_id, id=id)
