"""`fenix config ...`: about the file that a server reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fenix_grpc.cli.calls import Exit, complain, fail

app = typer.Typer(name="config", help="The configuration of a server.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The configuration of a server."""


@app.command("import")
def import_(
    old: Annotated[Path, typer.Argument(help="A fenix.conf of OpenStack Fenix.")],
    clouds: Annotated[
        Path | None,
        typer.Option(help="Where to write the entry for clouds.yaml, with the password."),
    ] = None,
) -> None:
    """Writes the fenix.toml that means the same to standard output, and what else is to be done to standard error."""
    from fenix_grpc.core.errors import InvalidRequest
    from fenix_grpc.migrate import migrate

    try:
        migrated = migrate(old.read_text(encoding="utf-8"))
        if clouds and migrated.clouds_yaml:
            clouds.touch(mode=0o600)
            clouds.write_text(migrated.clouds_yaml, encoding="utf-8")
    except (OSError, UnicodeDecodeError, InvalidRequest) as err:
        fail(f"{old}: {err}", Exit.USAGE)
    typer.echo(migrated.toml, nl=False)
    for note in migrated.notes:
        complain(f"note: {note}")
    if migrated.clouds_yaml and not clouds:
        complain("note: --clouds FILE writes the entry for clouds.yaml")
