"""How long it takes from a reply of a project until 1,000 watchers of the session have the event.

The clock starts before the reply is sent, so its way to the server and its commit to the disk are within. A session
waits for the replies of many managers; each but the last appends one event and changes nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from fenix_client import Client, watch_session

from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.project_service_pb2 import ReplyProjectSessionRequest
from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    WatchSessionRequest,
    WatchSessionResponse,
)
from fenix_grpc.v1.types_pb2 import Answer, NoticeKind
from tests.bench.http2 import Broken, Connection
from tests.bench.machine import cpu_s
from tests.bench.report import Figure, figure
from tests.bench.servers import fenix

TITLE = "from a reply, before it is sent, to 1,000 WatchSession streams on 10 connections"
EVENTS = 20
_CONNECTIONS, _STREAMS = 10, 100
_TIMEOUT_S = 30.0
_PAUSE = timedelta(seconds=0.1)
_WATCH_SESSION = "/fenix.v1.SessionService/WatchSession"
#: A response begins with this byte when it has events; a bookmark has only a token.
_HAS_EVENTS = WatchSessionResponse.EVENTS_FIELD_NUMBER << 3 | 2
_PROJECTS = [f"project-{number}" for number in range(EVENTS + 1)]
_CLOUD = """
flavors.m = {vcpus = 1, memory_mb = 1024, disk_gb = 10}
[[hosts]]
name = "c{n}"
count = 4
vcpus = 32
memory_mb = 32768
disk_gb = 1000
""" + "".join(
    f"""
[[projects]]
id = "{project}"
[[projects.instances]]
name = "{project}"
flavor = "m"
"""
    for project in _PROJECTS
)
_MORE = f"[timers]\nreply_s = 600.0\n[projects]\nmanaged = {_PROJECTS}\n"


class _Arrivals:
    """When each watcher got the event that is on its way."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.expect()

    def expect(self) -> None:
        """The next event."""
        self.times: list[float] = []
        self.complete = asyncio.Event()

    def add(self) -> None:
        """One watcher has it."""
        self.times.append(perf_counter())
        if len(self.times) == self._expected:
            self.complete.set()


class _Watchers(Connection):
    """Streams of one connection."""

    def __init__(self, request: bytes, arrivals: _Arrivals) -> None:
        super().__init__(_WATCH_SESSION, request)
        self._arrivals = arrivals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for _ in range(_STREAMS):
            self.call()
        self.flush()

    def received(self, stream: int, message: bytes) -> None:
        if message[0] == _HAS_EVENTS:
            self._arrivals.add()

    def ended(self, stream: int) -> None:
        raise Broken("a watch ended")


async def run(directory: Path) -> list[Figure]:
    """One round per event; the first one, which finds cold caches, is left out."""
    async with fenix(directory, _CLOUD, _MORE) as server, server.client() as client:
        session_id = await _a_session(client)
        arrivals = _Arrivals(_CONNECTIONS * _STREAMS)
        watchers = await _watch(server.grpc, session_id, arrivals)
        try:
            delays, costs = [], []
            for project_id in _PROJECTS[:EVENTS]:
                before = cpu_s(server.pid)
                delays.append(await _reply(client, session_id, project_id, arrivals))
                costs.append(cpu_s(server.pid) - before)
        finally:
            for connection in watchers:
                connection.close()
    return _figures(delays[1:], costs[1:])


async def _a_session(client: Client) -> str:
    """Waits for the replies of all projects."""
    request = CreateSessionRequest()
    request.maintenance_at.GetCurrentTime()
    created = await client.call(client.sessions.CreateSession, request)
    asked = 0
    async for response in watch_session(client, created.session.session_id):
        asked += sum(event.HasField("project_asked") for event in response.events)
        if asked == len(_PROJECTS):
            break
    return created.session.session_id


async def _watch(address: str, session_id: str, arrivals: _Arrivals) -> list[_Watchers]:
    """Returns when all streams are there: each has got what happened so far."""
    request = WatchSessionRequest(session_id=session_id, follow=True).SerializeToString()
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    watchers = [
        (await loop.create_connection(lambda: _Watchers(request, arrivals), host, int(port)))[1]
        for _ in range(_CONNECTIONS)
    ]
    await _complete(arrivals)
    return watchers


async def _reply(
    client: Client, session_id: str, project_id: str, arrivals: _Arrivals
) -> list[float]:
    """Seconds until each watcher had the reply's event, in order."""
    clock = SystemClock()
    await clock.sleep_until(clock.now() + _PAUSE)
    reply = ReplyProjectSessionRequest(
        session_id=session_id,
        project_id=project_id,
        kind=NoticeKind.NOTICE_KIND_MAINTENANCE,
        answer=Answer.ANSWER_ACK,
    )
    arrivals.expect()
    began = perf_counter()
    await client.call(client.projects.ReplyProjectSession, reply)
    await _complete(arrivals)
    return [at - began for at in arrivals.times]


async def _complete(arrivals: _Arrivals) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await arrivals.complete.wait()
    except TimeoutError:
        raise Broken(f"only {len(arrivals.times)} watchers have the event") from None


def _figures(delays: Sequence[Sequence[float]], costs: Sequence[float]) -> list[Figure]:
    def at(share: float) -> list[float]:
        return [each[min(int(share * len(each)), len(each) - 1)] * 1e3 for each in delays]

    first = at(0.0)
    beside = "the first watcher"
    return [
        figure("half of them have it", at(0.5), "ms", yardstick=first, beside=beside),
        figure("99 of 100 have it", at(0.99), "ms", yardstick=first, beside=beside),
        figure("all have it", at(1.0), "ms", yardstick=first, beside=beside),
        figure("the first has it", first, "ms"),
        figure(
            "server",
            [cost / len(each) * 1e6 for cost, each in zip(costs, delays, strict=True)],
            "µs CPU/delivery",
            note=f"{median(costs) * 1e3:.0f} ms for all of them",
        ),
    ]
