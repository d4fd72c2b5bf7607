"""`fenix token ...`: tokens for sites without Keystone."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from fenix_grpc.access import Word
from fenix_grpc.cli.output import say
from fenix_grpc.clock import SystemClock
from fenix_grpc.identity.static import Entry, digest, line_of, new_token

app = typer.Typer(name="token", help="Tokens for sites without Keystone.", no_args_is_help=True)


@app.callback()
def _token() -> None:
    """Keeps `new` a command of its own."""


@app.command()
def new(
    name: Annotated[str, typer.Option(help="Whose token it is, as logs and journals show it.")],
    role: Annotated[Word, typer.Option(help="What it allows.")] = "project",
    project: Annotated[str, typer.Option(help="The project that a manager speaks for.")] = "",
    days: Annotated[float, typer.Option(min=0, help="How long it counts; 0 for ever.")] = 0,
) -> None:
    """Makes a token: prints it, and on standard error the line for the file of auth.static.

    Nobody can show the token again: the file has only its SHA-256.
    """
    if (role == "project") != bool(project):
        text = "a project belongs to the role project, and to no other"
        raise typer.BadParameter(text, param_hint="--project")
    token = new_token()
    expires = SystemClock().now() + timedelta(days=days) if days else None
    entry = Entry(role=role, project=project, sha256=digest(token), expires=expires)
    sys.stderr.write(f"# under [tokens] in the file of auth.static:\n{line_of(name, entry)}\n")
    say(token)
