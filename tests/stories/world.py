"""A small world on one event loop and virtual time: a journal in memory, a simulated cloud, managers, an engine.

Everything in it is the real thing but for time, the hypervisor and the network. `World.crash_after` stops the engine
before a given event; what is left goes on in another engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fenix_grpc.actions.dummy import create as create_dummy
from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated.cloud import SimulatedCloud
from fenix_grpc.clouds.simulated.definition import parse
from fenix_grpc.core.constraints import ConstraintSet, GroupConstraint, InstanceConstraint
from fenix_grpc.core.errors import Conflict, PackageRefused, PackageUnavailable
from fenix_grpc.core.events import SessionContinued, SessionCreated, StateEntered
from fenix_grpc.core.evolve import evolve, fold
from fenix_grpc.core.model import (
    ActionSpec,
    ActionType,
    Answer,
    InstanceAction,
    NoticeKind,
    Package,
    Policy,
    SessionState,
)
from fenix_grpc.core.negotiate import NoEffect, Reply, check_reply
from fenix_grpc.core.notices import ProjectNotice, notices
from fenix_grpc.core.session import Session
from fenix_grpc.engine.runner import Listening, Runner
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.others import Others
from fenix_grpc.ports import Action, Fetched, Journal
from fenix_grpc.store.journal import SqlJournal
from fenix_grpc.workflows import default, vnf

SESSION = "s1"
WORKFLOWS = {"default": default.WORKFLOW, "vnf": vnf.WORKFLOW}
Demand = InstanceConstraint | GroupConstraint


class Demands:
    """What applications demand, in memory."""

    def __init__(self) -> None:
        self.known: list[Demand] = []

    async def version(self) -> int:
        return len(self.known)

    async def all_for(self, projects: Collection[str]) -> ConstraintSet:
        mine = [d for d in self.known if d.project_id in projects or not d.project_id]
        return ConstraintSet(
            instances=tuple(d for d in mine if isinstance(d, InstanceConstraint)),
            groups=tuple(d for d in mine if isinstance(d, GroupConstraint)),
        )


@dataclass
class Manager:
    """How a project's manager behaves. `scale_in` removes that many instances when asked."""

    project_id: str
    action: InstanceAction | None = InstanceAction.MIGRATE
    answers: Mapping[NoticeKind, Answer | None] = field(default_factory=dict)
    scale_in: int = 0
    #: Removes exactly what is suggested to it instead.
    obedient: bool = False
    #: Seconds it thinks before it answers.
    thinks_s: float = 0.0
    #: Seconds after its reply that it carries out its own action.
    acts_after_s: float = 0.0
    told: list[ProjectNotice] = field(default_factory=list)
    removed: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, notice: ProjectNotice) -> Answer | None:
        return self.answers.get(notice.kind, Answer.ACK)

    def chosen(self, notice: ProjectNotice) -> InstanceAction | None:
        allowed = notice.allowed_actions
        if not allowed or self.action in (None, *allowed):
            return self.action if allowed else None
        return allowed[0]


class Shelf:
    """Packages in memory; `away` fetches get no answer first, and what is `refused` is not what it should be."""

    def __init__(self, *, away: int = 0, refused: Collection[str] = ()) -> None:
        self.away, self.refused = away, refused
        self.here: dict[tuple[str, int], str] = {}
        self.fetched: list[str] = []
        self.removed = asyncio.Event()

    def check(self, packages: Sequence[Package]) -> None:
        """Anything goes."""

    async def fetch(
        self, session_id: str, packages: Sequence[Package], number: int, sha256: str = ""
    ) -> Fetched:
        url = packages[number].url
        self.fetched.append(url)
        if self.away > 0:
            self.away -= 1
            raise PackageUnavailable("cannot be fetched now: no route")
        if url in self.refused:
            raise PackageRefused("its SHA-256 is 12, not 34")
        self.here[session_id, number] = "12"
        return Fetched(sha256="12", detail="8 bytes")

    async def directory(
        self, session_id: str, packages: Sequence[Package], fetched: Mapping[int, str]
    ) -> str:
        assert sorted(fetched) == list(range(len(packages)))
        for number in range(len(packages)):
            if (session_id, number) not in self.here:
                await self.fetch(session_id, packages, number, fetched[number])
        return f"/shelf/{session_id}"

    async def remove(self, session_id: str) -> None:
        self.here = {key: value for key, value in self.here.items() if key[0] != session_id}
        self.removed.set()


