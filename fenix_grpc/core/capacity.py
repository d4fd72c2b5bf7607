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
    return view.kind is HostKind.COMPUTE and view.enabled and view.up and not host.disabled


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
        hosts = {n: h for n, h in sorted(session.hosts.items()) if usable(h) and n not in without}
        self._hosts = hosts
        self._free = {
            name: host.view.capacity - total(i.size for i in session.instances_on(name))
            for name, host in hosts.items()
        }
        self._members: dict[tuple[str, str], int] = {}
        for name in hosts:
            for instance in session.instances_on(name):
                self._count(instance, name)
        for step in session.open():
            moving = session.instances.get(step.instance_id)
            if moving is not None and step.target in hosts:
                self.book(moving, step.target)

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
        for group_id in groups_of(self._session, instance):
            limit = per_host(self._session, group_id)
            if limit and self._members.get((group_id, host), 0) >= limit:
                return False
        return True

    def best(self, instance: InstanceView, avoid: frozenset[str] = frozenset()) -> str:
        """The best host for an instance, empty for none: one that needs no work any more before one that does, then the
        one with the least room left, then by name."""
        fitting = [h for h in self._hosts if h not in avoid and self.takes(instance, h)]
        return min(fitting, key=self._rank, default="")

    def _rank(self, host: str) -> tuple[bool, Resources, str]:
        return (self._hosts[host].todo, self._free[host], host)


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


def next_to_empty(session: Session) -> str:
    """The compute host that is easiest to empty completely, empty when there is none.

    One that is closed already comes first, then the one with the fewest instances, then by name.
    """
    waiting = [host for host in session.todo(HostKind.COMPUTE) if host.view.up]
    waiting.sort(key=lambda h: (not h.disabled, len(session.on_host.get(h.name, ())), h.name))
    for host in waiting:
        if not pack(
            session, session.instances_on(host.name), without=frozenset({host.name})
        ).unplaced:
            return host.name
    return ""


def shortage(session: Session) -> Resources:
    """What must be released so that some host can be emptied: the least over the hosts still to be worked on."""
    waiting = [host.name for host in session.todo(HostKind.COMPUTE) if host.view.up]
    lacking = [
        pack(session, session.instances_on(name), without=frozenset({name})).lacking
        for name in waiting
    ]
    return min(lacking, default=Resources())
