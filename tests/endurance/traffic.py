"""What the server has to do meanwhile: sessions to their end and cancelled ones, watches that come back, are dropped
or are cut off, and requests over REST on connections of their own.

Each lane ends with an error when something is not as it must be, and with it the run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection
from random import Random
from typing import Any

from fenix_client import Client, watch_session

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.v1.session_service_pb2 import DeleteSessionRequest, GetSessionRequest
from fenix_grpc.v1.types_pb2 import SessionState
from tests.processes.crowd import Crowd, GrpcWatchers
from tests.processes.maintenance import CLOUD as SMALL
from tests.processes.maintenance import MORE, a_request, managed
from tests.processes.servers import ServerProcess
from tests.processes.sessions import PATIENT, create, end_of

__all__ = ["CLOUD", "MORE", "Traffic"]

#: With room for two sessions at a time: neither has to ask for any because of the other.
CLOUD = SMALL.replace("count = 5", "count = 9")
#: Hosts of these sessions.
_LANES = (("c1", "c2"), ("c3", "c4", "ctl"))
_READERS, _STREAMS = 6, 50


@dataclass(slots=True, kw_only=True)
class Traffic:
    """All of it."""

    server: ServerProcess
    chance: Random
    #: What was done, and how often.
    done: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """With the block."""
        cloud = self.server.open_cloud()
        try:
            async with self.server.client() as client, managed(client, cloud, "red"):
                lanes: list[Coroutine[Any, Any, None]] = [
                    *(self._sessions(client, cloud, hosts) for hosts in _LANES),
                    *(self._reader(client) for _ in range(_READERS)),
                    self._cut_off(),
                    self._requests(),
                ]
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(lane) for lane in lanes]
                    yield
                    for task in tasks:
                        task.cancel()
        finally:
            await cloud.aclose()

    async def _sessions(
        self, client: Client, cloud: SimulatedCloud, hosts: tuple[str, ...]
    ) -> None:
        while True:
            request = a_request(f"{hosts[0]}-{self.done.total()}")
            request.hosts.extend(hosts)
            request.workflow = self.chance.choice(("default", "vnf"))
            session_id = await create(client, request)
            if self.chance.random() < 0.3:
                await pause(self.chance.uniform(0.1, 3))
                self.done["sessions cancelled"] += 1
            else:
                state = await end_of(client, session_id)
                assert state == SessionState.SESSION_STATE_MAINTENANCE_DONE, await _told(
                    client, session_id
                )
                self.done["sessions done"] += 1
            await client.call(
                client.sessions.DeleteSession, DeleteSessionRequest(session_id=session_id)
            )
            await _closed(client, session_id)
            await _given_back(cloud, session_id)
            await pause(self.chance.uniform(1, 4))

    async def _reader(self, client: Client) -> None:
        """Comes back with its token, again and again."""
        token = ""
        while True:
            try:
                async with asyncio.timeout(self.chance.uniform(0.2, 15)):
                    watch = watch_session(client, after=token, backoff=PATIENT)
                    async with aclosing(watch) as responses:
                        async for response in responses:
                            token = response.token
            except TimeoutError:
                self.done["watches dropped and resumed"] += 1

    async def _cut_off(self) -> None:
        """Many watches on a connection that breaks."""
        host, _, port = self.server.grpc.rpartition(":")
        loop = asyncio.get_running_loop()
        while True:
            crowd = Crowd(_STREAMS)
            transport, _ = await loop.create_connection(
                lambda crowd=crowd: GrpcWatchers(crowd, _STREAMS),  # type: ignore[misc]
                host,
                int(port),
            )
            async with asyncio.timeout(60):
                await crowd.all_told.wait()
            transport.abort()
            self.done["watches cut off"] += _STREAMS
            await pause(self.chance.uniform(2, 6))

    async def _requests(self) -> None:
        address = self.server.rest.removeprefix("http://")
        while True:
            assert await asyncio.to_thread(_get, address, "/v1/maintenance") == 200
            assert await asyncio.to_thread(_get, address, "/v1/maintenance/nothing") == 404
            self.done["requests over REST"] += 2
            await pause(1)


async def pause(seconds: float) -> None:
    """Lets real time pass."""
    clock = SystemClock()
    await clock.sleep_until(clock.now() + timedelta(seconds=seconds))


async def _closed(client: Client, session_id: str) -> None:
    """A deleted session gives its hosts back before the next one wants them."""
    async with asyncio.timeout(120):
        async for _ in watch_session(client, session_id, backoff=PATIENT):
            pass


async def _given_back(cloud: SimulatedCloud, session_id: str) -> None:
    """Hosts whose work was cut short stay out of service until an operator has looked at them."""
    for host in (await cloud.inventory()).hosts:
        if session_id in host.disabled_reason:
            await cloud.set_enabled(host.host, True)


async def _told(client: Client, session_id: str) -> str:
    """Why it stopped."""
    request = GetSessionRequest(session_id=session_id)
    return (await client.call(client.sessions.GetSession, request)).session.reason


def _get(address: str, path: str) -> int:
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
