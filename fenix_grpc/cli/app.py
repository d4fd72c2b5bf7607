"""Puts the commands together and says what all have in common."""

from __future__ import annotations

import typer

from fenix_grpc.cli import (
    configuration,
    constraints,
    databases,
    demo,
    managers,
    openstack,
    plans,
    projects,
    servers,
    sessions,
    states,
    tokens,
    verify,
    webhooks,
)
from fenix_grpc.cli.calls import EXIT_CODES

app = typer.Typer(
    name="fenix",
    help="Rolling maintenance of infrastructure hosts without harm to the applications on top.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(servers.serve)
app.command()(servers.gateway)
app.command()(plans.plan)
sessions.app.command("verify")(verify.verify_session)
app.add_typer(sessions.app)
app.add_typer(projects.app)
app.add_typer(constraints.app)
app.add_typer(tokens.app)
app.add_typer(openstack.app)
app.add_typer(webhooks.app)
app.add_typer(databases.app)
app.command()(managers.vnfm)
app.add_typer(configuration.app)
app.command()(states.states)


def main() -> None:
    """The entry point of the command `fenix`."""
    app()
