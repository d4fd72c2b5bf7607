"""`fenix demo`: a whole maintenance on a simulated cloud, with real processes, for who sees fenix for the first time.

A server with its REST gateway, a manager that talks gRPC and one that talks plain REST run beside this process, which
is the administrator. Everything is in one temporary directory and ends with the command.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import tempfile
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import fenix_client
import typer
from fenix_client import Backoff, Client, connect, patiently, watch_session
from rich.console import Group, RenderableType
from rich.text import Text

from fenix_grpc.cli.arguments import action_of
from fenix_grpc.cli.calls import Exit, complain, run
from fenix_grpc.cli.output import console, say
from fenix_grpc.cli.processes import Processes, free_ports, started
from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.cli.summary import as_table, summarise
from fenix_grpc.cli.watching import Lines, Screen, follow
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import DEMO, SimulatedCloud
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, ListSessionsRequest

#: Seconds that a move, and the work on a host, take at normal speed, for a start.
_EXPECTED_S = 1.0
#: Name, when it runs and seconds it takes at normal speed.
_ACTIONS = (
    ("backup", "pre", 0.5),
    ("firmware", "host", 0.4),
    ("hypervisor", "compute", 0.5),
    ("control-plane", "controller", 0.8),
    ("report", "post", 0.5),
)
_INTRODUCTION = """\
A maintenance of a simulated cloud: 1 controller and 9 compute hosts, nearly full
with 40 instances of 3 projects, each of which is asked before anything happens:
  vnf-grpc    its manager talks gRPC: live migration, and some it replaces itself
  vnf-rest    its manager talks plain REST: cold migration
  unmanaged   nobody answers for it: policy does
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything is."""

    directory: Path
    grpc: str
    rest: str
    #: 2 is twice as fast.
    speed: float

    @property
    def cloud(self) -> Path:
        """The description of the cloud."""
        return self.directory / "cloud.toml"

    @property
    def state(self) -> Path:
        """The cloud itself."""
        return self.directory / "cloud.sqlite"

    @property
    def config(self) -> Path:
        """The server's configuration."""
        return self.directory / "fenix.toml"


def demo(
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="2 is twice as fast.")] = 1.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave all running until Ctrl-C, to look around.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live picture.")
    ] = False,
) -> None:
    """Shows a whole maintenance on a simulated cloud, live. Takes half a minute and needs nothing."""
    with tempfile.TemporaryDirectory(prefix="fenix-demo-") as directory:
        grpc_port, rest_port = free_ports(2)
        stage = Stage(
            directory=Path(directory),
            grpc=f"127.0.0.1:{grpc_port}",
            rest=f"127.0.0.1:{rest_port}",
            speed=speed,
        )
        raise typer.Exit(run(_play(stage, keep=keep, plain=plain)))


async def _play(stage: Stage, *, keep: bool, plain: bool) -> Exit:
    """The whole demonstration; how its session ended."""
    _write(stage)
    say(_INTRODUCTION)
    async with AsyncExitStack() as ends:
        ends.enter_context(_ended_by_signals())
        cloud = SimulatedCloud.open(stage.cloud, clock=SystemClock(), state=str(stage.state))
        ends.push_async_callback(cloud.aclose)
        processes = await ends.enter_async_context(started(stage.directory))
        client = await ends.enter_async_context(connect(stage.grpc))
        before = await cloud.inventory()
        await _start(stage, processes, client)
        session_id = await _create(stage, client)
        outcome = await _while_all_run(processes, _show(stage, client, session_id, plain=plain))
        journal = await _journal(client, session_id)
        after, operations = await cloud.inventory(), cloud.operations()
        broken = broken_promises(before, after, operations, journal)
        say("")
        console().print(Group(as_table(summarise(journal)), Text(), _verdict(broken)))
        if outcome:
            complain("the session did not end in MAINTENANCE_DONE; its last lines above say why")
        if keep:
            say(_look_around(stage, session_id))
            await processes.watch()
        say("\nTo look around in it while it runs: fenix demo --keep")
    return outcome or (Exit.ERROR if any(broken.values()) else Exit.OK)


