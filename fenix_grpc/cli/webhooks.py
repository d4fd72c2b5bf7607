"""`fenix webhook ...`: where a project's manager wants to be told by HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from fenix_client import Client
from rich.console import RenderableType
from rich.text import Text

from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    Exit,
    Format,
    OutputOption,
    ProjectArgument,
    RequestIdOption,
    ServerOption,
    TokenOption,
    call,
    fail,
)
from fenix_grpc.cli.output import present, say
from fenix_grpc.cli.tables import columns
from fenix_grpc.cli.words import clean, day_time
from fenix_grpc.v1 import project_service_pb2 as pb

app = typer.Typer(
    name="webhook",
    help="Where the manager of a project is told by HTTP.",
    no_args_is_help=True,
)


@app.command()
def create(
    project_id: ProjectArgument,
    url: Annotated[str, typer.Argument(metavar="URL", show_default=False)],
    secret_file: Annotated[
        Path | None, typer.Option(help="A file with the secret that requests are signed with.")
    ] = None,
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Has everything that the project is told sent to a URL."""
    try:
        secret = secret_file.read_text(encoding="utf-8").strip() if secret_file else ""
    except (OSError, UnicodeDecodeError) as err:
        fail(f"{secret_file}: {err}", Exit.USAGE)
    request = pb.CreateWebhookRequest(
        project_id=project_id, url=url, secret=secret, request_id=request_id
    )

    async def work(client: Client) -> pb.CreateWebhookResponse:
        return await client.call(client.projects.CreateWebhook, request)

    webhook = call(server, token, work).webhook
    present(webhook, _table([webhook]), output)


@app.command("list")
def list_(
    project_id: ProjectArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Lists the webhooks of a project."""

    async def work(client: Client) -> pb.ListWebhooksResponse:
        request = pb.ListWebhooksRequest(project_id=project_id)
        return await client.call(client.projects.ListWebhooks, request)

    found = call(server, token, work)
    present(found, _table(list(found.webhooks)), output)


@app.command()
def delete(
    project_id: ProjectArgument,
    webhook_id: Annotated[str, typer.Argument(metavar="WEBHOOK", show_default=False)],
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Ends a webhook."""

    async def work(client: Client) -> pb.DeleteWebhookResponse:
        request = pb.DeleteWebhookRequest(project_id=project_id, webhook_id=webhook_id)
        return await client.call(client.projects.DeleteWebhook, request)

    call(server, token, work)
    say(f"webhook {webhook_id} deleted")


def _table(webhooks: list[pb.Webhook]) -> RenderableType:
    if not webhooks:
        return Text("There are no webhooks. Make one with `fenix webhook create`.", style="dim")
    table = columns("webhook", "url", "signed", "created")
    for hook in webhooks:
        signed = "yes" if hook.signed else "no"
        table.add_row(hook.webhook_id, clean(hook.url), signed, day_time(hook.created_at))
    return table
