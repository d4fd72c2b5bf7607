"""The problem in numbers: indices instead of names, so that placing an instance costs microseconds.

Instances never leave their zone and group limits count per host, so zones do not concern each other and are planned one
by one. Nothing here changes after it is made; what a plan under construction changes is in `room.Room`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fenix_grpc.core.model import HostKind, Resources
from fenix_grpc.core.planner.problem import PlannedHost, PlannedInstance, Problem

#: vCPU, MiB of memory, GiB of disk
Vector = tuple[int, int, int]


@dataclass(slots=True)
class Zone:
    """One zone. Hosts, instances, size classes and groups are positions in the lists."""

    name: str
    hosts: list[PlannedHost] = field(default_factory=list)
    #: What each host may be filled to.
    limit: list[Vector] = field(default_factory=list)
    #: What sits on each host now, moves under way counted at their target.
    used: list[Vector] = field(default_factory=list)
    #: Hosts to be worked on.
    todo: list[int] = field(default_factory=list)
    #: Destinations from the start: maintained, or not of this session.
    clean: list[int] = field(default_factory=list)
    #: Of `todo`: those that may take the seeds' instances.
    parks: frozenset[int] = frozenset()
    #: Of `todo`: those that moves are under way to; they wait for the second wave.
    arriving: frozenset[int] = frozenset()
    #: Instances that must leave: all that sit on a host of `todo`.
    instances: list[PlannedInstance] = field(default_factory=list)
    #: Of each instance: its host, its size class.
    at: list[int] = field(default_factory=list)
    size_class: list[int] = field(default_factory=list)
    #: Distinct sizes, largest first.
    sizes: list[Vector] = field(default_factory=list)
    #: Instances on each host of `todo`.
    on: list[list[int]] = field(default_factory=list)
    #: Of each instance: those of its groups that limit members per host.
    groups: list[tuple[int, ...]] = field(default_factory=list)
    #: Members per host that a group allows.
    group_limit: list[int] = field(default_factory=list)
    group_ids: list[str] = field(default_factory=list)
    #: group * number of hosts + host -> members there.
    members: dict[int, int] = field(default_factory=dict)
    #: Instance -> hosts that refused it.
    refused: dict[int, frozenset[int]] = field(default_factory=dict)
    #: Instances for which not every host with room will do.
    picky: bytearray = field(default_factory=bytearray)
    #: Instances for which a second place must be free while they move.
    mitigated: set[int] = field(default_factory=set)
    #: The dimension that is scarcest.
    scarce: int = 0

    def size(self, i: int) -> Vector:
        """What the instance takes."""
        return self.sizes[self.size_class[i]]

    def load(self, hosts: list[int]) -> Vector:
        """What the hosts carry together."""
        used = self.used
        return (
            sum(used[h][0] for h in hosts),
            sum(used[h][1] for h in hosts),
            sum(used[h][2] for h in hosts),
        )

    def room(self, hosts: list[int]) -> Vector:
        """What the hosts may carry together."""
        limit = self.limit
        return (
            sum(limit[h][0] for h in hosts),
            sum(limit[h][1] for h in hosts),
            sum(limit[h][2] for h in hosts),
        )


def vector(amount: Resources) -> Vector:
    """Negative amounts count as nothing."""
    return (max(0, amount.vcpus), max(0, amount.memory_mb), max(0, amount.disk_gb))


def zones(problem: Problem, blocked: Mapping[str, object]) -> list[Zone]:
    """The zones in which there is something to plan, by name; `blocked` names hosts that stay as they are."""
    found: dict[str, Zone] = {}
    place: dict[str, tuple[Zone, int]] = {}
    going = under_way(problem)
    leaving = {source for source, _ in going.values()}
    for host in problem.hosts:
        if host.kind is HostKind.COMPUTE and host.name not in place:
            zone = found.setdefault(host.zone, Zone(name=host.zone))
            place[host.name] = (zone, len(zone.hosts))
            _add_host(zone, host, problem, blocked, leaving)
    _add_instances(problem, place, going)
    for zone in found.values():
        total, room = zone.load(zone.todo), zone.room(zone.todo + zone.clean)
        zone.scarce = max(range(3), key=lambda d: (total[d] / room[d] if room[d] else 0.0, -d))
    return [found[name] for name in sorted(found) if found[name].todo]


def under_way(problem: Problem) -> dict[str, tuple[str, str]]:
    """Instance -> source and target of the move that it is making."""
    at = {i.instance_id: i.host for i in problem.instances}
    return {
        m.instance_id: (m.source, m.target)
        for m in problem.kept
        if at.get(m.instance_id) == m.source != m.target
    }


def _add_host(
    zone: Zone,
    host: PlannedHost,
    problem: Problem,
    blocked: Mapping[str, object],
    leaving: set[str],
) -> None:
    index = len(zone.hosts)
    share = problem.options.fill_limit
    share = share if 0.0 < share < 1.0 else 1.0
    room = vector(host.capacity)
    zone.hosts.append(host)
    zone.limit.append((int(room[0] * share), int(room[1] * share), int(room[2] * share)))
    zone.used.append((0, 0, 0))
    zone.on.append([])
    # A move under way is booked on both ends: its source takes nothing until it has gone.
    accepts = host.usable and host.name not in leaving and host.name not in problem.held
    if not host.in_session or host.maintained:
        if accepts:
            zone.clean.append(index)
    elif host.name not in blocked and host.name not in problem.held:
        zone.todo.append(index)
        if accepts:
            zone.parks |= {index}


def _add_instances(
    problem: Problem,
    place: Mapping[str, tuple[Zone, int]],
    going: Mapping[str, tuple[str, str]],
) -> None:
    by_zone: dict[str, list[tuple[PlannedInstance, int]]] = defaultdict(list)
    every: dict[str, Zone] = {}
    for instance in problem.instances:
        where = instance.host
        if instance.instance_id in going:
            where = going[instance.instance_id][1]
        if where in place:
            zone, host = place[where]
            every[zone.name] = zone
            by_zone[zone.name].append((instance, host))
    for name, zone in every.items():
        _fill(zone, by_zone[name], problem, {n: h for n, (z, h) in place.items() if z is zone})


def _fill(
    zone: Zone,
    instances: Iterable[tuple[PlannedInstance, int]],
    problem: Problem,
    place: Mapping[str, int],
) -> None:
    """Puts the instances onto the hosts of the zone."""
    todo, sizes, group_index = frozenset(zone.todo), dict[Vector, int](), dict[str, int]()
    limited = {g for g, group in problem.groups.items() if group.max_per_host > 0}
    members, used, width = zone.members, [list(v) for v in zone.used], len(zone.hosts)
    for instance, host in instances:
        size = vector(instance.size)
        load = used[host]
        load[0] += size[0]
        load[1] += size[1]
        load[2] += size[2]
        groups: tuple[int, ...] = ()
        if not limited.isdisjoint(instance.groups):
            groups = _limited(zone, group_index, instance, problem)
            for group in groups:
                members[group * width + host] = members.get(group * width + host, 0) + 1
        if host not in todo:
            continue
        index = len(zone.instances)
        zone.instances.append(instance)
        zone.at.append(host)
        zone.on[host].append(index)
        zone.groups.append(groups)
        zone.size_class.append(sizes.setdefault(size, len(sizes)))
        refused = problem.refused.get(instance.instance_id)
        if refused:
            zone.refused[index] = frozenset(place[name] for name in refused if name in place)
        zone.picky.append(1 if groups or refused else 0)
        if instance.mitigation:
            zone.mitigated.add(index)
        if zone.hosts[host].name != instance.host:
            zone.arriving |= {host}
    zone.used = [(load[0], load[1], load[2]) for load in used]
    _order_sizes(zone, sizes)


def _limited(
    zone: Zone, index: dict[str, int], instance: PlannedInstance, problem: Problem
) -> tuple[int, ...]:
    """Those of the instance's groups that limit members per host."""
    found = []
    for group_id in instance.groups:
        group = problem.groups.get(group_id)
        if group is not None and group.max_per_host > 0:
            number = index.setdefault(group_id, len(index))
            if number == len(zone.group_limit):
                zone.group_limit.append(group.max_per_host)
                zone.group_ids.append(group_id)
            found.append(number)
    return tuple(dict.fromkeys(found))


def _order_sizes(zone: Zone, sizes: Mapping[Vector, int]) -> None:
    """Numbers the size classes so that the largest share of a typical host comes first."""
    total = zone.room(zone.todo + zone.clean)
    scale = [1.0 / amount if amount else 0.0 for amount in total]

    def largest(size: Vector) -> tuple[float, Vector]:
        return max(size[d] * scale[d] for d in range(3)), size

    zone.sizes = sorted(sizes, key=largest, reverse=True)
    rank = {sizes[size]: position for position, size in enumerate(zone.sizes)}
    zone.size_class = [rank[number] for number in zone.size_class]
