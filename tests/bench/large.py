"""A large cloud with its applications and their managers, for a session at virtual time.

The cloud is one of the planner's generator, so that plans and sessions are measured on the same ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated.definition import (
    Definition,
    Durations,
    Flavor,
    Group,
    Hosts,
    Instances,
    Project,
)
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.errors import Conflict
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.model import Answer, InstanceAction, Inventory, Policy
from fenix_grpc.core.negotiate import NoEffect, Reply, check_reply
from fenix_grpc.core.notices import ProjectNotice, notices
from fenix_grpc.core.planner import PlannedInstance, Problem
from fenix_grpc.core.session import Session
from fenix_grpc.ports import ActionRequest, ActionResult, Journal

PROJECTS = 40
#: Of these, the last have no manager and demand nothing.
UNMANAGED = 8
#: A live migration takes 15 to 45 s.
DURATIONS = Durations(live_migrate=30.0, cold_migrate=60.0, jitter=0.5)
LIVE = InstanceAction.LIVE_MIGRATE
Demand = InstanceConstraint | GroupConstraint


def policy_for(hosts: int) -> Policy:
    """A fifth of the hosts at once; beyond that the pace is the cloud's: room, budgets and the moves of one host. A
    look at a real cloud of that size takes tens of seconds, so they are no more frequent."""
    at_once = max(4, hosts // 5)
    return Policy(parallel_hosts=at_once, parallel_moves=2 * at_once, reply_s=60.0, poll_s=30.0)


def definition_of(problem: Problem) -> Definition:
    """The planner's cloud as the simulated cloud is told of it."""
    flavors = {_flavor(i): i.size for i in problem.instances}
    groups: defaultdict[str, dict[str, Group]] = defaultdict(dict)
    instances: defaultdict[str, list[Instances]] = defaultdict(list)
    for each in problem.instances:
        project_id = owner(each)
        group = next((g for g in each.groups if problem.groups[g].max_per_host), "")
        if group:
            most = problem.groups[group].max_per_host
            groups[project_id][group] = Group(name=group, max_per_host=most)
        instances[project_id].append(
            Instances(name=each.instance_id, flavor=_flavor(each), group=group, hosts=(each.host,))
        )
    return Definition(
        hosts=tuple(
            Hosts(
                name=host.name,
                vcpus=host.capacity.vcpus,
                memory_mb=host.capacity.memory_mb,
                disk_gb=host.capacity.disk_gb,
            )
            for host in problem.hosts
        ),
        flavors={
            name: Flavor(vcpus=size.vcpus, memory_mb=size.memory_mb, disk_gb=size.disk_gb)
            for name, size in flavors.items()
        },
        projects=tuple(
            Project(id=name, groups=tuple(groups[name].values()), instances=tuple(members))
            for name, members in instances.items()
        ),
        durations=DURATIONS,
    )


def owner(instance: PlannedInstance) -> str:
    """A group belongs to one project; what belongs to none is of those that demand nothing."""
    if instance.groups:
        return f"p{int(instance.groups[0].lstrip('g')) % (PROJECTS - UNMANAGED)}"
    return f"p{PROJECTS - 1 - int(instance.instance_id.rpartition('-')[2]) % UNMANAGED}"


def managed() -> frozenset[str]:
    """Projects with a manager."""
    return frozenset(f"p{number}" for number in range(PROJECTS - UNMANAGED))


def demands(problem: Problem, seen: Inventory) -> Iterable[Demand]:
    """Budgets and recovery times of the generated groups; every member may be moved alive after 30 s."""
    groups = {group.group_name: group.group_id for group in seen.groups}
    owners = {i.groups[0]: owner(i) for i in problem.instances if i.groups}
    ids = {i.instance_name: i.instance_id for i in seen.instances}
    for name, project_id in owners.items():
        group = problem.groups[name]
        yield GroupConstraint(
            group_id=groups.get(name, name),
            project_id=project_id,
            group_name=name,
            anti_affinity_group=bool(group.max_per_host),
            max_instances_per_host=group.max_per_host,
            max_impacted_members=group.budget,
            recovery_time=round(group.recovery_s),
        )
    for each in problem.instances:
        if each.groups:
            yield InstanceConstraint(
                instance_id=ids[each.instance_id],
                project_id=owner(each),
                group_id=groups.get(each.groups[0], each.groups[0]),
                instance_name=each.instance_id,
                migration_types=(LIVE,),
                lead_time=30,
            )


class Work:
    """Takes on each host as long as the generator says."""

    idempotent = True

    def __init__(self, problem: Problem, clock: VirtualClock) -> None:
        self._seconds: Mapping[str, float] = {host.name: host.work_s for host in problem.hosts}
        self._clock = clock

    async def run(self, request: ActionRequest) -> ActionResult:
        """See the class."""
        takes = timedelta(seconds=self._seconds[request.host])
        await self._clock.sleep_until(self._clock.now() + takes)
        return ActionResult(ok=True)


class Managers:
    """All managers in one: whatever was told is answered 5 s later, everything of that time together."""

    THINKS = timedelta(seconds=5)

    def __init__(self, journal: Journal, clock: VirtualClock, projects: frozenset[str]) -> None:
        self._journal, self._clock, self._projects = journal, clock, projects
        self._session: Session | None = None
        self._position = 0
        self._asked: list[ProjectNotice] = []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._journal.wait(self._position)
            await self._hear()
            if self._asked:
                await self._clock.sleep_until(self._clock.now() + self.THINKS)
                while not await self._answered():
                    pass

    async def _hear(self) -> None:
        for entry in await self._journal.read_all(self._position, limit=1_000_000):
            self._position = entry.position
            before, self._session = self._session, evolve(self._session, entry)
            told = (n for n in notices(before, entry) if n.project_id in self._projects)
            self._asked.extend(notice for notice in told if notice.reply_at)

    async def _answered(self) -> bool:
        """As the API does it: checked against the head and appended; False when somebody else was faster."""
        await self._hear()
        session = self._session
        assert session is not None
        checked = [check_reply(session, _reply(notice)) for notice in self._asked]
        replies = [outcome for outcome in checked if not isinstance(outcome, NoEffect)]
        try:
            if replies:
                at = self._clock.now()
                name = session.session_id
                await self._journal.append(name, replies, at=at, expected_seq=session.seq)
        except Conflict:
            return False
        self._asked.clear()
        return True


def _reply(notice: ProjectNotice) -> Reply:
    return Reply(
        project_id=notice.project_id,
        kind=notice.kind,
        answer=Answer.ACK,
        action=LIVE if notice.allowed_actions else None,
        notice_id=notice.notice_id,
    )


def _flavor(instance: PlannedInstance) -> str:
    return f"{instance.size.vcpus}-{instance.size.memory_mb // 1024}"
