"""5,000 watches of a session opened at once, and the server restarted under them: stopped, then killed.

Each watcher goes on with its own token on a new connection, as the clients do. None may be lost: in the end each must
have seen every event of the session once and in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from fenix_client import Client, patiently

from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.session_service_pb2 import WatchSessionRequest, WatchSessionResponse
from tests.bench.http2 import Broken, Connection
from tests.bench.machine import cpu_s
from tests.bench.report import Figure, figure
from tests.bench.servers import Server, fenix
from tests.bench.watchers import CLOUD, MORE, PROJECTS, a_session, reply
from tests.processes.sessions import PATIENT, read

TITLE = "5,000 WatchSession streams on 50 connections, the server stopped and killed under them"
_CONNECTIONS, _STREAMS = 50, 100
_WATCHERS = _CONNECTIONS * _STREAMS
_WATCH_SESSION = "/fenix.v1.SessionService/WatchSession"
_AGAIN = timedelta(seconds=0.1)
_TIMEOUT_S = 120.0
_RESET, _GOAWAY = 3, 7


@dataclass(slots=True)
class _Watcher:
    """One of them, through all of its streams."""

    token: str = ""
    seqs: list[int] = field(default_factory=list)


class _Audience:
    """All watchers, and how many have come how far."""

    def __init__(self, server: Server, session_id: str) -> None:
        self._session_id = session_id
        host, _, port = server.grpc.rpartition(":")
        self._address = host, int(port)
        self.watchers = [_Watcher() for _ in range(_WATCHERS)]
        self._wanted, self._there = 1, 0
        self._complete = asyncio.Event()

    async def watch(self, number: int) -> None:
        """Keeps the streams of one connection open until cancelled, with a new connection whenever one is lost."""
        mine = self.watchers[number * _STREAMS : (number + 1) * _STREAMS]
        clock = SystemClock()
        while True:
            streams = _Streams(self, mine)
            with suppress(OSError):
                await self._connect(streams)
                try:
                    await streams.over.wait()
                finally:
                    streams.close()
            await clock.sleep_until(clock.now() + _AGAIN)

    async def _connect(self, streams: Connection) -> None:
        await asyncio.get_running_loop().create_connection(lambda: streams, *self._address)

    def request(self, watcher: _Watcher) -> bytes:
        """Goes on where it was."""
        asked = WatchSessionRequest(session_id=self._session_id, follow=True, after=watcher.token)
        return asked.SerializeToString()

    def took(self, watcher: _Watcher, message: bytes) -> None:
        """It got a response."""
        response = WatchSessionResponse.FromString(message)
        watcher.token = response.token or watcher.token
        before = len(watcher.seqs)
        watcher.seqs.extend(event.seq for event in response.events)
        if before < self._wanted <= len(watcher.seqs):
            self._there += 1
            if self._there == len(self.watchers):
                self._complete.set()

    async def have(self, events: int) -> None:
        """Returns when each of them has so many events."""
        self._wanted = events
        self._there = sum(len(watcher.seqs) >= events for watcher in self.watchers)
        self._complete.clear()
        if self._there == len(self.watchers):
            return
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._complete.wait()
        except TimeoutError:
            raise Broken(f"{self._there} of {_WATCHERS} watchers have event {events}") from None


class _Streams(Connection):
    """Streams on one connection; over with the first that ends."""

    def __init__(self, audience: _Audience, watchers: list[_Watcher]) -> None:
        super().__init__(_WATCH_SESSION, b"")
        self._audience = audience
        self._watchers = watchers
        self._of: dict[int, _Watcher] = {}
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        for watcher in self._watchers:
            self._of[self.call(self._audience.request(watcher))] = watcher
        self.flush()

    def received(self, stream: int, message: bytes) -> None:
        self._audience.took(self._of[stream], message)

    def ended(self, stream: int) -> None:
        self.over.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _RESET:  # of a server that has just ended it
            self.over.set()
        elif kind != _GOAWAY:  # those that are open go on until the server ends them
            super()._frame(kind, flags, stream, payload)


@dataclass(slots=True, kw_only=True)
class _Story:
    """What happens to the server, and what is measured of it."""

    server: Server
    client: Client
    session_id: str
    audience: _Audience
    #: Events that everybody must have.
    events: int
    figures: dict[str, float] = field(default_factory=dict)

    async def opened(self) -> None:
        """All come at once."""
        began, cpu, memory = perf_counter(), cpu_s(self.server.pid), _memory_kib(self.server.pid)
        await self.audience.have(self.events)
        self.figures["opened_s"] = perf_counter() - began
        self.figures["open_us"] = (cpu_s(self.server.pid) - cpu) / _WATCHERS * 1e6
        self.figures["stream_kib"] = (_memory_kib(self.server.pid) - memory) / _WATCHERS

    async def restarted(self, name: str, end: Callable[[], Awaitable[object]]) -> None:
        """An event that happens once the server is there again reaches all."""
        began = perf_counter()
        await end()
        self.figures[f"{name}_s"] = perf_counter() - began
        began = perf_counter()
        await self.server.start()
        await self.happen()
        self.figures[f"{name}_back_s"] = perf_counter() - began

    async def happen(self) -> None:
        """One more event."""
        project_id = PROJECTS[self.events % len(PROJECTS)]
        await patiently(lambda: reply(self.client, self.session_id, project_id), PATIENT)
        self.events += 1
        await self.audience.have(self.events)


async def run(directory: Path) -> list[Figure]:
    """Once: what it finds out is whether anybody is lost."""
    async with fenix(directory, CLOUD, MORE) as server, server.client() as client:
        session_id = await a_session(client)
        audience = _Audience(server, session_id)
        story = _Story(
            server=server,
            client=client,
            session_id=session_id,
            audience=audience,
            events=len(await read(client, session_id)),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(audience.watch(n)) for n in range(_CONNECTIONS)]
            await story.opened()
            await story.happen()
            await story.restarted("stopped", server.stop)
            await story.restarted("killed", server.kill)
            for task in tasks:
                task.cancel()
    whole = list(range(1, story.events + 1))
    story.figures["lost"] = sum(watcher.seqs != whole for watcher in audience.watchers)
    return _figures(story.figures)


def _memory_kib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _figures(found: Mapping[str, float]) -> list[Figure]:
    names = {
        "opened_s": ("5,000 opened at once: all have what happened so far", "s"),
        "open_us": ("server, to open one", "µs CPU"),
        "stream_kib": ("server, memory per stream", "KiB"),
        "stopped_s": ("from SIGTERM to the end of the process", "s"),
        "stopped_back_s": (
            "from the start of the next process until all have an event of its time",
            "s",
        ),
        "killed_back_s": ("the same after SIGKILL", "s"),
        "lost": ("watchers that missed, or saw twice, an event", ""),
    }
    return [
        figure(what, [found[name]], unit, wanted="0" if name == "lost" else "")
        for name, (what, unit) in names.items()
    ]
