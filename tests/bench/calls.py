"""GetSession over both doors beside a bare grpc.aio echo: requests per second, and processor time of the server.

The three take turns, so that whatever else the machine does falls on all of them alike. Each round has new processes:
what a call costs the same program varies from one to the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

from fenix_client import watch_session

from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, GetSessionRequest
from tests.bench.echo import ECHO
from tests.bench.load import Caller, GrpcCaller, HttpCaller, Window, measure
from tests.bench.report import Figure, figure
from tests.bench.servers import Server, echo, fenix

TITLE = "GetSession, 32 calls in flight (gRPC: 8 connections, REST: 32), server process only"
ROUNDS = 5
SECONDS = 1.5
_GRPC_CONNECTIONS, _CALLS_EACH, _HTTP_CONNECTIONS = 8, 4, 32
_BARE = "bare grpc.aio echo"  # of as many bytes as are answered
_GET_SESSION = "/fenix.v1.SessionService/GetSession"
_CLOUD = """
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
[[hosts]]
name = "c{n}"
count = 4
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "red"
[[projects.instances]]
name = "r-{n}"
count = 8
flavor = "m"
"""
#: All callers are one here, and it may do what it can.
_MORE = "[limits]\ncalls_per_s = 1e6\ncalls_burst = 1000000\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of those that take turns."""

    name: str
    make: Callable[[], Caller]
    connections: int
    address: str
    pid: int

    async def turn(self) -> Window:
        """Keeps it busy for a while."""
        return await measure(
            self.make,
            connections=self.connections,
            address=self.address,
            pid=self.pid,
            seconds=SECONDS,
        )


async def run(directory: Path) -> list[Figure]:
    """Requests per second and processor time per request of each."""
    windows: defaultdict[str, list[Window]] = defaultdict(list)
    for number in range(ROUNDS):
        place = directory.with_name(f"{directory.name}-{number}")
        async with fenix(place, _CLOUD, _MORE) as server, echo() as (address, pid):
            request, answer = await _a_session(server)
            sides = _sides(server, request, answer, address, pid)
            for side in (*sides, *reversed(sides)):
                windows[side.name].append(await side.turn())
    return _figures(windows)


def _sides(
    server: Server, request: GetSessionRequest, answer: bytes, echo_address: str, echo_pid: int
) -> Sequence[_Side]:
    asked = request.SerializeToString()
    return (
        _Side(
            name=_BARE,
            make=partial(GrpcCaller, ECHO, answer, answer, _CALLS_EACH),
            connections=_GRPC_CONNECTIONS,
            address=echo_address,
            pid=echo_pid,
        ),
        _Side(
            name="GetSession over gRPC",
            make=partial(GrpcCaller, _GET_SESSION, asked, answer, _CALLS_EACH),
            connections=_GRPC_CONNECTIONS,
            address=server.grpc,
            pid=server.pid,
        ),
        _Side(
            name="GetSession over REST",
            make=partial(HttpCaller, f"/v1/maintenance/{request.session_id}"),
            connections=_HTTP_CONNECTIONS,
            address=server.rest.removeprefix("http://"),
            pid=server.pid,
        ),
    )


async def _a_session(server: Server) -> tuple[GetSessionRequest, bytes]:
    """How to ask for a session that waits for a later day, so that nothing goes on beside the calls, and the answer."""
    create = CreateSessionRequest()
    create.maintenance_at.FromDatetime(SystemClock().now() + timedelta(days=1))
    create.metadata["release"] = "2030.1"
    async with server.client() as client:
        created = await client.call(client.sessions.CreateSession, create)
        get = GetSessionRequest(session_id=created.session.session_id)
        async for response in watch_session(client, get.session_id):
            if any(event.HasField("project_defaulted") for event in response.events):
                break
        answer = await client.call(client.sessions.GetSession, get)
    return get, answer.SerializeToString()


def _figures(windows: Mapping[str, Sequence[Window]]) -> list[Figure]:
    """First how much it does, then what it costs; both beside the echo of the same round."""
    rates = {name: [window.requests_per_s for window in each] for name, each in windows.items()}
    costs = {name: [window.cpu_us for window in each] for name, each in windows.items()}
    busy = {name: median(window.busy for window in each) for name, each in windows.items()}
    return [
        *(
            _beside_echo(name, rates, "requests/s", f"{share:.0%} of a core")
            for name, share in busy.items()
        ),
        *(_beside_echo(name, costs, "µs CPU/request", "") for name in costs),
    ]


def _beside_echo(name: str, rounds: Mapping[str, Sequence[float]], unit: str, note: str) -> Figure:
    if name == _BARE:
        return figure(name, rounds[name], unit, note=note)
    return figure(name, rounds[name], unit, yardstick=rounds[_BARE], beside=_BARE, note=note)
