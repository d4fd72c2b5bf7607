"""`fenix project ...`: what the manager of a project does, by hand."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer
from fenix_client import Client, watch_project
from fenix_client.vnfm import headline

from fenix_grpc.cli import tables
from fenix_grpc.cli.arguments import instance_action_of, word_of
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Exit,
    Format,
    OutputOption,
    Problem,
    ProjectArgument,
    RequestIdOption,
    ServerOption,
    SessionArgument,
    TokenOption,
    call,
)
from fenix_grpc.cli.output import json_line, present, say
from fenix_grpc.v1.project_service_pb2 import (
    GetProjectSessionRequest,
    GetProjectSessionResponse,
    ReplyProjectSessionRequest,
)
from fenix_grpc.v1.types_pb2 import Answer, NoticeKind

app = typer.Typer(
    name="project", help="What sessions ask of a project, for its manager.", no_args_is_help=True
)


@app.command()
def show(
    session_id: SessionArgument,
    project_id: ProjectArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Shows what a session asks of a project now."""
    response = call(server, token, lambda client: _asked(client, session_id, project_id), ca)
    present(response, tables.project_session(response), output)


@app.command()
def reply(
    session_id: SessionArgument,
    project_id: ProjectArgument,
    answer: Annotated[str, typer.Argument(help="ack or nack.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(metavar="NOTICE", help="Such as scale_in; what was asked last by default."),
    ] = "",
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[INSTANCE=]ACTION",
            help="migrate, live_migrate or own_action, for all or for one instance. Repeat it.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; shown to operators.")] = "",
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Replies to what a session asks of a project."""
    request = ReplyProjectSessionRequest(
        session_id=session_id,
        project_id=project_id,
        answer=word_of(Answer, answer, "ANSWER"),
        reason=reason,
        request_id=request_id,
    )
    if to:
        request.kind = word_of(NoticeKind, to, "--to")
    for text in action or []:
        instance_id, chosen = instance_action_of(text, "--action")
        if instance_id == "*":
            request.action = chosen
        else:
            request.instance_actions[instance_id] = chosen

    async def work(client: Client) -> None:
        if not request.kind:
            notice = (await _asked(client, session_id, project_id)).notice
            if not notice.kind:
                raise Problem("the session has not asked anything yet", Exit.REFUSED)
            request.kind, request.notice_id = notice.kind, notice.notice_id
        response = await client.call(client.projects.ReplyProjectSession, request)
        present(response, response.detail or "the reply counted", output)

    call(server, token, work, ca)


async def _asked(client: Client, session_id: str, project_id: str) -> GetProjectSessionResponse:
    request = GetProjectSessionRequest(session_id=session_id, project_id=project_id)
    return await client.call(client.projects.GetProjectSession, request)


@app.command()
def watch(
    project_id: ProjectArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Prints what every session tells a project.

    While it runs, fenix takes it for the project's manager and waits for replies (`fenix project reply`).
    """

    async def work(client: Client) -> None:
        async with aclosing(watch_project(client, project_id)) as responses:
            async for response in responses:
                for notice in response.notices:
                    say(json_line(notice) if output is Format.JSON else headline(notice))

    call(server, token, work, ca)
