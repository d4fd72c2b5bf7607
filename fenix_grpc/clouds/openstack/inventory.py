"""One look at the whole cloud, cheap enough to be repeated every few seconds.

All lists are read side by side. The result proves the emptiness of a host twice: no instance is listed on it, and its
`used`, which comes from Placement and counts servers on their way as well, is nothing.
"""

from __future__ import annotations

from asyncio import gather
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fenix_grpc.clouds.openstack.nova import Aggregate, Group, Node, Nova, Server, Service
from fenix_grpc.core.model import HostKind, HostView, InstanceView, Inventory, Resources

COMPUTE = "nova-compute"
#: Its hosts are those of the control plane.
CONDUCTOR = "nova-conductor"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    capacity: Resources = Resources()
    used: Resources = Resources()

    def __add__(self, other: _Room) -> _Room:
        return _Room(capacity=self.capacity + other.capacity, used=self.used + other.used)


async def look(nova: Nova, agents: Callable[[], Awaitable[Mapping[str, str]]]) -> Inventory:
    """All hosts, all instances and the anti-affinity groups, as they are now; `agents` tells of trouble per host."""
    services, rooms, servers, groups, aggregates, troubles = await gather(
        nova.services(), _rooms(nova), nova.servers(), nova.groups(), nova.aggregates(), agents()
    )
    hosts = _hosts(services, rooms, _telling(aggregates))
    return Inventory(
        hosts=tuple(replace(host, trouble=troubles.get(host.host, "")) for host in hosts),
        instances=tuple(_instances(servers, groups)),
        groups=tuple(group.view for group in groups),
    )


async def _rooms(nova: Nova) -> Mapping[str, _Room]:
    """Room per host. A host of bare metal has many nodes."""
    nodes = await nova.nodes()
    rooms: defaultdict[str, _Room] = defaultdict(_Room)
    for node, room in zip(nodes, await gather(*(_room(nova, node) for node in nodes)), strict=True):
        rooms[node.host] += room
    return rooms


async def _room(nova: Nova, node: Node) -> _Room:
    capacity, used = await gather(nova.capacity(node), nova.usage(node))
    return _Room(capacity=capacity, used=used)


def _telling(aggregates: Iterable[Aggregate]) -> Mapping[str, tuple[str, ...]]:
    """Per host, the aggregates that say more of it than its zone. What they say may be what instances were put there
    for (nova: AggregateInstanceExtraSpecsFilter, AggregateMultiTenancyIsolation and their kin), and the API does not
    tell of which instance that is true: so all stay within hosts of which the same is said."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for aggregate in aggregates:
        if aggregate.keys - {"availability_zone"}:
            for host in aggregate.hosts:
                names[host].append(aggregate.name)
    return {host: tuple(sorted(found)) for host, found in names.items()}


def _hosts(
    services: Iterable[Service],
    rooms: Mapping[str, _Room],
    aggregates: Mapping[str, tuple[str, ...]],
) -> Iterator[HostView]:
    """The computes, then the hosts that run a conductor and no compute, each by name."""
    computes = {service.host: service for service in services if service.binary == COMPUTE}
    conductors = {service.host: service for service in services if service.binary == CONDUCTOR}
    for host, service in sorted(computes.items()):
        room = rooms.get(host, _Room())
        yield HostView(
            host=host,
            kind=HostKind.COMPUTE,
            capacity=room.capacity,
            used=room.used,
            enabled=service.enabled,
            disabled_reason=service.disabled_reason,
            up=service.up,
            zone=service.zone,
            aggregates=aggregates.get(host, ()),
        )
    for host in sorted(conductors.keys() - computes.keys()):
        yield HostView(host=host, kind=HostKind.CONTROLLER, up=conductors[host].up)


def _instances(servers: Iterable[Server], groups: Iterable[Group]) -> Iterator[InstanceView]:
    """By id, so that two looks at the same world are equal."""
    groups_of: defaultdict[str, list[str]] = defaultdict(list)
    for group in groups:
        for member in group.members:
            groups_of[member].append(group.view.group_id)
    for server in sorted(servers, key=lambda server: server.instance_id):
        yield InstanceView(
            instance_id=server.instance_id,
            instance_name=server.instance_name,
            project_id=server.project_id,
            host=server.host,
            size=server.size,
            status=server.status,
            groups=tuple(groups_of[server.instance_id]),
        )