class World:
    """See the module."""

    def __init__(self, clock: VirtualClock, journal: Journal, cloud: SimulatedCloud) -> None:
        self.clock, self.journal, self.cloud = clock, journal, cloud
        self.managers: dict[str, Manager] = {}
        self.actions: dict[str, Action] = {"dummy": create_dummy({}, clock)}
        self.shelf: Shelf | None = None
        self.packages: tuple[Package, ...] = ()
        self.policy = Policy(poll_s=1.0, retry_wait_s=1.0)
        #: What every action is told.
        self.metadata: Mapping[str, Any] = {}
        self.workflow = "default"
        self.constraints = Demands()
        #: What engines write to.
        self.engine_journal = journal
        self._known: dict[str, Session] = {}

    async def create(
        self,
        *,
        hosts: tuple[str, ...] = (),
        actions: tuple[tuple[ActionType, str, bool], ...] = ((ActionType.HOST, "dummy", True),),
        in_s: float = 0.0,
        window_s: float | None = None,
        session_id: str = SESSION,
        retire: tuple[str, ...] = (),
    ) -> None:
        now = self.clock.now()
        created = SessionCreated(
            hosts=hosts,
            workflow=self.workflow,
            maintenance_at=now + timedelta(seconds=in_s),
            metadata={"ticket": "CHG-1"},
            actions=tuple(
                ActionSpec(plugin=name, type=kind, idempotent=harmless, metadata=self.metadata)
                for kind, name, harmless in actions
            ),
            policy=self.policy,
            packages=self.packages,
            retire=retire,
            window_end=None if window_s is None else now + timedelta(seconds=window_s),
        )
        await self.journal.append(session_id, [created], at=now, expected_seq=0)

    def constrain(self, *demands: Demand) -> None:
        """What applications demand from now on."""
        self.constraints.known.extend(demands)

    async def constrain_instances(self, project_id: str, group_id: str = "", **demand: Any) -> None:
        """The same for each instance of a project."""
        for server in await self.cloud.servers(project_id):
            self.constrain(
                InstanceConstraint(
                    instance_id=server.instance_id,
                    project_id=project_id,
                    group_id=group_id,
                    **demand,
                )
            )

    def manage(self, manager: Manager) -> Manager:
        self.managers[manager.project_id] = manager
        return manager

    async def session(self, session_id: str = SESSION) -> Session:
        known = self._known.get(session_id)
        session = fold(await self.journal.read(session_id, known.seq if known else 0), known)
        assert session is not None
        self._known[session_id] = session
        return session

    async def states(self, session_id: str = SESSION) -> list[SessionState]:
        """Every state in the order of entry."""
        entries = await self.journal.read(session_id)
        entered = (e.event for e in entries if isinstance(e.event, StateEntered | SessionContinued))
        return [SessionState.MAINTENANCE, *(event.state for event in entered)]

    @property
    def performer(self) -> Performer:
        return Performer(
            cloud=self.cloud, actions=self.actions, clock=self.clock, packages=self.shelf
        )

    @property
    def listening(self) -> Listening:
        return Listening(managed=frozenset(self.managers))

    def runner(self, session_id: str = SESSION) -> Runner:
        return Runner(
            session_id,
            journal=self.engine_journal,
            performer=self.performer,
            workflow=WORKFLOWS[self.workflow],
            listening=self.listening,
            others=Others(self.engine_journal),
            constraints=self.constraints,
        )

    def supervisor(self, owner: str = "engine") -> Supervisor:
        return Supervisor(
            owner,
            journal=self.engine_journal,
            performer=self.performer,
            workflows=WORKFLOWS,
            listening=self.listening,
            constraints=self.constraints,
            wall=self.clock,
            lease_s=60.0,
        )

    async def run(
        self, until: Callable[[Session], bool] | None = None, limit_s: float = 86_400
    ) -> Session:
        """Lets an engine and the managers work until the session is settled (or `until` holds)."""
        holds = until or (lambda session: session.settled)
        async with self.engine(), self.managing():
            return await self.reach(holds, limit_s)

    async def reach(self, holds: Callable[[Session], bool], limit_s: float = 86_400) -> Session:
        give_up = self.clock.now() + timedelta(seconds=limit_s)
        position = 0
        while not holds(session := await self.session()):
            assert self.clock.now() < give_up, f"stuck in {session.state}: {session}"
            async with asyncio.timeout(60):
                position = await self.journal.wait(position)
        return session

    @asynccontextmanager
    async def engine(self, owner: str = "engine"):
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.supervisor(owner).run(stop))
            try:
                yield
            finally:
                stop.set()

    @asynccontextmanager
    async def managing(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._manage_all(group))
            try:
                yield
            finally:
                task.cancel()

    async def _manage_all(self, group: asyncio.TaskGroup) -> None:
        position, sessions = 0, dict[str, Session]()
        answering: set[asyncio.Task[None]] = set()
        try:
            while True:
                for entry in await self.journal.read_all(position):
                    position = entry.position
                    before = sessions.get(entry.session_id)
                    sessions[entry.session_id] = evolve(before, entry)
                    for notice in notices(before, entry):
                        manager = self.managers.get(notice.project_id)
                        if manager:
                            answering.add(group.create_task(self._answer(manager, notice)))
                await self.journal.wait(position)
        finally:
            for task in answering:
                task.cancel()

    async def _answer(self, manager: Manager, notice: ProjectNotice) -> None:
        manager.told.append(notice)
        answer = manager.answer(notice)
        if notice.reply_at is None or answer is None:
            return
        if manager.thinks_s:
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=manager.thinks_s))
        if notice.kind is NoticeKind.SCALE_IN:
            await self._scale_in(manager, notice.suggested_instance_ids)
        await self.reply(manager, notice, answer)
        if manager.chosen(notice) is InstanceAction.OWN_ACTION:
            await self._replace(manager, notice)

    async def _scale_in(self, manager: Manager, suggested: Collection[str]) -> None:
        servers = await self.cloud.servers(manager.project_id)
        chosen = [s for s in servers if s.instance_id in suggested]
        for server in chosen if manager.obedient else servers[len(servers) - manager.scale_in :]:
            await self.cloud.delete(manager.project_id, server.instance_id)
            manager.removed.append((server.name, server.flavor, server.group))

    async def _replace(self, manager: Manager, notice: ProjectNotice) -> None:
        if manager.acts_after_s:
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=manager.acts_after_s))
        servers = {s.instance_id: s for s in await self.cloud.servers(manager.project_id)}
        for told in notice.instances:
            old = servers[told.instance_id]
            await self.cloud.delete(manager.project_id, old.instance_id)
            await self.cloud.boot(
                manager.project_id, old.flavor, name=f"{old.name}+", group=old.group
            )

    async def reply(
        self, manager: Manager, notice: ProjectNotice, answer: Answer
    ) -> NoEffect | None:
        """As the API does it: checked against the head, appended, again on conflict."""
        reply = Reply(
            project_id=manager.project_id,
            kind=notice.kind,
            answer=answer,
            action=manager.chosen(notice),
            notice_id=notice.notice_id,
        )
        while True:
            session = await self.session(notice.session_id)
            outcome = check_reply(session, reply)
            if isinstance(outcome, NoEffect):
                return outcome
            try:
                await self.journal.append(
                    notice.session_id, [outcome], at=self.clock.now(), expected_seq=session.seq
                )
                return None
            except Conflict:
                continue


@asynccontextmanager
async def a_world(definition: str):
    """A world around a simulated cloud described in TOML."""
    clock = VirtualClock()
    journal = await SqlJournal.open("sqlite://", shared=False)
    cloud = SimulatedCloud(parse(definition), clock)
    try:
        yield World(clock, journal, cloud)
    finally:
        await cloud.aclose()
        await journal.aclose()