def _write(stage: Stage) -> None:
    """The files that the processes start from."""
    stage.cloud.write_text(_at_speed(DEMO.read_text(), stage.speed))
    actions = "\n".join(f'[actions.{name}]\nkind = "dummy"' for name, _, _ in _ACTIONS)
    stage.config.write_text(
        f"""\
[server]
grpc_listen = "{stage.grpc}"
rest_listen = "{stage.rest}"

[database]
url = "sqlite:///{stage.directory}/fenix.sqlite"

[cloud]
kind = "simulated"
options = {{ file = "{stage.cloud}", state = "{stage.state}" }}

[timers]
poll_s = 0.5
expected_move_s = {_EXPECTED_S / stage.speed}
expected_work_s = {_EXPECTED_S / stage.speed}

{actions}
"""
    )


def _at_speed(cloud: str, speed: float) -> str:
    """The description of a cloud in which everything takes its share of the time."""
    durations = re.compile(r"^(live_migrate|cold_migrate|disable|enable|boot) = ([0-9.]+)$", re.M)
    return durations.sub(lambda found: f"{found[1]} = {float(found[2]) / speed:.3f}", cloud)


async def _start(stage: Stage, processes: Processes, client: Client) -> None:
    """Starts all processes, one after the other as each is ready."""
    fenix = [sys.executable, "-m", "fenix_grpc.cli"]
    await processes.start("server", [*fenix, "serve", "--config", str(stage.config)])
    backoff = Backoff(first_s=0.1, most_s=0.1, attempts=300, on_break=lambda *_: processes.check())
    request = ListSessionsRequest()
    await patiently(lambda: client.call(client.sessions.ListSessions, request), backoff)
    simulated = ["--simulated", str(stage.state), "--cloud-file", str(stage.cloud)]
    wishes = ["--action", "worker-1*=own_action", "--action", "live_migrate"]
    manager = [*fenix, "vnfm", "vnf-grpc", "--server", stage.grpc, *simulated, *wishes]
    await processes.start("vnf-grpc", manager)
    hook = f"{sys.executable} -m fenix_grpc.cli.simulated_application vnf-rest {stage.state} {stage.cloud}"
    sample = Path(fenix_client.__file__).with_name("rest_vnfm.py")
    url = f"http://{stage.rest}"
    await processes.start(
        "vnf-rest", [sys.executable, str(sample), "vnf-rest", "--url", url, "--hook", hook]
    )
    for name in ("vnf-grpc", "vnf-rest"):
        await processes.until_printed(name, "listening")


async def _create(stage: Stage, client: Client) -> str:
    """The session that is shown."""
    actions = [
        action_of(f'{kind}:{name}:{{"seconds": {seconds / stage.speed}}}')
        for name, kind, seconds in _ACTIONS
    ]
    request = CreateSessionRequest(maintenance_at=SystemClock().now(), actions=actions)
    return (await client.call(client.sessions.CreateSession, request)).session.session_id


def _show(stage: Stage, client: Client, session_id: str, *, plain: bool) -> Awaitable[Exit]:
    """Shows the session until it ends: live on a terminal, as lines elsewhere."""
    terminal = console()
    if terminal.is_terminal and not plain:
        return Screen(client, session_id, terminal, stage.grpc).run()
    return follow(client, session_id, Lines(say, routine=False))


async def _while_all_run(processes: Processes, showing: Awaitable[Exit]) -> Exit:
    """The result of `showing`; a process that dies ends it at once with Problem."""
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(processes.watch())
        outcome = await showing
        watching.cancel()
    return outcome


async def _journal(client: Client, session_id: str) -> list[SessionEvent]:
    watch = watch_session(client, session_id, follow=False)
    return [event async for response in watch for event in response.events]


def _verdict(broken: Mapping[str, Sequence[str]]) -> RenderableType:
    """A line for each promise, with the cases in which it was broken."""
    lines = []
    for promise, cases in broken.items():
        mark = ("✗ ", "bold red") if cases else ("✓ ", "bold green")
        lines.append(Text.assemble(mark, promise))
        lines += [Text(f"    {case}", style="red") for case in cases]
    return Group(*lines)


def _look_around(stage: Stage, session_id: str) -> str:
    return f"""
All of it is still running. In another terminal:
  export FENIX_SERVER={stage.grpc}
  fenix session detail {session_id}
  fenix session create --action host:firmware --watch
  curl http://{stage.rest}/v1/maintenance/{session_id}
The log of the server and the words of the managers are in {stage.directory}
Ctrl-C ends it all."""


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP cancel the task, so that what it has started is ended."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = (signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
