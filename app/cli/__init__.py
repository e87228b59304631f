"""The command `twelveweeks`: one file a group; an error is one line on stderr and status 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from app import __version__
from app.cli import errors, printing

STATUS_OF_ERRORS = 2

# Where each command is: the module in this package, and its function or group.
_COMMANDS = {
    "serve": "serve:serve",
    "demo": "demo.demo:demo",
    "due": "due:due",
    "openapi": "openapi:openapi",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "db": "db:app",
    "keyring": "keyring:app",
    "practice": "practices:app",
    "staff": "staff:app",
    "keys": "keys:app",
    "clients": "clients:app",
    "issuers": "issuers:app",
    "signing-keys": "signing_keys:app",
    "import": "imports:app",
    "export": "export:app",
    "patient": "patients:app",
    "audit": "audit:app",
}


class _Commands(TyperGroup):
    """Loads a command when it is called: a server does not hold what the others need."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # Their names, which a list and a wrongly spelled one are answered from.
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]

    def get_command(self, ctx: object, name: str) -> Any:
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(":")
        found = getattr(import_module(f"app.cli.{module}"), attribute)
        alone = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=name)
        else:
            alone.command(name)(found)
        return typer.main.get_group(alone).commands[name]


app = typer.Typer(
    name="twelveweeks",
    cls=_Commands,
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
