"""`fenix plan`: what will become of a session, without doing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from fenix_client import Client

from fenix_grpc.cli import gantt, gantt_svg
from fenix_grpc.cli.arguments import time_of
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Exit,
    Format,
    OutputOption,
    ServerOption,
    TokenOption,
    call,
)
from fenix_grpc.cli.chart import chart
from fenix_grpc.cli.output import console, present
from fenix_grpc.cli.plan_tables import complete, expected_end, plan_report
from fenix_grpc.cli.specification import (
    ActionOption,
    AtOption,
    FillLimitOption,
    HostOption,
    MetadataOption,
    ParallelHostsOption,
    ParallelMovesOption,
    PreferOption,
    WindowEndOption,
    WorkflowOption,
    options_of,
    specification_of,
)
from fenix_grpc.cli.words import count
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.plan_pb2 import SessionPlan
from fenix_grpc.v1.session_service_pb2 import PlanSessionRequest
from fenix_grpc.v1.types_pb2 import SessionOptions

#: Seconds that a plan of very many hosts may take.
PLAN_TIMEOUT_S = 120.0
#: The picture in a file or a pipe, where nothing says how wide it may be.
_PIPE_WIDTH = 120

SvgOption = Annotated[
    Path | None,
    typer.Option(
        "--svg", metavar="FILE", help="Draws it there as well.", show_default=False, dir_okay=False
    ),
]


def plan(
    session_id: Annotated[
        str, typer.Argument(help="A session; without one, a dry run of what the options say.")
    ] = "",
    host: HostOption = None,
    at: AtOption = "now",
    workflow: WorkflowOption = "default",
    metadata: MetadataOption = None,
    action: ActionOption = None,
    preference: PreferOption = None,
    parallel_hosts: ParallelHostsOption = 0,
    parallel_moves: ParallelMovesOption = 0,
    fill_limit: FillLimitOption = 0.0,
    window_end: WindowEndOption = "",
    svg: SvgOption = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Plans a session without doing anything: which hosts when, which instance where, when it ends, what is in the way.

    With the options of `fenix session create` it is a dry run; with a session's id, what is left of that session. Ends
    with exit code 7 when something that was asked for cannot be planned.
    """
    start = time_of(at, SystemClock().now())
    options = options_of(preference, parallel_hosts, parallel_moves, fill_limit, window_end, start)
    specification = specification_of(host, start, workflow, metadata, action, options)
    request = PlanSessionRequest(specification=specification)
    if session_id:
        nothing = specification_of(None, start, "default", None, None, SessionOptions())
        _check_as_it_is(at == "now" and specification == nothing)
        request = PlanSessionRequest(session_id=session_id)
    elif at == "now":
        request.specification.ClearField("maintenance_at")

    async def work(client: Client) -> SessionPlan:
        planning = client.sessions.PlanSession
        return (await client.call(planning, request, timeout_s=PLAN_TIMEOUT_S)).plan

    planned = call(server, token, work, ca)
    if svg is not None:
        _draw(planned, svg)
    terminal = console()
    width = terminal.width if terminal.is_terminal else _PIPE_WIDTH
    picture = gantt.gantt(chart(planned, gantt.MOST_ROWS), width)
    present(planned, plan_report(planned, picture), output)
    raise typer.Exit(int(Exit.OK if complete(planned) else Exit.NOT_ALL))


def _check_as_it_is(nothing_said: bool) -> None:
    """A session is planned as it is; options would say something else."""
    if not nothing_said:
        raise typer.BadParameter(
            "a session is planned as it was created; leave out its id for a dry run with options",
            param_hint="SESSION_ID",
        )


def _draw(planned: SessionPlan, file: Path) -> None:
    name = f"Session {planned.session_id}" if planned.session_id else "Planned maintenance"
    figures = (
        f"{count(len(planned.hosts), 'host')}, {count(len(planned.moves), 'move')}, "
        f"{count(planned.rounds, 'round')}; expected end {expected_end(planned)}"
    )
    drawn = gantt_svg.svg(chart(planned, gantt_svg.MOST_ROWS), name, figures)
    file.write_text(drawn, encoding="utf-8")
