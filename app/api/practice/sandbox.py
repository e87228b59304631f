"""The practice's sandbox: found, keyed, emptied. Its own keys open it, and nothing else."""

from __future__ import annotations

from app.api.access.keys import ApiKeyMadeOut, ApiKeyOut, Scopes
from app.api.access.keys import shown as key_shown
from app.api.shapes import Record, Resource, example, stamps
from app.edge.input.fields import Body, Instant, Text
from app.edge.requests.routing import Door
from app.edge.requests.work import Answer, Work, Working
from app.services.practice import sandboxes

router = Door(tag="sandbox")


class SandboxKeyIn(Body):
    """For a system of that name; without `scopes` it may do everything there."""

    model_config = example({"name": "EHR test", "scopes": ["worklist:search"]})

    name: Text
    scopes: Scopes | None = None
    expires_at: Instant | None = None


class SandboxOut(Resource):
    name: str
    time_zone: str
    keys: list[ApiKeyOut]


class ResetOut(SandboxOut):
    """`removed` counts what went, by kind."""

    removed: dict[str, int]


@router.read("/sandbox", may="sandbox:read", patients=False, gives=SandboxOut)
def show(work: Working) -> Answer:
    """Return the practice's sandbox with its keys; 404 where there is none yet."""
    found = sandboxes.find(work.surroundings.database, work.db, practice_id=work.practice_id)
    return Answer(_shown(work, found))


@router.write(
    "POST",
    "/sandbox",
    may="sandbox:create",
    gives=SandboxOut,
    may_create=True,
    can=("wrong-state",),
)
def found(work: Working) -> Answer:
    """Make the practice's sandbox (201), or return the one there is."""
    sandbox, new = sandboxes.found(work.surroundings.database, work.db, by=work.by, now=work.now)
    where = "/v1/sandbox" if new else None
    return Answer(_shown(work, sandbox), 201 if new else 200, location=where)


@router.write("POST", "/sandbox/keys", may="sandbox:create", gives=ApiKeyMadeOut, status=201)
def make_key(work: Working, body: SandboxKeyIn) -> Answer:
    """Make a key of the sandbox; `key` is told this once."""
    made, key = sandboxes.make_key(
        work.surroundings.database,
        work.db,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        by=work.by,
        now=work.now,
    )
    return Answer(key_shown(made) | {"key": key}, 201, location="/v1/sandbox", secret="key")  # noqa: S106


@router.write("POST", "/sandbox/reset", may="sandbox:update", gives=ResetOut, can=("wrong-state",))
def reset(work: Working) -> Answer:
    """Empty the sandbox: all but its keys, staff, log and published protocols goes."""
    sandbox, removed = sandboxes.reset(
        work.surroundings.database, work.db, by=work.by, now=work.now
    )
    return Answer(_shown(work, sandbox) | {"removed": removed})


def _shown(work: Work, sandbox: Record) -> Record:
    held = sandboxes.keys_of(work.surroundings.database, work.db, sandbox=sandbox)
    shown = {name: sandbox[name] for name in ("id", "name", "time_zone")}
    return shown | stamps(sandbox) | {"keys": [key_shown(key) for key in held]}
