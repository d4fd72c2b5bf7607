"""Sessions, several at a time: created, watched to their end, continued by the operator whenever one stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from fenix_client import Backoff, Client, Memory, patiently, watch_session
from fenix_client.vnfm import Vnfm

from fenix_grpc.cli.simulated_application import SimulatedApplication
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import (
    CreateSessionRequest,
    GetSessionDetailRequest,
    UpdateSessionRequest,
)
from fenix_grpc.v1.types_pb2 import ActionType, SessionState
from tests.chaos.histories import History
from tests.chaos.site import HOSTS, MANAGED, Site, pause
from tests.processes.sessions import PATIENT, create, read

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
FAILED = SessionState.SESSION_STATE_MAINTENANCE_FAILED
#: What an operator takes to look at a session that stopped.
LOOKED_AT_S = 1.0
WISHES = {"ha-*": "LIVE_MIGRATE", "r-1": "OWN_ACTION", "b-2": "OWN_ACTION"}


@dataclass(slots=True, kw_only=True)
class Carried:
    """One session."""

    session_id: str
    action: str
    history: History
    #: Why it stopped, each time.
    stops: list[str] = field(default_factory=list)
    journal: Sequence[SessionEvent] = ()
    problem: str = ""


@dataclass(slots=True, kw_only=True)
class Lanes:
    """All sessions of a run."""

    site: Site
    chance: Random
    sessions: int
    together: int
    #: The longest that one may take.
    session_s: float
    carried: list[Carried] = field(default_factory=list)
    _begun: int = 0
    _taken: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Returns when all sessions have ended, or were given up."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.together):
                group.create_task(self._lane(number % len(self.site.servers)))

    async def _lane(self, first: int) -> None:
        async with self.site.client(first) as client:
            while self._begun < self.sessions:
                self._begun += 1
                request = self._request(self._begun)
                self._taken.update(request.hosts)
                carried = await self._carry(client, request)
                if not carried.problem:  # else it has them still
                    self._taken.difference_update(request.hosts)

    def _request(self, number: int) -> CreateSessionRequest:
        free = [host for host in HOSTS if host not in self._taken]
        most = min(len(free), len(HOSTS) // self.together)
        request = CreateSessionRequest(
            request_id=f"chaos-{number}",
            workflow=self.chance.choice(("default", "vnf")),
            hosts=self.chance.sample(free, self.chance.randint(1, most)),
        )
        plugin = self.chance.choice(("patch", "patch", "flash"))
        request.actions.add(plugin=plugin, type=ActionType.ACTION_TYPE_HOST)
        request.maintenance_at.GetCurrentTime()
        return request

    async def _carry(self, client: Client, request: CreateSessionRequest) -> Carried:
        session_id = await create(client, request)
        history = History(name=f"of session {session_id}")
        one = Carried(session_id=session_id, action=request.actions[0].plugin, history=history)
        self.carried.append(one)
        try:
            async with asyncio.timeout(self.session_s):
                await self._to_its_end(client, one)
        except TimeoutError:
            one.problem = f"has not ended within {self.session_s:.0f} s: {await waits(client, one)}"
        one.journal = await read(client, session_id)
        return one

    async def _to_its_end(self, client: Client, one: Carried) -> None:
        """Its watch ends by itself when it is done."""
        watch = watch_session(client, one.session_id, backoff=one.history.backoff)
        async with aclosing(watch) as responses:
            async for response in responses:
                one.history.responses.append(response)
                for event in response.events:
                    if event.state_entered.state == FAILED:
                        await self._go_on(client, one, event.state_entered.reason)

    async def _go_on(self, client: Client, one: Carried, reason: str) -> None:
        one.stops.append(reason)
        await pause(LOOKED_AT_S)
        request = UpdateSessionRequest(
            session_id=one.session_id, request_id=f"{one.session_id}-{len(one.stops)}"
        )
        await patiently(lambda: client.call(client.sessions.UpdateSession, request), PATIENT)


async def waits(client: Client, one: Carried) -> str:
    """What it waits for, in its own words."""
    request = GetSessionDetailRequest(session_id=one.session_id)
    got = await patiently(lambda: client.call(client.sessions.GetSessionDetail, request), PATIENT)
    detail = got.detail
    waiting = "; ".join(f"{each.subject}: {each.reason}" for each in detail.waiting)
    return f"{SessionState.Name(detail.session.state)}, waits for {waiting or 'nothing'}"


@asynccontextmanager
async def managers(site: Site) -> AsyncIterator[None]:
    """Both managers listen and answer, each first of all at another server."""
    async with AsyncExitStack() as ends, asyncio.TaskGroup() as group:
        tasks = []
        for number, project_id in enumerate(MANAGED):
            client = await ends.enter_async_context(site.client(number % len(site.servers)))
            listening, memory = asyncio.Event(), Memory()
            backoff = Backoff(first_s=0.05, most_s=0.2, attempts=1000, on_open=listening.set)
            vnfm = Vnfm(
                client,
                project_id,
                SimulatedApplication(site.cloud, project_id, clock=SystemClock(), memory=memory),
                actions=WISHES,
                memory=memory,
                backoff=backoff,
                say=lambda _: None,
            )
            tasks.append(group.create_task(vnfm.run()))
            await listening.wait()
        yield
        for task in tasks:
            task.cancel()
