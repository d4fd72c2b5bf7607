"""Plays one case: owners, happenings and an operator around engines that stop dead, on virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated.cloud import SimulatedCloud
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.errors import CloudError, Conflict, FenixError, NotFound
from fenix_grpc.core.events import Event, SessionDeleted, StepEnded, StepStarted
from fenix_grpc.core.model import (
    ActionType,
    Answer,
    InstanceAction,
    Inventory,
    NoticeKind,
    SessionState,
)
from fenix_grpc.core.negotiate import check_continue, check_delete
from fenix_grpc.core.notices import ProjectNotice
from fenix_grpc.core.session import Session
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.engine.tasks import first
from fenix_grpc.ports import ActionRequest, ActionResult, Recorded
from fenix_grpc.store.journal import SqlJournal
from tests.soak.case import LONGEST_S, STORY_S, Case, Owner
from tests.stories.stopping import StoppingJournal
from tests.stories.world import SESSION, WORKFLOWS, Manager, World

#: Virtual time after which a session hangs that has not come to rest.
LIMIT = timedelta(hours=12)
#: Longer than that of a server: renewing it is all that happens in most of a session's time.
LEASE_S = 180.0


class Hangs(Exception):
    """A session came to no rest; the text is what it says that it waits for."""


@dataclass(frozen=True, kw_only=True)
class CountingPerformer(Performer):
    """Keeps how often each step was performed."""

    performed: Counter[str]

    async def perform(
        self, session: Session, step: StepStarted, stop: asyncio.Event | None = None
    ) -> StepEnded:
        self.performed[step.step_id] += 1
        return await super().perform(session, step, stop)


class Work:
    """An action that fails on some hosts a few times, and once does not end on others."""

    def __init__(self, case: Case, clock: VirtualClock, struck: Counter[str]) -> None:
        self.idempotent = case.idempotent
        self._spoilt, self._endless = dict(case.spoilt), set(case.endless)
        self._clock, self._struck = clock, struck

    async def run(self, request: ActionRequest) -> ActionResult:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=20))
        if request.host in self._endless:
            self._endless.discard(request.host)
            self._struck["action without end"] += 1
            await asyncio.Event().wait()
        left = self._spoilt.get(request.host, 0)
        if not left:
            return ActionResult(ok=True)
        self._spoilt[request.host] = left - 1
        self._struck["failed action"] += 1
        return ActionResult(ok=False, detail="no space left on device")


@dataclass
class SoakManager(Manager):
    """An owner's manager."""

    owner: Owner = field(kw_only=True)
    acts_after_s: float | None = None


