"""The API over a journal in memory and virtual time, with callers by name instead of tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2

from fenix_grpc.actions.dummy import Dummy
from fenix_grpc.api.convert import to_timestamp
from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.service import Api, Needs
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import NotAuthenticated
from fenix_grpc.core.events import Event, HostsSelected, ProjectAsked, StateEntered, WorldObserved
from fenix_grpc.core.model import (
    HostView,
    InstanceAction,
    InstanceView,
    NoticeKind,
    Policy,
    Resources,
    SessionState,
)
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Caller, Clock, Journal, Peer, Role
from fenix_grpc.store import SqlConstraints, SqlCursors, SqlJournal, SqlWebhooks
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.workflows import default, vnf
from tests.clouds.lab import a_cloud, hosts

BY_REQUEST = {method.request: method for method in METHODS.values()}
GRACE_S = 40.0
PEER = Peer(address="test")


class ByName:
    """Believes the metadata `caller`: admin, project:ID, or nobody in particular."""

    async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
        name = metadata.get("caller", "")
        if not name:
            raise NotAuthenticated("say who you are in the metadata caller")
        kind, _, project_id = name.partition(":")
        known = {"admin": {Role.ADMIN}, "reader": {Role.READER}, "project": {Role.PROJECT}}
        roles = known.get(kind, set())
        return Caller(name=name, roles=frozenset(roles), project_id=project_id)


class Desk:
    """Makes calls, and records what an engine would."""

    def __init__(self, journal: Journal, clock: Clock, api: Api) -> None:
        self.journal, self.clock, self.api = journal, clock, api

    async def call(self, request: Message, caller: str = "admin") -> Any:
        method = BY_REQUEST[type(request)].full_name
        return await self.api.chain.unary(method, request, {"caller": caller}, PEER)

    def watch(self, request: Message, caller: str = "admin") -> AsyncGenerator[Any, None]:
        method = BY_REQUEST[type(request)].full_name
        return self.api.chain.stream(method, request, {"caller": caller}, PEER)

    def in_s(self, seconds: float) -> Timestamp:
        return to_timestamp(self.clock.now() + timedelta(seconds=seconds))

    async def create(self, **fields: Any) -> str:
        fields.setdefault("maintenance_at", self.in_s(60))
        response = await self.call(pb.CreateSessionRequest(**fields))
        return str(response.session.session_id)

    async def record(self, session_id: str, *events: Event, **marks: Any) -> None:
        await self.journal.append(session_id, events, at=self.clock.now(), **marks)

    async def begin(self, session_id: str) -> None:
        """Two hosts are found, with an instance of p1 on each and one of p2 on the second."""
        await self.record(
            session_id, look(), HostsSelected(hosts=("h1", "h2"), excluded={"h3": "broken fan"})
        )

    async def ask(
        self,
        session_id: str,
        kind: NoticeKind = NoticeKind.MAINTENANCE,
        project_id: str = "p1",
    ) -> None:
        """A project is asked about its instances."""
        asked = ProjectAsked(
            notice_id=f"{project_id}-{kind}",
            project_id=project_id,
            kind=kind,
            instance_ids=("i1", "i2") if project_id == "p1" else ("i3",),
            allowed_actions=tuple(InstanceAction) if kind in EMPTYING else (),
            reply_at=self.clock.now() + timedelta(seconds=40),
        )
        await self.record(session_id, asked)

    async def fail(self, session_id: str, reason: str = "a step failed") -> None:
        failed = StateEntered(state=SessionState.MAINTENANCE_FAILED, reason=reason)
        await self.record(session_id, failed, active=False)

    async def finish(self, session_id: str) -> None:
        done = StateEntered(state=SessionState.MAINTENANCE_DONE)
        await self.record(session_id, done, active=False)


EMPTYING = (NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE)


def look() -> WorldObserved:
    size = Resources(vcpus=2, memory_mb=1024, disk_gb=10)
    room = Resources(vcpus=8, memory_mb=8192, disk_gb=100)
    return WorldObserved(
        hosts=tuple(HostView(host=name, capacity=room, used=size) for name in ("h2", "h1", "h3")),
        instances=tuple(
            InstanceView(
                instance_id=f"i{n}", instance_name=f"vm{n}", project_id=p, host=h, size=size
            )
            for n, p, h in ((1, "p1", "h1"), (2, "p1", "h2"), (3, "p2", "h2"))
        ),
        listening=("p1",),
        looked_after_seq=1,
    )


def an_api(journal: SqlJournal, clock: Clock, **settings: Any) -> Api:
    """A server's API; its `run` is the caller's to start."""
    defaults: dict[str, Any] = {"max_sessions": 100, "listener_grace_s": GRACE_S}
    defaults["identity"] = ByName()
    defaults["cloud"] = a_cloud(hosts(4), clock=clock)
    defaults["actions"] = Allowed("actions", {"dummy": Dummy(clock)})
    workflows = {"default": default.WORKFLOW, "vnf": vnf.WORKFLOW}
    needs = Needs(
        journal=journal,
        constraints=SqlConstraints(journal),
        webhooks=SqlWebhooks(journal),
        cursors=SqlCursors(journal),
        workflows=Allowed("workflow", workflows),
        policy=Policy(reply_s=7),
        clock=clock,
        wall=clock,
        **{**defaults, **settings},
    )
    return Api(needs)


@asynccontextmanager
async def a_desk(
    journal: SqlJournal | None = None, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """An API that runs until the end of the block. A journal that is given stays open."""
    clock = clock or VirtualClock()
    own = await SqlJournal.open("sqlite://")
    api = an_api(journal or own, clock, **settings)
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(api.run(stop))
            try:
                yield Desk(journal or own, clock, api)
            finally:
                stop.set()
    finally:
        await own.aclose()


@asynccontextmanager
async def refused(code: str, text: str = "") -> AsyncIterator[pytest.ExceptionInfo[RpcFailure]]:
    """The block must end in this code, with a message that matches."""
    with pytest.raises(RpcFailure, match=text or None) as failure:
        yield failure
    assert code_pb2.Code.Name(failure.value.status.code) == code
