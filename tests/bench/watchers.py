"""How long it takes from a reply of a project until 1,000 watchers of the session have the event.

The clock starts before the reply is sent, so its way to the server and its commit to the disk are within. A session
waits for the replies of many managers; each but the last appends one event and changes nothing else. The yardstick is a
bare grpc.aio server that sends the same bytes to as many streams and keeps nothing; the two take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc.aio
from fenix_client import Client, watch_session

from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.project_service_pb2 import ReplyProjectSessionRequest
from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    WatchSessionRequest,
    WatchSessionResponse,
)
from fenix_grpc.v1.types_pb2 import Answer, NoticeKind
from tests.bench.echo import TELL, WATCH
from tests.bench.http2 import Broken, Connection
from tests.bench.machine import cpu_s
from tests.bench.report import Figure, figure
from tests.bench.servers import echo, fenix

TITLE = "from a reply, before it is sent, to 1,000 WatchSession streams on 10 connections"
EVENTS = 15
_CONNECTIONS, _STREAMS = 10, 100
_TIMEOUT_S = 30.0
_PAUSE = timedelta(seconds=0.1)
_WATCH_SESSION = "/fenix.v1.SessionService/WatchSession"
#: A response begins with this byte when it has events; a bookmark has only a token.
_HAS_EVENTS = WatchSessionResponse.EVENTS_FIELD_NUMBER << 3 | 2
PROJECTS = [f"project-{number}" for number in range(EVENTS + 2)]
CLOUD = """
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
    for project in PROJECTS
)
MORE = f"[timers]\nreply_s = 600.0\n[projects]\nmanaged = {PROJECTS}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One event on its way to everybody."""

    p50_ms: float
    p99_ms: float
    all_ms: float
    #: Processor time of the server, per watcher.
    cpu_us: float


class _Arrivals:
    """When each watcher got the event that is on its way."""

    def __init__(self) -> None:
        self.message = b""
        self.expect()

    def expect(self) -> None:
        """The next event."""
        self.times: list[float] = []
        self.complete = asyncio.Event()

    def add(self, message: bytes) -> None:
        """One watcher has it."""
        self.message = message
        self.times.append(perf_counter())
        if len(self.times) == _CONNECTIONS * _STREAMS:
            self.complete.set()


class _Watchers(Connection):
    """Streams of one connection."""

    def __init__(self, method: str, request: bytes, arrivals: _Arrivals) -> None:
        super().__init__(method, request)
        self._arrivals = arrivals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for _ in range(_STREAMS):
            self.call()
        self.flush()

    def received(self, stream: int, message: bytes) -> None:
        if message[0] == _HAS_EVENTS:
            self._arrivals.add(message)

    def ended(self, stream: int) -> None:
        raise Broken("a watch ended")


class _Audience:
    """All watchers of one server, which is process `pid`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._arrivals = _Arrivals()
        self._connections: list[_Watchers] = []

    @property
    def message(self) -> bytes:
        """What they got last."""
        return self._arrivals.message

    async def connect(self, address: str, method: str, request: bytes) -> None:
        """Returns when every stream is there: it has got what happened so far."""
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        for _ in range(_CONNECTIONS):
            _, connection = await loop.create_connection(
                lambda: _Watchers(method, request, self._arrivals), host, int(port)
            )
            self._connections.append(connection)
        await self._complete()

    async def hear(self, send: Callable[[], Awaitable[Any]]) -> _Round:
        """Makes an event happen, and waits until everybody has it."""
        clock = SystemClock()
        await clock.sleep_until(clock.now() + _PAUSE)
        self._arrivals.expect()
        began, cpu = perf_counter(), cpu_s(self._pid)
        await send()
        await self._complete()
        times = self._arrivals.times
        return _Round(
            p50_ms=(times[len(times) // 2] - began) * 1e3,
            p99_ms=(times[len(times) * 99 // 100] - began) * 1e3,
            all_ms=(times[-1] - began) * 1e3,
            cpu_us=(cpu_s(self._pid) - cpu) / len(times) * 1e6,
        )

    def close(self) -> None:
        """Ends all streams."""
        for connection in self._connections:
            connection.close()

    async def _complete(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._arrivals.complete.wait()
        except TimeoutError:
            number = len(self._arrivals.times)
            raise Broken(f"only {number} watchers have the event") from None


async def run(directory: Path) -> list[Figure]:
    """One round per event; the first one, which finds cold caches, is left out."""
    async with (
        fenix(directory, CLOUD, MORE) as server,
        server.client() as client,
        echo() as (address, pid),
        grpc.aio.insecure_channel(address) as channel,
    ):
        session_id = await a_session(client)
        request = WatchSessionRequest(session_id=session_id, follow=True).SerializeToString()
        ours, bare = _Audience(server.pid), _Audience(pid)
        tell: Any = channel.unary_unary(TELL)
        try:
            await ours.connect(server.grpc, _WATCH_SESSION, request)
            await ours.hear(partial(reply, client, session_id, PROJECTS[-1]))
            await bare.connect(address, WATCH, ours.message)
            rounds, yardstick = [], []
            for project_id in PROJECTS[:EVENTS]:
                rounds.append(await ours.hear(partial(reply, client, session_id, project_id)))
                yardstick.append(await bare.hear(partial(tell, ours.message)))
        finally:
            ours.close()
            bare.close()
    return _figures(rounds, yardstick)


async def a_session(client: Client) -> str:
    """Waits for the replies of all projects."""
    request = CreateSessionRequest()
    request.maintenance_at.GetCurrentTime()
    created = await client.call(client.sessions.CreateSession, request)
    asked = 0
    async for response in watch_session(client, created.session.session_id):
        asked += sum(event.HasField("project_asked") for event in response.events)
        if asked == len(PROJECTS):
            break
    return created.session.session_id


async def reply(client: Client, session_id: str, project_id: str) -> None:
    reply = ReplyProjectSessionRequest(
        session_id=session_id,
        project_id=project_id,
        kind=NoticeKind.NOTICE_KIND_MAINTENANCE,
        answer=Answer.ANSWER_ACK,
    )
    await client.call(client.projects.ReplyProjectSession, reply)


def _figures(rounds: Sequence[_Round], yardstick: Sequence[_Round]) -> list[Figure]:
    names = {
        "p50_ms": ("half of the watchers have it", "ms"),
        "p99_ms": ("99 of 100 have it", "ms"),
        "all_ms": ("all have it", "ms"),
        "cpu_us": ("server, per watcher", "µs CPU"),
    }
    bare = {field: [getattr(each, field) for each in yardstick] for field in names}
    ours = {field: [getattr(each, field) for each in rounds] for field in names}
    beside = "bare grpc.aio streams, same bytes"
    return [
        *(
            figure(what, ours[field], unit, yardstick=bare[field], beside=beside)
            for field, (what, unit) in names.items()
        ),
        *(figure(f"bare: {what}", bare[field], unit) for field, (what, unit) in names.items()),
    ]