class SoakWorld(World):
    """A world in which owners do as their case says, and everything that strikes is counted."""

    def __init__(self, clock: VirtualClock, journal: SqlJournal, case: Case) -> None:
        super().__init__(clock, journal, SimulatedCloud(case.definition, clock))
        self.case = case
        self.workflow, self.policy = case.workflow, case.policy
        #: When nothing goes wrong for a while any more.
        self.over_at = clock.now() + timedelta(seconds=STORY_S + LONGEST_S)
        self.struck: Counter[str] = Counter()
        self.performed: Counter[str] = Counter()
        #: Instances removed, and booted, by their owners.
        self.removed: set[str] = set()
        self.booted: set[str] = set()
        #: Hosts that somebody else enabled or disabled.
        self.meddled: set[str] = set()
        self.actions = {"work": Work(case, clock, self.struck)}

    @property
    def performer(self) -> Performer:
        return CountingPerformer(
            cloud=self.cloud, actions=self.actions, clock=self.clock, performed=self.performed
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
            lease_s=LEASE_S,
        )

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + timedelta(seconds=seconds))

    async def look(self) -> Inventory:
        """The cloud, as soon as it answers."""
        while True:
            try:
                return await self.cloud.inventory()
            except CloudError:
                await self.sleep(30)

    async def settle_in(self) -> None:
        """Managers and what they demand."""
        seen = await self.look()
        groups = {g.group_name: g.group_id for g in seen.groups}
        for owner in self.case.owners:
            name = owner.project_id
            if owner.managed:
                self.manage(
                    SoakManager(
                        project_id=name,
                        action=owner.action,
                        answers=dict(owner.answers),
                        scale_in=owner.releases,
                        thinks_s=owner.thinks_s,
                        owner=owner,
                        acts_after_s=owner.acts_after_s,
                    )
                )
            if self.workflow == "default" or not owner.group:
                continue  # the default workflow knows nothing of demands
            group_id = groups.get(f"g-{name}", f"own-{name}")
            self.constrain(GroupConstraint(group_id=group_id, project_id=name, **owner.group))
            for instance in seen.instances:
                if instance.project_id == name:
                    self.constrain(
                        InstanceConstraint(
                            instance_id=instance.instance_id,
                            project_id=name,
                            group_id=group_id,
                            **owner.each,
                        )
                    )

    # Owners

    async def _answer(self, manager: Manager, notice: ProjectNotice) -> None:
        assert isinstance(manager, SoakManager)
        answer = manager.answer(notice)
        if notice.reply_at is None:
            return
        if answer is not Answer.ACK:
            self.struck["silence" if answer is None else "refusal"] += 1
        if answer is None:
            return
        if manager.thinks_s:
            await self.sleep(manager.thinks_s)
        if notice.kind is NoticeKind.SCALE_IN:
            await self._release(manager)
        await self.reply(manager, notice, answer)
        if manager.chosen(notice) is InstanceAction.OWN_ACTION:
            await self._act(manager, notice)

    async def _release(self, manager: SoakManager) -> None:
        for server in (await self._servers(manager.project_id))[: manager.scale_in]:
            await self._remove(manager.project_id, server.instance_id)

    async def _act(self, manager: SoakManager, notice: ProjectNotice) -> None:
        if manager.acts_after_s is None:
            self.struck["own action never done"] += 1
            while manager.acts_after_s is None:
                await self.sleep(60)
        if manager.acts_after_s > self.policy.own_action_s:
            self.struck["own action late"] += 1
        await self.sleep(manager.acts_after_s)
        servers = {s.instance_id: s for s in await self._servers(manager.project_id)}
        for told in notice.instances:
            old = servers.get(told.instance_id)
            if old is None:
                continue
            await self._remove(manager.project_id, old.instance_id)
            await self._boot(manager.project_id, old.flavor, old.group)

    async def _servers(self, project_id: str) -> Sequence[object]:
        while True:
            try:
                return await self.cloud.servers(project_id)
            except CloudError:
                await self.sleep(30)

    async def _remove(self, project_id: str, instance_id: str) -> None:
        # Counted first: it is gone at the latest when the call returns.
        self.removed.add(instance_id)
        while True:
            try:
                return await self.cloud.delete(project_id, instance_id)
            except NotFound:
                return
            except CloudError:
                await self.sleep(30)

    async def _boot(self, project_id: str, flavor: str, group: str = "") -> None:
        try:
            self.booted.add(await self.cloud.boot(project_id, flavor, group=group))
        except CloudError:
            self.struck["no room for a new instance"] += 1

    # Others

    async def happen(self) -> None:
        """Everything that the case has happen, at its time."""
        began = self.clock.now()
        for each in self.case.happenings:
            await self.clock.sleep_until(began + timedelta(seconds=each.at_s))
            self.struck[each.kind] += 1
            match each.kind:
                case "boot":
                    await self._boot(each.subject, "m")
                case "vanish" | "stop":
                    await self._touch(each.kind, each.subject)
                case "down" | "up":
                    await self.cloud.set_up(each.subject, each.kind == "up")
                case "disable" | "enable":
                    self.meddled.add(each.subject)
                    enabled = each.kind == "enable"
                    await self.cloud.set_enabled(each.subject, enabled, "somebody else")

    async def _touch(self, kind: str, project_id: str) -> None:
        for server in (await self._servers(project_id))[:1]:
            if kind == "vanish":
                await self._remove(project_id, server.instance_id)
                continue
            try:
                await self.cloud.stop(project_id, server.instance_id)
            except CloudError:
                self.struck["could not be stopped"] += 1

    # The operator

    async def say(self, make: object, **marks: bool) -> bool:
        """As the API does it: checked against the head; False when it is refused or has no effect."""
        while True:
            session = await self.session()
            try:
                event = make(session)
            except FenixError:
                return False
            if not isinstance(event, Event):
                return False
            try:
                await self.journal.append(
                    SESSION, [event], at=self.clock.now(), expected_seq=session.seq, **marks
                )
            except Conflict:
                continue
            return True

    async def delete(self) -> bool:
        return await self.say(lambda s: check_delete(s, "operator"), active=True, deleted=True)

    async def go_on(self) -> bool:
        states = frozenset(WORKFLOWS[self.workflow].transitions)
        return await self.say(lambda s: check_continue(s, None, states, "operator"), active=True)

    async def repair(self) -> None:
        """What broke is mended: faults are over, hosts report, managers agree, broken instances are gone."""
        await self.sleep(60)
        await self.clock.sleep_until(self.over_at)
        for manager in self.managers.values():
            assert isinstance(manager, SoakManager)
            manager.answers = {}
            manager.acts_after_s = 0.0
        await self.cloud.abort_stuck()
        seen = await self.look()
        for host in seen.hosts:
            if not host.up:
                await self.cloud.set_up(host.host, True)
        for instance in seen.instances:
            if instance.status == "ERROR":
                await self._remove(instance.project_id, instance.instance_id)

    async def come_to_rest(self) -> Session:
        """Engines work until the session is settled; each that the case says stops dead is followed by another."""
        give_up, position = self.clock.now() + LIMIT, 0
        while not (session := await self.session()).settled:
            if self.clock.now() >= give_up:
                waiting = WORKFLOWS[self.workflow].decide(session, self.clock.now()).waiting
                raise Hangs(f"in {session.state}: {[f'{w.subject}: {w.reason}' for w in waiting]}")
            # A clock that leaps while an engine dies must not leap to the limit.
            look_again = self.clock.now() + timedelta(seconds=60)
            await first(self.journal.wait(position), self.clock.sleep_until(look_again))
            position = await self.journal.head()
        return session


