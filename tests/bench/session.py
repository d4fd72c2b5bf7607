"""A whole session in real time: how much longer it takes than what it had to wait for.

8 hosts, 24 instances of three projects, 1 s for every move and for the work on every host; every project has a manager
that answers each notice over gRPC at once. The server is a process of its own with its journal in a SQLite file.

The critical path is read from the journal: the default workflow empties one host after the other and works on it before
the next, so the visits to its states add up; within a visit, moves run `parallel_moves` at a time and works
`parallel_hosts` at a time. The plain sum is what all moves and works would take one after the other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter

from fenix_client import Backoff, Client, watch_session
from fenix_client.vnfm import Vnfm

from fenix_grpc.core.model import Policy
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, Resources, SessionState, StepVerb
from tests.bench.machine import cpu_s
from tests.bench.report import Figure, figure
from tests.bench.servers import fenix

TITLE = (
    "a session of 8 hosts and 24 instances, 1 s per move, 1 s of work per host, managers over gRPC"
)
ROUNDS = 3
_MOVE_S = _WORK_S = 1.0
_PROJECTS = ("red", "green", "blue")
_CLOUD = """
durations = {live_migrate = 1.0, cold_migrate = 1.0}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
[[hosts]]
name = "c{n}"
count = 8
vcpus = 8
memory_mb = 32768
disk_gb = 200
""" + "".join(
    f"""
[[projects]]
id = "{project}"
[[projects.instances]]
name = "{project}-{{n}}"
count = 8
flavor = "m"
hosts = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]
"""
    for project in _PROJECTS
)
_MORE = '[actions.work]\nkind = "dummy"\n'


class _Steady:
    """An application that never changes: only its manager's answers count here."""

    async def instances(self) -> Mapping[str, str]:
        return {}

    async def scale_in(self, amount: Resources, suggested: Sequence[str] = ()) -> Sequence[str]:
        return ()

    async def scale_out(self) -> Sequence[str]:
        return ()

    async def replace(self, instance_id: str) -> str:
        return instance_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One session."""

    wall_s: float
    critical_path_s: float
    plain_sum_s: float
    #: Processor time of the server.
    cpu_s: float
    moves: int
    events: int


async def run(directory: Path) -> list[Figure]:
    """Wall time beside the critical path."""
    runs = [await _session(directory / f"run{number}") for number in range(ROUNDS)]
    walls = [each.wall_s for each in runs]
    moves = median(each.moves for each in runs)
    events = median(each.events for each in runs)
    return [
        figure(
            "wall time",
            walls,
            "s",
            yardstick=[each.critical_path_s for each in runs],
            beside="critical path",
            wanted="1.05 at most",
            note=f"{moves:.0f} moves, {events:.0f} events",
        ),
        figure(
            "wall time",
            walls,
            "s",
            yardstick=[each.plain_sum_s for each in runs],
            beside="plain sum of moves and works",
            note="upstream: 4.4",
        ),
        figure("critical path", [each.critical_path_s for each in runs], "s"),
        figure(
            "beyond the critical path",
            [(each.wall_s - each.critical_path_s) / each.events * 1e3 for each in runs],
            "ms/event",
        ),
        figure("server", [each.cpu_s for each in runs], "s CPU"),
    ]


async def _session(directory: Path) -> _Run:
    async with (
        fenix(directory, _CLOUD, _MORE) as server,
        server.client() as client,
        _managed(client),
    ):
        request = CreateSessionRequest()
        request.maintenance_at.GetCurrentTime()
        request.actions.add(plugin="work", type=ActionType.ACTION_TYPE_HOST)
        request.actions[0].metadata["seconds"] = _WORK_S
        began, cpu = perf_counter(), cpu_s(server.pid)
        created = await client.call(client.sessions.CreateSession, request)
        journal = [
            event
            async for response in watch_session(client, created.session.session_id)
            for event in response.events
        ]
        wall_s, used_s = perf_counter() - began, cpu_s(server.pid) - cpu
    last = journal[-1].state_entered
    if last.state != SessionState.SESSION_STATE_MAINTENANCE_DONE:
        raise RuntimeError(f"the session did not end well: {last.reason}")
    moves, works = _visits(journal)
    policy = Policy()
    return _Run(
        wall_s=wall_s,
        critical_path_s=sum(ceil(n / policy.parallel_moves) for n in moves.values()) * _MOVE_S
        + sum(ceil(n / policy.parallel_hosts) for n in works.values()) * _WORK_S,
        plain_sum_s=moves.total() * _MOVE_S + works.total() * _WORK_S,
        cpu_s=used_s,
        moves=moves.total(),
        events=len(journal),
    )


def _visits(journal: Sequence[SessionEvent]) -> tuple[Counter[int], Counter[int]]:
    """How many moves, and how many runs of the work, began in each visit to a state."""
    moves: Counter[int] = Counter()
    works: Counter[int] = Counter()
    visit = 0
    for event in journal:
        if event.HasField("state_entered"):
            visit += 1
        elif event.step_started.verb == StepVerb.STEP_VERB_MOVE_INSTANCE:
            moves[visit] += 1
        elif event.step_started.verb == StepVerb.STEP_VERB_RUN_ACTION:
            works[visit] += 1
    return moves, works


@asynccontextmanager
async def _managed(client: Client) -> AsyncIterator[None]:
    """The sample manager of each project, connected."""
    connected = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        managers = [
            group.create_task(
                Vnfm(
                    client,
                    project_id,
                    _Steady(),
                    backoff=Backoff(on_open=connected.release),
                    say=lambda line: None,
                ).run()
            )
            for project_id in _PROJECTS
        ]
        for _ in managers:
            await connected.acquire()
        yield
        for manager in managers:
            manager.cancel()
