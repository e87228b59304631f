"""Imports of a clinic's history: load, look at, take back."""

from __future__ import annotations

from datetime import datetime

from app.api.shapes import Record, Resource, Shape, stamps
from app.data.import_mapping import builtin_mapping
from app.db.rows.base import picked
from app.db.rows.imports import ImportBatchRow
from app.edge.input.fields import PathId, QueryFlag
from app.edge.input.json_body import UnsupportedMediaType
from app.edge.input.preconditions import etag
from app.edge.requests.request_context import Answer, Ctx, RequestContext
from app.edge.requests.routing import ResourceRouter
from app.services.imports import imports

router = ResourceRouter(tag="imports")

_OPENAPI = {
    "requestBody": {
        "required": True,
        "description": "The spreadsheet saved as CSV, with a header line.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    },
    "responses": {
        "200": {
            "description": "Nothing was saved: a dry run, or nothing new.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LoadOut"}}},
        }
    },
}


class RemarkOut(Shape):
    line: int
    column: str | None
    code: str
    message: str


class LoadOut(Shape):
    """Every row is accepted, skipped (there already) or rejected; line 1 is the header.

    `id` is null where nothing was saved: a dry run, or a file that brought nothing new.
    """

    id: str | None
    file_name: str
    dry_run: bool
    accepted: int
    skipped: int
    skipped_lines: list[int]
    rejected: list[RemarkOut]
    warnings: list[RemarkOut]
    created: dict[str, int]


class ImportOut(Resource):
    file_name: str
    accepted: int
    skipped: int
    rejected: list[RemarkOut]
    warnings: list[RemarkOut]
    created: dict[str, int]
    by_name: str
    reverted_at: datetime | None


class RevertOut(ImportOut):
    """What the import made is removed, except what was changed or built on since: `kept`."""

    removed: dict[str, int]
    kept: dict[str, int]


def _shown(batch: ImportBatchRow) -> Record:
    same = ("id", "file_name", "accepted", "skipped", "rejected", "warnings", "by_name")
    created = {kind: len(ids) for kind, ids in batch["created"].items()}
    return (
        picked(batch, same)
        | {"created": created | {"session": batch["accepted"]}}
        | {"reverted_at": batch["reverted_at"]}
        | stamps(batch)
    )


def _check_csv(ctx: RequestContext) -> None:
    kind = (ctx.header("content-type") or "").partition(";")[0]
    if kind.strip().lower() != "text/csv":
        raise UnsupportedMediaType("Send the file as text/csv.")


@router.write(
    "POST",
    "/imports/history",
    permission="imports:create",
    response_model=LoadOut,
    status=201,
    problems=("bad-import-file",),
    openapi_extra=_OPENAPI,
)
def load_history(ctx: Ctx, dry_run: QueryFlag = False) -> Answer:
    """Load treatments from a spreadsheet: 201 when any are new, else 200 and nothing saved."""
    _check_csv(ctx)
    report = imports.load_history(
        ctx.db,
        content=ctx.request.scope["state"]["raw_body"],
        mapping=builtin_mapping(),
        dry_run=dry_run,
        by=ctx.by,
        now=ctx.now,
    )
    if report.import_id is None:
        return Answer(report.document())
    where = f"/v1/imports/{report.import_id}"
    return Answer(report.document(), 201, etag(1), where)


@router.read(
    "/imports/{id}", permission="imports:read", patients=False, response_model=ImportOut, etag=True
)
def show(ctx: Ctx, id: PathId) -> Answer:
    """Return one import: counts, refused rows, warnings."""
    batch = imports.get(ctx.db, import_id=id, practice_id=ctx.practice_id)
    return Answer(_shown(batch), etag=etag(batch["version"]))


@router.write(
    "POST",
    "/imports/{id}/revert",
    permission="imports:update",
    response_model=RevertOut,
    problems=("wrong-state",),
)
def revert(ctx: Ctx, id: PathId) -> Answer:
    """Revert an import, once; afterwards the same file can be loaded again."""
    done = imports.revert(ctx.db, import_id=id, by=ctx.by, now=ctx.now)
    shown = _shown(done.batch) | {"removed": done.removed, "kept": done.kept}
    return Answer(shown, etag=etag(done.batch["version"]))
