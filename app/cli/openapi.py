"""`twelveweeks openapi`: the contract of the REST interface."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from app.cli import context, printing
from app.cli.context import Json


def openapi(as_json: Json = False) -> None:
    """Print the OpenAPI document; it is JSON with and without --json."""
    # Half a second to load, which no other command should wait for.
    from app.main import create_app

    with TemporaryDirectory() as folder:
        # Nothing is read or written, so whatever database is set stays out of it.
        nowhere = {"database_url": f"sqlite:///{folder}/none.db"}
        document = create_app(context.settings().model_copy(update=nowhere)).openapi()
    printing.emit(document, True, lambda: None)
