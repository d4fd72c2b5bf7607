"""`fenix db`: looks after the database itself. Unlike other commands it speaks to no server but to the database that
the servers' configuration names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fenix_grpc.cli.arguments import age_of
from fenix_grpc.cli.calls import Exit, Format, OutputOption, run
from fenix_grpc.cli.output import console, say
from fenix_grpc.cli.tables import facts

if TYPE_CHECKING:
    from fenix_grpc.store import Database, Purged

app = typer.Typer(
    name="db", help="Looks after the database that the configuration names.", no_args_is_help=True
)
ConfigOption = Annotated[
    Path | None,
    typer.Option(envvar="FENIX_CONFIG", help="The servers' configuration in TOML."),
]
#: Changing large tables takes its time.
_UPGRADE_S = 3600.0


@app.command()
def check(config: ConfigOption = None, output: OutputOption = Format.TABLE) -> None:
    """Says whether this fenix can work on the tables that are there. Exit code 5: not without an upgrade."""
    from fenix_grpc.store import schema
    from fenix_grpc.store.versions import Fit

    async def work() -> Fit:
        with closing(_opened(config)) as database:
            found = database.version()
            _present(
                {
                    "database": database.name,
                    "kind": database.kind,
                    "revision": found.revision,
                    "needed": schema.REVISION,
                    "tables": found.fit.value,
                    "to_do": _TO_DO[found.fit.value],
                },
                output,
            )
            return found.fit

    if run(work()) not in (Fit.EMPTY, Fit.CURRENT):
        raise typer.Exit(int(Exit.REFUSED))


_TO_DO = {
    "empty": "nothing: a server makes them when it starts",
    "older": "make a backup, stop all servers, run `fenix db upgrade`",
    "current": "nothing",
    "newer": "use the fenix that made them, or a later one",
}


@app.command()
def upgrade(config: ConfigOption = None, output: OutputOption = Format.TABLE) -> None:
    """Makes the tables, or brings those of an older fenix up to date. Make a backup and stop all servers first."""

    async def work() -> None:
        with closing(_opened(config, _UPGRADE_S)) as database:
            before, after = database.upgrade()
            found = {"database": database.name, "was": before.revision, "is": after.revision}
            _present(found, output)

    run(work())


@app.command()
def purge(
    older_than: Annotated[str, typer.Option(help="Such as 90d or 36h: how long ago they ended.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only counts.")] = False,
    config: ConfigOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Deletes sessions that ended long ago, with everything that belongs to them; servers may be running. One that
    failed has not ended until it is deleted."""
    age = age_of(older_than, "--older-than")

    async def work() -> None:
        from fenix_grpc.clock import SystemClock
        from fenix_grpc.config import load
        from fenix_grpc.store import Retention, SqlJournal

        told = load(config).database
        journal = await SqlJournal.open(told.url, shared=False, timeout_s=told.timeout_s)
        async with aclosing(journal):
            before = SystemClock().now() - age
            _show_purged(await Retention(journal).purge(before, dry_run=dry_run), dry_run, output)

    run(work())


def _show_purged(purged: Purged, dry_run: bool, output: Format) -> None:
    found = {"sessions": purged.sessions, "events": purged.events, "requests": purged.requests}
    _present({"deleted": "nothing, this is what would be" if dry_run else "yes", **found}, output)


def _opened(config: Path | None, timeout_s: float | None = None) -> Database:
    from fenix_grpc.config import load
    from fenix_grpc.store import Database

    told = load(config).database
    return Database(told.url, timeout_s or told.timeout_s)


def _present(found: Mapping[str, str | int], output: Format) -> None:
    if output is Format.JSON:
        say(json.dumps(found, indent=2))
    else:
        console().print(
            facts([(name.replace("_", " "), str(text)) for name, text in found.items()])
        )
