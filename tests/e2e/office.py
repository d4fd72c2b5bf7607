"""Two sessions in one service, for whoever tries to disturb them: one works, one awaits a reply that never comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from fenix_client import CallFailed, Client

from fenix_grpc.v1.project_service_pb2 import GetProjectSessionRequest
from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    DeleteSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
)
from fenix_grpc.v1.types_pb2 import ActionType, Session
from tests.e2e.bad_input import FOREIGN, FOREIGN_INSTANCE, FUTURE_AT, HERE, PROJECT
from tests.e2e.service import Service, a_service, until
from tests.processes.sessions import create

#: One session works on a1 to a4, the other awaits PROJECT for b1, which takes nobody else.
_CLOUD = f"""
durations = {{live_migrate = 0.4, cold_migrate = 0.6}}
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
hosts = [
    {{name = "a{{n}}", count = 5, vcpus = 8, memory_mb = 32768, disk_gb = 200}},
    {{name = "b1", vcpus = 2, memory_mb = 4096, disk_gb = 20}},
]
[[projects]]
id = "{FOREIGN}"
instances = [{{name = "f-{{n}}", count = 12, flavor = "m", hosts = ["a1", "a2", "a3", "a4"]}}]
[[projects]]
id = "{PROJECT}"
instances = [{{name = "r", flavor = "m", hosts = ["b1"]}}]
"""
_MORE = f"""
[timers]
poll_s = 0.1
reply_s = 600
[projects]
managed = ["{PROJECT}"]
[actions.dummy]
kind = "dummy"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The service, and what its clients know."""

    service: Service
    #: To the server, without any settings.
    channel: grpc.aio.Channel
    #: The session that works, the one that waits, and an instance that the latter does not concern.
    working: str
    waiting: str
    instance_id: str

    @property
    def client(self) -> Client:
        return self.service.client

    def filled(self, sent: bytes) -> bytes:
        """With the ids that are known only now; they have the length of their stand-ins."""
        waiting, instance_id = self.waiting.encode(), self.instance_id.encode()
        return sent.replace(HERE.encode(), waiting).replace(FOREIGN_INSTANCE.encode(), instance_id)

    async def listed(self) -> list[str]:
        found = await self.client.call(self.client.sessions.ListSessions, ListSessionsRequest())
        return [session.session_id for session in found.sessions]

    async def session(self, session_id: str) -> Session:
        request = GetSessionRequest(session_id=session_id)
        return (await self.client.call(self.client.sessions.GetSession, request)).session

    async def delete(self, session_id: str) -> None:
        request = DeleteSessionRequest(session_id=session_id)
        await self.client.call(self.client.sessions.DeleteSession, request)


@asynccontextmanager
async def an_office(directory: Path) -> AsyncIterator[Office]:
    """Open with the block."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(a_service(directory, _CLOUD, _MORE))
        client = service.client
        channel = grpc.aio.insecure_channel(service.server.grpc)
        waiting = await create(client, a_create(hosts=["b1"]))
        working = a_create(hosts=["a1", "a2", "a3", "a4"])
        working.maintenance_at.GetCurrentTime()
        working.actions.add(plugin="dummy", type=ActionType.ACTION_TYPE_HOST)
        working.actions[0].metadata["seconds"] = 0.5
        yield Office(
            service=service,
            channel=await stack.enter_async_context(channel),
            working=await create(client, working),
            waiting=await _asked(client, waiting),
            instance_id=await _foreign_instance(service),
        )


def a_create(**fields: Any) -> CreateSessionRequest:
    """A good request for some day."""
    return CreateSessionRequest(maintenance_at=FUTURE_AT, **fields)


async def _asked(client: Client, session_id: str) -> str:
    """The session, as soon as it has asked PROJECT."""
    request = GetProjectSessionRequest(session_id=session_id, project_id=PROJECT)

    async def look() -> bool:
        try:
            found = await client.call(client.projects.GetProjectSession, request)
        except CallFailed:  # it has not looked at the cloud yet
            return False
        return found.HasField("notice")

    await until(look, bool)
    return session_id


async def _foreign_instance(service: Service) -> str:
    cloud = service.server.open_cloud()
    try:
        return (await cloud.servers(FOREIGN))[0].instance_id
    finally:
        await cloud.aclose()
