"""`fenix session ...`: what an administrator does with sessions."""

from __future__ import annotations

from typing import Annotated

import typer
from fenix_client import Client

from fenix_grpc.cli import tables
from fenix_grpc.cli.arguments import time_of, word_of
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Exit,
    Format,
    OutputOption,
    RequestIdOption,
    ServerOption,
    SessionArgument,
    TokenOption,
    call,
    complain,
    explain,
)
from fenix_grpc.cli.foresight import Foresight
from fenix_grpc.cli.live import ENDED
from fenix_grpc.cli.output import console, json_line, present, say
from fenix_grpc.cli.specification import (
    ActionOption,
    AtOption,
    FailedLiveOption,
    FailureBudgetOption,
    FillLimitOption,
    HostDownOption,
    HostOption,
    LiveSOption,
    MetadataOption,
    PackageOption,
    ParallelHostsOption,
    ParallelMovesOption,
    PreferOption,
    RetireOption,
    SlowLiveOption,
    WindowEndOption,
    WorkflowOption,
    difficult_of,
    options_of,
    specification_of,
)
from fenix_grpc.cli.watching import Lines, Screen, follow
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.session_service_pb2 import (
    DeleteSessionRequest,
    GetSessionDetailRequest,
    GetSessionRequest,
    ListSessionsRequest,
    ListSessionsResponse,
    UpdateSessionRequest,
)
from fenix_grpc.v1.types_pb2 import Package, Session, SessionState

app = typer.Typer(
    name="session", help="Maintenance sessions, for administrators.", no_args_is_help=True
)


@app.command()
def create(
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
    failure_budget: FailureBudgetOption = -1,
    retire: RetireOption = None,
    live_s: LiveSOption = -1.0,
    slow_live: SlowLiveOption = None,
    failed_live: FailedLiveOption = None,
    host_down: HostDownOption = None,
    package: PackageOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it ends.")] = False,
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Creates a session. `fenix plan` with the same options says beforehand what will become of it."""
    start = time_of(at, SystemClock().now())
    options = options_of(preference, parallel_hosts, parallel_moves, fill_limit, window_end, start)
    request = specification_of(host, start, workflow, metadata, action, options)
    request.packages.extend(Package(url=url) for url in package or ())
    if failure_budget >= 0:
        request.options.failure_budget = failure_budget
    request.options.retire.extend(retire or ())
    difficult_of(request.options, live_s, slow_live, failed_live, host_down)
    request.request_id = request_id

    async def work(client: Client) -> Exit:
        created = (await client.call(client.sessions.CreateSession, request)).session
        if watch:
            return await _watch(client, created.session_id, server, output)
        present(created, tables.session_facts(created), output)
        return Exit.OK

    raise typer.Exit(call(server, token, work, ca))


@app.command("list")
def list_(
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Lists the sessions that were not deleted, oldest first."""

    async def work(client: Client) -> list[Session]:
        sessions: list[Session] = []
        request = ListSessionsRequest(page_size=1000)
        while True:
            page = await client.call(client.sessions.ListSessions, request)
            sessions += page.sessions
            if not page.next_page_token:
                return sessions
            request.page_token = page.next_page_token

    sessions = call(server, token, work, ca)
    present(ListSessionsResponse(sessions=sessions), tables.session_list(sessions), output)


@app.command()
def show(
    session_id: SessionArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Shows where a session is, and when it is expected to end."""

    async def work(client: Client) -> tuple[Session, str]:
        request = GetSessionRequest(session_id=session_id)
        session = (await client.call(client.sessions.GetSession, request)).session
        if output is Format.JSON or session.state in ENDED:
            return session, ""
        return session, await Foresight(client, session_id).line()

    session, expected_end = call(server, token, work, ca)
    present(session, tables.session_facts(session, expected_end), output)


@app.command()
def detail(
    session_id: SessionArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Shows everything known of a session, and what it waits for."""

    async def work(client: Client) -> None:
        request = GetSessionDetailRequest(session_id=session_id)
        detail = (await client.call(client.sessions.GetSessionDetail, request)).detail
        present(detail, tables.session_detail(detail), output)

    call(server, token, work, ca)


@app.command()
def watch(
    session_id: Annotated[
        str, typer.Argument(help="The session's id; without one, all sessions as lines.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="STATE", help="Leave when the session enters this state.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on with what is still to come.")
    ] = True,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Follows a session until it ends: live on a terminal, one line per event elsewhere.

    Ends with exit code 3 when the session failed or was deleted.
    """
    state = _state_of(until) if until else None

    async def work(client: Client) -> Exit:
        return await _watch(client, session_id, server, output, until=state, ongoing=follow)

    raise typer.Exit(call(server, token, work, ca))


def _state_of(text: str) -> int:
    """A state by its word; `done` and `failed` are short for the last two."""
    short = {"done": "maintenance_done", "failed": "maintenance_failed"}
    state: int = word_of(SessionState, short.get(text.lower(), text), "--until")
    return state


async def _watch(
    client: Client,
    session_id: str,
    server: str,
    output: Format,
    *,
    until: int | None = None,
    ongoing: bool = True,
) -> Exit:
    terminal = console()
    if output is Format.TABLE and terminal.is_terminal and session_id and ongoing:
        outcome = await Screen(client, session_id, terminal, server).run(until=until)
    else:
        lines = Lines(say, name_session=not session_id)
        outcome = await follow(
            client,
            session_id,
            (lambda event: say(json_line(event))) if output is Format.JSON else lines,
            until=until,
            ongoing=ongoing,
            on_break=lambda failed, _wait_s: complain(f"{explain(failed, server)}; trying again"),
        )
    if outcome is Exit.SESSION_FAILED:
        complain(
            f"the session failed or was deleted; see `fenix session detail {session_id}`, "
            f"go on with `fenix session continue {session_id}`"
        )
    return outcome


@app.command("continue")
def continue_(
    session_id: SessionArgument,
    state: Annotated[
        str, typer.Option(help="State to go on from; the one before the failure by default.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it ends.")] = False,
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Continues a failed session exactly where it stopped."""
    request = UpdateSessionRequest(session_id=session_id, request_id=request_id)
    if state:
        request.state = word_of(SessionState, state, "--state")

    async def work(client: Client) -> Exit:
        session = (await client.call(client.sessions.UpdateSession, request)).session
        if watch:
            return await _watch(client, session_id, server, output)
        present(session, tables.session_facts(session), output)
        return Exit.OK

    raise typer.Exit(call(server, token, work, ca))


@app.command()
def delete(
    session_id: SessionArgument,
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
) -> None:
    """Deletes a session at any time; hosts it keeps out of service are given back."""

    async def work(client: Client) -> None:
        request = DeleteSessionRequest(session_id=session_id, request_id=request_id)
        await client.call(client.sessions.DeleteSession, request)

    call(server, token, work, ca)
