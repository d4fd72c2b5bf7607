"""The conformance suite of workflow plug-ins: whole sessions of a workflow with the real engine, checker and journal,
on a simulated cloud and at virtual time.

    asyncio.run(check_workflow(WORKFLOW))

One check that is not passed raises AssertionError. `moves=False` is for a workflow that moves no instances: the cloud
has none then. What the suite cannot know, such as the order of notices, is for tests of the workflow's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fenix_grpc.actions.dummy import create as create_dummy
from fenix_grpc.checker import as_text, verify
from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated.cloud import SimulatedCloud
from fenix_grpc.clouds.simulated.definition import parse
from fenix_grpc.core.decision import Workflow, check_transitions
from fenix_grpc.core.events import Event, SessionContinued, SessionCreated, SessionDeleted
from fenix_grpc.core.evolve import evolve, fold
from fenix_grpc.core.model import ActionSpec, ActionType, Policy, SessionState
from fenix_grpc.core.session import TERMINAL, Session
from fenix_grpc.engine.runner import Listening
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.ports import Appended, Journal
from fenix_grpc.store.journal import SqlJournal

__all__ = ["WORKFLOW_CHECKS", "WorkflowCheck", "check_workflow"]

_SESSION = "s1"
_HOSTS = """
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
[[hosts]]
name = "c{n}"
count = 3
kind = "COMPUTE"
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[hosts]]
name = "ctl{n}"
count = 3
kind = "CONTROLLER"
vcpus = 8
memory_mb = 32768
disk_gb = 200
"""
_INSTANCES = """
[[projects]]
id = "red"
[[projects.instances]]
name = "red-{n}"
count = 4
flavor = "m"
hosts = ["c1", "c2", "c3"]
"""
#: The longest that a session may take, in seconds of real time.
_PATIENCE_S = 60.0
#: Appends between the deaths of two servers.
_STRIDE = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is checked."""

    workflow: Workflow
    moves: bool = True


WorkflowCheck = Callable[[Subject], Awaitable[None]]


async def check_workflow(workflow: Workflow, *, moves: bool = True) -> None:
    """Runs every check."""
    for check in WORKFLOW_CHECKS:
        await check(Subject(workflow=workflow, moves=moves))


class _Dying:
    """A journal whose process dies just before append number `at`; after it when `made`."""

    def __init__(self, journal: Journal, at: int, made: bool) -> None:
        self._journal, self._left, self._made = journal, at, made
        self.died = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, session_id: str, events: Sequence[Event], **more: Any) -> Appended:
        self._left -= bool(events)
        if self._left > 0 or not events:
            return await self._journal.append(session_id, events, **more)
        if self._left == 0 and self._made:
            await self._journal.append(session_id, events, **more)
        self.died.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def release(self, owner: str) -> None:
        """A dead process gives nothing up."""


class _World:
    """One session of the workflow."""

    def __init__(self, subject: Subject, clock: VirtualClock, journal: Journal) -> None:
        self._subject, self._clock, self.journal = subject, clock, journal
        self.cloud = SimulatedCloud(parse(_HOSTS + (_INSTANCES if subject.moves else "")), clock)
        self.dummy = create_dummy({}, clock)

    async def create(self, *, fail_on: str = "", policy: Policy | None = None) -> None:
        kinds = (ActionType.PRE, ActionType.HOST, ActionType.POST)
        metadata = {"seconds": 5, "fail_on": fail_on}
        created = SessionCreated(
            workflow=self._subject.workflow.name,
            maintenance_at=self._clock.now(),
            actions=tuple(
                ActionSpec(plugin="dummy", type=kind, idempotent=True, metadata=metadata)
                for kind in kinds
            ),
            policy=policy or Policy(poll_s=1.0, retry_wait_s=1.0),
        )
        await self.append(created, expected_seq=0)

    async def append(self, event: Event, **more: Any) -> None:
        await self.journal.append(_SESSION, [event], at=self._clock.now(), **more)

    async def session(self) -> Session:
        session = fold(await self.journal.read(_SESSION))
        assert session is not None
        return session

    @asynccontextmanager
    async def engine(self, journal: Any = None) -> AsyncIterator[None]:
        supervisor = Supervisor(
            "conformance",
            journal=journal or self.journal,
            performer=Performer(cloud=self.cloud, actions={"dummy": self.dummy}, clock=self._clock),
            workflows={self._subject.workflow.name: self._subject.workflow},
            listening=Listening(),
            wall=self._clock,
            lease_s=60.0,
        )
        engine = asyncio.ensure_future(supervisor.run(asyncio.Event()))
        try:
            yield
        finally:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)

    async def reach(self, holds: Callable[[Session], bool]) -> Session:
        position = 0
        async with asyncio.timeout(_PATIENCE_S):
            while not holds(session := await self.session()):
                position = await self.journal.wait(position)
        return session

    async def run(self) -> Session:
        async with self.engine():
            return await self.reach(lambda session: session.settled)

    async def judge(self) -> None:
        """Every promise was kept, and the workflow's own decisions can be asked for again at every event."""
        entries = await self.journal.read(_SESSION)
        certificate = verify(entries)
        assert certificate.ok, as_text(certificate)
        session: Session | None = None
        for entry in entries:
            session = evolve(session, entry)
            one, other = (self._subject.workflow.decide(session, entry.at) for _ in range(2))
            assert one == other, f"decide differs from itself at event {entry.seq}"
            check_transitions(self._subject.workflow, session, one.record)


