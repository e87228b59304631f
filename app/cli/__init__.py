"""The command `twelveweeks`: one file a group; an error is one line on stderr and status 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from app import __version__
from app.cli import (
    audit,
    backup,
    clients,
    db,
    due,
    errors,
    export,
    imports,
    issuers,
    keyring,
    keys,
    openapi,
    patients,
    practices,
    printing,
    serve,
    signing_keys,
    staff,
)
from app.cli.demo import demo

STATUS_OF_ERRORS = 2

app = typer.Typer(
    name="twelveweeks",
    help="Botulinum toxin cycles for headache clinics: who is due, since when, and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        printing.say(f"twelveweeks {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _about(
    asked: typer.Context,
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_version, help="Show the version."
    ),
) -> None:
    """Botulinum toxin cycles for headache clinics: who is due, since when, and why."""
    if asked.invoked_subcommand is None:
        printing.say(asked.get_help())


app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("due")(due.due)
app.command("openapi")(openapi.openapi)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(db.app, name="db")
app.add_typer(keyring.app, name="keyring")
app.add_typer(practices.app, name="practice")
app.add_typer(staff.app, name="staff")
app.add_typer(keys.app, name="keys")
app.add_typer(clients.app, name="clients")
app.add_typer(issuers.app, name="issuers")
app.add_typer(signing_keys.app, name="signing-keys")
app.add_typer(imports.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(patients.app, name="patient")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command of this process's arguments and end the process with its status."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        status = typer.main.get_command(app).main(
            args=list(arguments) if arguments is not None else None,
            prog_name="twelveweeks",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the answer has seen enough; the interpreter must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        printing.tell("twelveweeks: stopped")
        return 130
    except Exception as error:
        told = errors.one_line(error)
        if told:
            printing.tell(f"twelveweeks: {told}")
        return STATUS_OF_ERRORS
    return status if isinstance(status, int) else 0