async def engines(world: SoakWorld) -> None:
    """One engine after the other; the last lives on."""
    for number, (at, made) in enumerate(world.case.crashes):
        stopping = StoppingJournal(world.journal, at, made=made)
        world.engine_journal = stopping
        engine = asyncio.ensure_future(world.supervisor(f"engine{number}").run(asyncio.Event()))
        try:
            await first(stopping.stopped.wait(), asyncio.wait([engine]))
            world.struck["crash"] += 1
        finally:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)
        # the lease of the dead has to run out first
        await world.sleep(LEASE_S + 1)
    world.engine_journal = world.journal
    await world.supervisor("last").run(asyncio.Event())


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a case came to."""

    session: Session
    entries: Sequence[Recorded]
    continued: int
    deleted: bool


async def play(world: SoakWorld) -> Played:
    """The whole story of a case. Raises Hangs."""
    case = world.case
    await world.settle_in()
    await world.create(hosts=case.hosts, actions=((ActionType.HOST, "work", case.idempotent),))
    async with asyncio.TaskGroup() as group, world.managing():
        others = [group.create_task(engines(world)), group.create_task(world.happen())]
        if case.deletes_at_s is not None:
            others.append(group.create_task(_delete_at(world, case.deletes_at_s)))
        continued = 0
        session = await world.come_to_rest()
        while _failed(session) and continued < case.continues:
            await world.repair()
            if await world.go_on():
                continued += 1
            session = await world.come_to_rest()
        if _failed(session) and case.deletes:
            await world.delete()
            session = await world.come_to_rest()
        await world.sleep(900)
        session = await world.come_to_rest()
        for task in others:
            task.cancel()
    entries = await world.journal.read(SESSION)
    deleted = any(isinstance(entry.event, SessionDeleted) for entry in entries)
    return Played(session=session, entries=entries, continued=continued, deleted=deleted)


def _failed(session: Session) -> bool:
    return session.state is SessionState.MAINTENANCE_FAILED and not session.deleted


async def _delete_at(world: SoakWorld, at_s: float) -> None:
    await world.sleep(at_s)
    if await world.delete():
        world.struck["delete"] += 1