@asynccontextmanager
async def _world(subject: Subject) -> AsyncIterator[_World]:
    journal = await SqlJournal.open("sqlite://", shared=False)
    world = _World(subject, VirtualClock(), journal)
    try:
        yield world
    finally:
        await world.cloud.aclose()
        await journal.aclose()


async def names_every_state_it_enters(subject: Subject) -> None:
    """The table is closed, every state may fail, and the two ends are ends."""
    table = subject.workflow.transitions
    for state, following in table.items():
        assert following <= table.keys(), f"{state} leads to states that the table does not have"
        failed = SessionState.MAINTENANCE_FAILED in following
        assert failed == (state not in TERMINAL), f"{state} must be able to fail, and ends not"
    assert SessionState.MAINTENANCE in table, "every session begins in MAINTENANCE"


async def carries_a_session_to_its_end(subject: Subject) -> None:
    """Every host is worked on, with every promise kept, and serves again."""
    async with _world(subject) as world:
        await world.create()
        session = await world.run()
        assert session.state is SessionState.MAINTENANCE_DONE, f"it ended so: {session.reason}"
        left = [h.name for h in session.hosts.values() if h.selected and not h.maintained]
        assert not left, f"done without {', '.join(left)}"
        assert not session.owed_hosts
        await world.judge()


async def goes_on_where_it_stopped(subject: Subject) -> None:
    """A failure stops the session with its reason, also within a budget; continuing does what is missing only."""
    for budget in (0, 1):
        async with _world(subject) as world:
            policy = Policy(poll_s=1.0, retry_wait_s=1.0, failure_budget=budget)
            await world.create(fail_on="c2", policy=policy)
            failed = await world.run()
            assert failed.state is SessionState.MAINTENANCE_FAILED
            assert "c2" in failed.reason, f"the reason does not name the host: {failed.reason}"
            if budget:
                done = {h.name for h in failed.hosts.values() if h.maintained}
                assert len(done) == 5, f"one bad host kept others from being done: {sorted(done)}"
            await world.judge()
            state = failed.prev_state or SessionState.MAINTENANCE
            await world.append(SessionContinued(state=state), active=True)
            again = await world.run()
            assert again.state is SessionState.MAINTENANCE_FAILED, "the action still fails on c2"
            await world.judge()


async def gives_back_what_it_took(subject: Subject) -> None:
    """A session may be deleted at any time; hosts on which no work was spoilt serve again."""
    for at in range(3, 40, 6):
        async with _world(subject) as world:
            await world.create()
            async with world.engine():
                await world.reach(lambda s, at=at: s.seq >= at or s.settled)  # type: ignore[misc]
                await world.append(SessionDeleted(), active=True, deleted=True)
                session = await world.reach(lambda s: s.closed)
            for host in (await world.cloud.inventory()).hosts:
                spoilt = host.host in session.owed_hosts
                assert host.enabled or spoilt, f"{host.host} stays out of service"
            await world.judge()


async def survives_the_death_of_its_server(subject: Subject) -> None:
    """A server that dies before an event, or just after it, is followed by one that comes to the same end."""
    at, dies = 0, True
    while dies:
        at += _STRIDE
        for made in (False, True):
            async with _world(subject) as world:
                await world.create()
                dying = _Dying(world.journal, at, made)
                async with world.engine(dying):
                    died = asyncio.ensure_future(dying.died.wait())
                    ended = asyncio.ensure_future(world.reach(lambda s: s.settled))
                    await asyncio.wait([died, ended], return_when=asyncio.FIRST_COMPLETED)
                    dies = died.done()
                    for task in (died, ended):
                        task.cancel()
                    await asyncio.gather(died, ended, return_exceptions=True)
                session = await world.run()
                where = f"after a death at event {at + 1}"
                assert session.state is SessionState.MAINTENANCE_DONE, f"{where}: {session.reason}"
                certificate = verify(await world.journal.read(_SESSION))
                assert certificate.ok, f"{where}: {as_text(certificate)}"


async def says_what_it_waits_for(subject: Subject) -> None:
    """Whenever nothing is to be done at once, something is waited for, with a time, a step or a person."""
    async with _world(subject) as world:
        await world.create()
        await world.run()
        session: Session | None = None
        for entry in await world.journal.read(_SESSION):
            session = evolve(session, entry)
            decision = subject.workflow.decide(session, entry.at)
            acts = decision.record or decision.run or decision.look
            if not acts and not session.ended:
                assert decision.waiting, f"nothing is done and nothing waited for at {entry.seq}"
                wakes = decision.wake_at or session.open_steps or session.terminal
                assert wakes, f"nothing will ever end the wait at event {entry.seq}"


WORKFLOW_CHECKS: tuple[WorkflowCheck, ...] = (
    names_every_state_it_enters,
    carries_a_session_to_its_end,
    says_what_it_waits_for,
    goes_on_where_it_stopped,
    gives_back_what_it_took,
    survives_the_death_of_its_server,
)
