"""The problem in numbers: indices instead of names, so that placing an instance costs microseconds.

Instances never leave their zone and group limits count per host, so zones do not concern each other and are planned one
by one. Nothing here changes after it is made; what a plan under construction changes is in `room.Room`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

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
    parks: set[int] = field(default_factory=set)
    #: Of `todo`: those that leave the cloud after their work; their limit is nothing.
    retired: set[int] = field(default_factory=set)
    #: Of `todo`: those that moves are under way to; they wait for the second wave.
    arriving: set[int] = field(default_factory=set)
    #: Instances that must leave: all that sit on a host of `todo`.
    instances: list[PlannedInstance] = field(default_factory=list)
    #: Of each instance: its host, its kind, the seconds that its move takes.
    at: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    move_s: list[float] = field(default_factory=list)
    #: Distinct sizes, largest first. Kind 2 n + 1 is any instance of size n, kind 2 n one that not every host with room
    #: may take.
    sizes: list[Vector] = field(default_factory=list)
    #: Instances on each host of `todo`.
    on: list[list[int]] = field(default_factory=list)
    #: Of each instance: those of its groups that limit members per host.
    groups: list[tuple[int, ...]] = field(default_factory=list)
    #: Members per host that a group allows.
    group_limit: list[int] = field(default_factory=list)
    #: Of each host: group -> members there.
    members: list[dict[int, int]] = field(default_factory=list)
    #: Instance -> hosts that refused it.
    refused: dict[int, frozenset[int]] = field(default_factory=dict)
    #: Instances for which a second place must be free while they move.
    mitigated: set[int] = field(default_factory=set)
    #: The dimension that is scarcest.
    scarce: int = 0

    def size(self, i: int) -> Vector:
        """What the instance takes."""
        return self.sizes[self.kind[i] >> 1]

    def least(self, instances: Iterable[int]) -> Vector:
        """What any of them needs at least in each dimension."""
        return self._extreme(min, instances)

    def most(self, instances: Iterable[int]) -> Vector:
        """What is enough for any one of them."""
        return self._extreme(max, instances)

    def _extreme(self, of: Callable[[list[int]], int], instances: Iterable[int]) -> Vector:
        sizes = [self.sizes[number] for number in {self.kind[i] >> 1 for i in instances}]
        if not sizes:
            return 0, 0, 0
        return of([s[0] for s in sizes]), of([s[1] for s in sizes]), of([s[2] for s in sizes])

    def load(self, hosts: Iterable[int]) -> Vector:
        """What the hosts carry together."""
        return total(self.used[h] for h in hosts)

    def room(self, hosts: Iterable[int]) -> Vector:
        """What the hosts may carry together."""
        return total(self.limit[h] for h in hosts)


def total(vectors: Iterable[Vector]) -> Vector:
    """All of them together."""
    vcpus = memory = disk = 0
    for one, two, three in vectors:
        vcpus += one
        memory += two
        disk += three
    return vcpus, memory, disk


def vector(amount: Resources) -> Vector:
    """Negative amounts count as nothing."""
    return max(0, amount.vcpus), max(0, amount.memory_mb), max(0, amount.disk_gb)


def zones(
    problem: Problem, blocked: Collection[str], on: Mapping[str, Sequence[PlannedInstance]]
) -> list[Zone]:
    """The zones in which there is something to plan, by name; `blocked` names hosts that stay as they are, `on` tells
    what is on which host."""
    found: dict[str, Zone] = {}
    fillings: dict[str, _Filling] = {}
    seen: set[str] = set()
    leaving = {source for source, _ in under_way(problem).values()}
    for host in problem.hosts:
        if host.kind is HostKind.COMPUTE and host.name not in seen:
            seen.add(host.name)
            if host.zone not in found:
                found[host.zone] = Zone(name=host.zone)
                fillings[host.zone] = _Filling(found[host.zone], problem)
            _add_host(found[host.zone], host, problem, blocked, leaving)
            fillings[host.zone].fill(on.get(host.name, ()))
    for name, zone in found.items():
        fillings[name].finish()
        load, room = zone.load(zone.todo), zone.room(zone.todo + zone.clean)
        zone.scarce = max(range(3), key=lambda d: (load[d] / room[d] if room[d] else 0.0, -d))
    return [found[name] for name in sorted(found) if found[name].todo]


def instances_on(problem: Problem) -> dict[str, list[PlannedInstance]]:
    """What is on each host; instances on their way are at their target."""
    going = under_way(problem)
    found: dict[str, list[PlannedInstance]] = defaultdict(list)
    for instance in problem.instances:
        found[instance.host].append(instance)
    for host in {source for source, _ in going.values()}:
        found[host] = [i for i in found[host] if i.instance_id not in going]
    for instance in problem.instances if going else ():
        if instance.instance_id in going:
            found[going[instance.instance_id][1]].append(instance)
    return found


def under_way(problem: Problem) -> dict[str, tuple[str, str]]:
    """Instance -> source and target of the move that it is making."""
    if not problem.kept:
        return {}
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
    blocked: Collection[str],
    leaving: Collection[str],
) -> None:
    index = len(zone.hosts)
    share = problem.options.fill_limit
    share = share if 0.0 < share < 1.0 else 1.0
    room = (0, 0, 0) if host.retired else vector(host.capacity)
    zone.hosts.append(host)
    zone.limit.append((int(room[0] * share), int(room[1] * share), int(room[2] * share)))
    # A move under way is booked on both ends: its source takes nothing until it has gone.
    accepts = (
        host.usable
        and not host.retired
        and host.name not in leaving
        and host.name not in problem.held
    )
    if not host.in_session or host.maintained:
        if accepts:
            zone.clean.append(index)
    elif host.name not in blocked and host.name not in problem.held:
        zone.todo.append(index)
        if host.retired:
            zone.retired.add(index)
        if accepts:
            zone.parks.add(index)


class _Filling:
    """Puts the instances onto the hosts of a zone."""

    def __init__(self, zone: Zone, problem: Problem) -> None:
        self._zone = zone
        self._problem = problem
        self._limited = {g for g, group in problem.groups.items() if group.max_per_host > 0}
        self._numbers: dict[Vector, int] = {}
        self._sizes: list[Vector] = []
        self._groups: dict[str, int] = {}
        self._refused: dict[int, frozenset[str]] = {}

    def fill(self, instances: Sequence[PlannedInstance]) -> None:
        """Puts these onto the last host."""
        zone, known, limited = self._zone, self._numbers, self._limited
        host = len(zone.hosts) - 1
        members: dict[int, int] = {}
        sizes: list[int] = []
        groups: list[tuple[int, ...]] = []
        for instance in instances:
            amount = instance.size
            number = known.get((amount.vcpus, amount.memory_mb, amount.disk_gb))
            sizes.append(self._new_size(amount) if number is None else number)
            if limited.isdisjoint(instance.groups):
                groups.append(())
            else:
                mine = self._limiting(instance.groups)
                groups.append(mine)
                for group in mine:
                    members[group] = members.get(group, 0) + 1
        zone.used.append(total([self._sizes[number] for number in sizes]))
        zone.members.append(members)
        first = len(zone.instances)
        if zone.todo[-1:] == [host]:
            zone.instances += instances
            zone.at += [host] * len(instances)
            zone.move_s += [max(0.0, instance.move_s) for instance in instances]
            zone.groups += groups
            zone.kind += [2 * n + (not mine) for n, mine in zip(sizes, groups, strict=True)]
            self._mark(instances, first, host)
        zone.on.append(list(range(first, len(zone.instances))))

    def _new_size(self, amount: Resources) -> int:
        number = len(self._sizes)
        self._numbers[amount.vcpus, amount.memory_mb, amount.disk_gb] = number
        self._sizes.append(vector(amount))
        return number

    def _mark(self, instances: Sequence[PlannedInstance], first: int, host: int) -> None:
        """Notes what is out of the ordinary about instances that must leave the host."""
        zone, refused, name = self._zone, self._problem.refused, self._zone.hosts[host].name
        for number, instance in enumerate(instances, first):
            if instance.mitigation:
                zone.mitigated.add(number)
            if instance.host != name:
                zone.arriving.add(host)
            if refused and refused.get(instance.instance_id):
                self._refused[number] = refused[instance.instance_id]
                zone.kind[number] &= ~1

    def _limiting(self, group_ids: Iterable[str]) -> tuple[int, ...]:
        """Those of the groups that limit members per host."""
        numbers, limits = self._groups, self._zone.group_limit
        found: dict[str, int] = {}
        for group_id in group_ids:
            if group_id in self._limited:
                number = found[group_id] = numbers.setdefault(group_id, len(numbers))
                if number == len(limits):
                    limits.append(self._problem.groups[group_id].max_per_host)
        return tuple(found.values())

    def finish(self) -> None:
        """Numbers the sizes so that the largest share of a typical host comes first, and hosts instead of names."""
        zone, sizes = self._zone, self._sizes
        self._round_limits()
        room = zone.room(zone.todo + zone.clean)
        scale = [1.0 / amount if amount else 0.0 for amount in room]

        def largest(number: int) -> tuple[float, Vector]:
            return max(sizes[number][d] * scale[d] for d in range(3)), sizes[number]

        order = sorted(range(len(sizes)), key=largest, reverse=True)
        zone.sizes = [sizes[number] for number in order]
        rank = {number: position for position, number in enumerate(order)}
        zone.kind = [2 * rank[kind >> 1] + (kind & 1) for kind in zone.kind]
        place = {host.name: n for n, host in enumerate(zone.hosts)} if self._refused else {}
        for i, names in self._refused.items():
            zone.refused[i] = frozenset(place[name] for name in names if name in place)

    def _round_limits(self) -> None:
        """Whatever sits together on a host takes a multiple of what all sizes are multiples of: the rest of a host
        cannot be used, and to leave it out makes the bounds tighter."""
        if not self._sizes:
            return
        one, two, three = (gcd(*amounts) or 1 for amounts in zip(*self._sizes, strict=True))
        self._zone.limit = [
            (v - v % one, m - m % two, d - d % three) for v, m, d in self._zone.limit
        ]
