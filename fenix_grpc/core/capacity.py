"""Where instances fit: vectors of vCPU, memory and disk, placement groups, and moves that are under way.

Capacity is never a sum over hosts: a host counts as empty-able only when each of its instances has a named place
(upstream W26, W27: vCPU sums and scattered room).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fenix_grpc.core.model import HostKind, InstanceView, Resources
from fenix_grpc.core.session import Host, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Where a set of instances would go."""

    #: Instance id to host.
    placed: Mapping[str, str]
    #: Instances that fit nowhere, largest first.
    unplaced: tuple[InstanceView, ...]

    @property
    def lacking(self) -> Resources:
        """What the unplaced ones need together."""
        return total(i.size for i in self.unplaced)


def total(amounts: Iterable[Resources]) -> Resources:
    """The sum."""
    result = Resources()
    for amount in amounts:
        result += amount
    return result


def usable(host: Host) -> bool:
    """New instances may go there."""
    view = host.view
    ours = host.disabled or bool(host.set_aside) or host.retired
    return view.kind is HostKind.COMPUTE and view.enabled and view.healthy and not ours


def free_on(host: Host, there: Iterable[InstanceView]) -> Resources:
    """What neither the instances `there`, come or coming, take nor the cloud counts as used: it knows of what others
    move as well, on both ends (Nova: allocations in Placement)."""
    return host.view.capacity - total(i.size for i in there).or_more(host.view.used)


def groups_of(session: Session, instance: InstanceView) -> tuple[str, ...]:
    """The groups that an instance belongs to: those of the cloud and the one that its constraint names; all hold."""
    demand = session.instance_constraints.get(instance.instance_id)
    if demand is None or not demand.group_id or demand.group_id in instance.groups:
        return instance.groups
    return (*instance.groups, demand.group_id)


def per_host(session: Session, group_id: str) -> int:
    """How many members of a group may share a host, by the stricter of cloud and constraint; 0 for any number."""
    group = session.groups.get(group_id)
    demand = session.group_constraints.get(group_id)
    limits = (group.max_per_host if group else 0, demand.per_host() if demand else 0)
    return min((limit for limit in limits if limit), default=0)


def same_pool(session: Session, source: str, target: str) -> bool:
    """Instances stay in their zone and aggregates. True also where one of the hosts is not known any more."""
    here, there = session.hosts.get(source), session.hosts.get(target)
    return here is None or there is None or here.view.pool == there.view.pool


def mitigated(session: Session, instance: InstanceView) -> bool:
    """Room for a substitute must be free while the instance moves: it or one of its groups asks for that."""
    demand = session.instance_constraints.get(instance.instance_id)
    if demand is not None and demand.resource_mitigation:
        return True
    groups = session.group_constraints
    return any(groups[g].resource_mitigation for g in groups_of(session, instance) if g in groups)


class Room:
    """A scratch pad for placing instances one after the other; booked moves count on both ends."""

    def __init__(self, session: Session, *, without: frozenset[str] = frozenset()) -> None:
        self._session = session
        closed = without.union(h.host for h in session.held_hosts.values() if h.in_work)
        hosts = {n: h for n, h in sorted(session.hosts.items()) if usable(h) and n not in closed}
        self._hosts = hosts
        self._members: dict[tuple[str, str], int] = {}
        there = {name: list(session.instances_on(name)) for name in hosts}
        for step in session.moves():
            if step.target in hosts:
                there[step.target].append(session.instances[step.instance_id])
        self._free = {name: free_on(host, there[name]) for name, host in hosts.items()}
        for name, instances in there.items():
            for instance in instances:
                self._count(instance, name)

    def _count(self, instance: InstanceView, host: str) -> None:
        for group_id in groups_of(self._session, instance):
            key = (group_id, host)
            self._members[key] = self._members.get(key, 0) + 1

    def book(self, instance: InstanceView, host: str) -> None:
        """Takes the room."""
        self._free[host] -= instance.size
        self._count(instance, host)

    def takes(self, instance: InstanceView, host: str) -> bool:
        """True when the instance may go there."""
        if host == instance.host or not instance.size.fits(self._free[host]):
            return False
        if not same_pool(self._session, instance.host, host):
            return False
        for group_id in groups_of(self._session, instance):
            limit = per_host(self._session, group_id)
            if limit and self._members.get((group_id, host), 0) >= limit:
                return False
        return True

    def best(self, instance: InstanceView, avoid: frozenset[str] = frozenset()) -> str:
        """The best host for an instance, empty for none: one that needs no work any more before one that does, and that
        before one of another session, which may move it again; then the one with the least room left, then by name."""
        fitting = [h for h in self._hosts if h not in avoid and self.takes(instance, h)]
        return min(fitting, key=self._rank, default="")

    def _rank(self, host: str) -> tuple[bool, bool, Resources, str]:
        held = host in self._session.held_hosts
        return (held, self._hosts[host].todo, self._free[host], host)


def pack(
    session: Session,
    instances: Iterable[InstanceView],
    *,
    without: frozenset[str] = frozenset(),
    avoid: Mapping[str, frozenset[str]] | None = None,
) -> Packing:
    """Places instances, largest first, on hosts other than `without`; `avoid` names hosts that refused one."""
    room = Room(session, without=without)
    placed: dict[str, str] = {}
    unplaced: list[InstanceView] = []
    for instance in sorted(instances, key=lambda i: (i.size, i.instance_id), reverse=True):
        host = room.best(instance, (avoid or {}).get(instance.instance_id, frozenset()))
        if host:
            room.book(instance, host)
            placed[instance.instance_id] = host
        else:
            unplaced.append(instance)
    return Packing(placed=placed, unplaced=tuple(unplaced))


def next_to_empty(session: Session, among: Iterable[Host]) -> str:
    """The compute host that is easiest to empty completely, empty when there is none; see `easiest_to_empty`."""
    easiest = easiest_to_empty(session, among)
    return easiest[0] if easiest else ""


def easiest_to_empty(session: Session, among: Iterable[Host]) -> tuple[str, Packing] | None:
    """That host and where its instances would go; None when no host can be emptied completely.

    One that is closed already comes first, then the one with the fewest instances, then by name; those that are retired
    come last, as they never give back the room that emptying them takes.
    """
    waiting = [host for host in among if host.view.up]
    there = session.on_host
    waiting.sort(key=lambda h: (not h.disabled, h.retired, len(there.get(h.name, ())), h.name))
    for host in waiting:
        packing = pack(session, session.instances_on(host.name), without=frozenset({host.name}))
        if not packing.unplaced:
            return host.name, packing
    return None


def shortage(session: Session) -> Resources:
    """What must be released so that some host can be emptied: the least over the hosts still to be worked on."""
    waiting = [host.name for host in session.todo(HostKind.COMPUTE) if host.view.up]
    lacking = [
        pack(session, session.instances_on(name), without=frozenset({name})).lacking
        for name in waiting
    ]
    return min(lacking, default=Resources())
