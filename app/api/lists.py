"""Lists: a page of items, the cursor to the next one, the `Link` that holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

from app.edge.input import cursors
from app.edge.input.fields import Query, count, query_count
from app.edge.requests.request_context import Answer, RequestContext
from app.services.practice import practices

Limit = Annotated[int, query_count(1, cursors.MOST)]
BodyLimit = Annotated[int, count(1, cursors.MOST)]


class PageQuery(Query):
    """Parameters of every list."""

    limit: Limit = cursors.DEFAULT_LIMIT
    cursor: str | None = None


def pinned(query: PageQuery, *left_out: str) -> dict[str, str | None]:
    """Return the filters that a cursor pins, as text."""
    skipped = {"limit", "cursor", *left_out}
    return {
        name: None if value is None else str(value)
        for name, value in query.__dict__.items()
        if name not in skipped
    }


def begin(
    query: PageQuery, key: bytes, *, listing: str, on: date | None = None
) -> cursors.Cursor | None:
    """Return where the page begins, None for the first one."""
    if query.cursor is None:
        return None
    day = on.isoformat() if on else None
    return cursors.decode(key, query.cursor, pinned(query, "on"), listing=listing, on=day)


def page(
    ctx: RequestContext,
    query: PageQuery,
    items: Sequence[Any],
    position: tuple[cursors.Value, ...] | None,
    *,
    key: bytes,
    listing: str,
    on: date | None = None,
) -> Answer:
    """Return the answer: items, and the cursor after `position` unless it is the last page."""
    if position is None:
        return Answer({"items": items, "next_cursor": None})
    day = on.isoformat() if on else None
    cursor = cursors.encode(key, position, pinned(query, "on"), listing=listing, on=day)
    request = ctx.request
    if request.method != "GET":
        # The filters came in a body: no address leads to the next page.
        return Answer({"items": items, "next_cursor": cursor})
    params = {name: value for name, value in request.query_params.items() if name != "cursor"}
    link = cursors.link_header(request.url.path, params, cursor)
    return Answer({"items": items, "next_cursor": cursor}, headers={"link": link})


def by_id(
    ctx: RequestContext,
    query: PageQuery,
    *,
    listing: str,
    fetch: Callable[[str | None, int], Sequence[Any]],
    show: Callable[[list[Any]], list[Any]],
) -> Answer:
    """Answer a list that is in order of id; `fetch(after, limit)` gets its rows."""
    key = practices.load(ctx.db, practice_id=ctx.practice_id)["cursor_key"]
    cursor = begin(query, key, listing=listing)
    after = str(cursor.position[0]) if cursor else None
    rows = list(fetch(after, query.limit + 1))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    position = (rows[-1]["id"],) if more else None
    return page(ctx, query, show(rows), position, key=key, listing=listing)
