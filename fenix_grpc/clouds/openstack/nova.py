"""The requests that fenix makes of Nova and Placement, and the parts of the answers that it uses.

Plain values in, plain values out: each method is one request (or one list, page by page), and what to do with the
answer is decided elsewhere. All are written for the microversions between the two ends given in rest.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fenix_grpc.clouds.openstack.rest import NoSuchThing, Query, Rest, all_pages
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import GroupView, Resources

_MB_PER_GB = 1024
_HOST = "OS-EXT-SRV-ATTR:host"
#: Trait of a node whose service is disabled (nova: compute/api.py, since Train).
_AVOIDED = "COMPUTE_STATUS_DISABLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A row of nova API: os-services."""

    service_id: str
    binary: str
    host: str
    enabled: bool
    disabled_reason: str
    up: bool
    #: Availability zone.
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """A row of nova API: os-aggregates."""

    name: str
    hosts: tuple[str, ...]
    #: Keys of its metadata; filters of the scheduler compare them with what an instance or its project asks for.
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A row of nova API: os-hypervisors. A compute service has one, or many with bare metal."""

    #: Also the id of its resource provider in Placement.
    node_id: str
    #: Host of the compute service.
    host: str
    #: GiB; a bound for nodes whose disk is shared and therefore not in their own inventory.
    disk_gb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A row of nova API: servers."""

    instance_id: str
    instance_name: str
    project_id: str
    #: Empty while it has none.
    host: str
    status: str
    #: What Nova is doing with it; empty when nothing.
    task: str
    size: Resources
    #: Why its status is ERROR.
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A row of nova API: os-migrations."""

    number: int
    #: live-migration, migration, resize or evacuation.
    kind: str
    status: str
    source: str
    #: Empty until the scheduler has chosen.
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMigration:
    """A row of nova API: server migrations; only live migrations that have not ended have one."""

    number: int
    status: str
    created_at: datetime
    #: Bytes; all 0 where the hypervisor does not tell.
    memory_total: int
    memory_processed: int
    memory_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A row of nova API: os-server-groups, with the rule in the words of the core."""

    view: GroupView
    members: tuple[str, ...]


class Nova:
    """Nova with Placement beside it."""

    def __init__(self, rest: Rest, *, page: int = 500) -> None:
        self._rest = rest
        self._page = page

    async def services(self, **query: str) -> list[Service]:
        """All services, or those that fit the query (`host`, `binary`)."""
        answer = await self._rest.compute("GET", "/os-services", query=query)
        return [_service(row) for row in answer["services"]]

    async def enable(self, service: Service) -> None:
        """Gives the host to the scheduler."""
        await self._put_service(service, {"status": "enabled"})

    async def disable(self, service: Service, reason: str) -> None:
        """Takes the host from the scheduler."""
        await self._put_service(service, {"status": "disabled", "disabled_reason": reason})

    async def remove(self, service: Service) -> None:
        """Deletes the service, and with it Nova its nodes, what Placement knows of them, and the host's mapping to its
        cell (nova API: os-services). A service that is gone already is left so."""
        with suppress(NoSuchThing):
            await self._rest.compute("DELETE", f"/os-services/{service.service_id}")

    async def nodes(self) -> list[Node]:
        """All compute nodes that are mapped to a cell."""
        rows = await self._all_by_marker("/os-hypervisors/detail", "hypervisors", {})
        return [
            Node(node_id=row["id"], host=row["service"]["host"], disk_gb=row.get("local_gb") or 0)
            for row in rows
        ]

    async def capacity(self, node: Node) -> Resources:
        """What may be placed on a node, by the rules of Placement: (total - reserved) * allocation ratio."""
        path = f"/resource_providers/{node.node_id}/inventories"
        rows = await self._of_provider(path, "inventories")
        room = {
            name: int((row["total"] - row["reserved"]) * row["allocation_ratio"])
            for name, row in rows.items()
        }
        return _resources({"DISK_GB": node.disk_gb, **room} if room else {})

    async def usage(self, node: Node) -> Resources:
        """What is allocated on a node, also for servers that are on their way to or from it."""
        path = f"/resource_providers/{node.node_id}/usages"
        return _resources(await self._of_provider(path, "usages"))

    async def avoided(self, node: Node) -> bool:
        """Whether Placement says that the node's service is disabled, and the scheduler therefore never sees it."""
        path = f"/resource_providers/{node.node_id}/traits"
        return _AVOIDED in await self._of_provider(path, "traits")

    async def servers(self) -> list[Server]:
        """The servers of all projects. Raises CloudUnavailable while Nova cannot tell where all of them are."""
        rows = await self._all_by_marker("/servers/detail", "servers", {"all_tenants": 1})
        return [_server(row) for row in rows]

    async def server(self, instance_id: str) -> Server | None:
        """One server; None when there is no such server any more."""
        try:
            answer = await self._rest.compute("GET", f"/servers/{instance_id}")
        except NoSuchThing:
            return None
        return _server(answer["server"])

    async def groups(self) -> list[Group]:
        """The anti-affinity groups of all projects. Softer and opposite policies bind nobody here."""
        rows: list[dict[str, Any]] = []
        while True:  # nova API: no links to further pages here; the end is an empty one
            query: Query = {"all_projects": "True", "limit": self._page, "offset": len(rows)}
            answer = await self._rest.compute("GET", "/os-server-groups", query=query)
            if not answer["server_groups"]:
                return [_group(row) for row in rows if row["policy"] == "anti-affinity"]
            rows += answer["server_groups"]

    async def aggregates(self) -> list[Aggregate]:
        """All host aggregates; an availability zone is one whose metadata says so."""
        rows = (await self._rest.compute("GET", "/os-aggregates"))["aggregates"]
        return [
            Aggregate(name=row["name"], hosts=tuple(row["hosts"]), keys=frozenset(row["metadata"]))
            for row in rows
        ]

    async def last_migration(self, instance_id: str) -> Migration | None:
        """The newest migration record of a server."""
        query: Query = {"instance_uuid": instance_id, "limit": 1}
        answer = await self._rest.compute("GET", "/os-migrations", query=query)
        return next(map(_migration, answer["migrations"]), None)

    async def last_problem(self, instance_id: str) -> str:
        """Why the newest action on a server failed, in Nova's words; empty when it did not or Nova does not tell."""
        path = f"/servers/{instance_id}/os-instance-actions"
        actions = (await self._rest.compute("GET", path, query={"limit": 1}))["instanceActions"]
        if not actions:
            return ""
        answer = await self._rest.compute("GET", f"{path}/{actions[0]['request_id']}")
        events = answer["instanceAction"].get("events") or ()
        details = [(event.get("details") or "").strip() for event in events]
        return "; ".join(dict.fromkeys(filter(None, details)))

    async def live_migrate(self, instance_id: str, target: str) -> None:
        """Asks for a live migration; the scheduler checks `target`, or chooses when it is empty."""
        await self._act(
            instance_id, {"os-migrateLive": {"host": target or None, "block_migration": "auto"}}
        )

    async def cold_migrate(self, instance_id: str, target: str) -> None:
        """Asks for a cold migration; the scheduler checks `target`, or chooses when it is empty."""
        await self._act(instance_id, {"migrate": {"host": target} if target else None})

    async def live_migration(self, instance_id: str) -> LiveMigration | None:
        """The live migration of a server that has not ended, how far it is."""
        try:
            answer = await self._rest.compute("GET", f"/servers/{instance_id}/migrations")
        except NoSuchThing:
            return None
        return next(map(_live_migration, answer["migrations"]), None)

    async def force_live_migration(self, instance_id: str, number: int) -> None:
        """Asks to pause the server, or to go on with it at its destination, until the rest has followed."""
        path = f"/servers/{instance_id}/migrations/{number}/action"
        await self._rest.compute("POST", path, body={"force_complete": None})

    async def abort_live_migration(self, instance_id: str, number: int) -> None:
        """Asks to give it up; the server goes on where it is."""
        await self._rest.compute("DELETE", f"/servers/{instance_id}/migrations/{number}")

    async def evacuate(self, instance_id: str, target: str) -> None:
        """Asks to build a server again elsewhere, whose host is down; the scheduler checks `target`, or chooses."""
        await self._act(instance_id, {"evacuate": {"host": target} if target else {}})

    async def confirm(self, instance_id: str) -> None:
        """Asks to give up the source of a finished cold migration or resize."""
        await self._act(instance_id, {"confirmResize": None})

    async def _act(self, instance_id: str, body: Mapping[str, Any]) -> None:
        await self._rest.compute("POST", f"/servers/{instance_id}/action", body=body)

    async def _put_service(self, service: Service, body: Mapping[str, Any]) -> None:
        await self._rest.compute("PUT", f"/os-services/{service.service_id}", body=body)

    async def _of_provider(self, path: str, key: str) -> Any:
        try:
            return (await self._rest.placement(path))[key]
        except NoSuchThing:  # a node that has only just been found, or is being removed
            return {}

    async def _all_by_marker(self, path: str, key: str, query: Query) -> list[dict[str, Any]]:
        get = partial(self._rest.compute, "GET", path)
        return await all_pages(get, key, {**query, "limit": self._page})


def _service(row: Mapping[str, Any]) -> Service:
    return Service(
        service_id=row.get("id", ""),
        binary=row["binary"],
        host=row["host"],
        enabled=row["status"] == "enabled",
        disabled_reason=row.get("disabled_reason") or "",
        up=row.get("state") == "up" and not row.get("forced_down"),
        zone=row.get("zone") or "",
    )


def _server(row: Mapping[str, Any]) -> Server:
    if row["status"] == "UNKNOWN":
        raise CloudUnavailable(f"Nova does not reach the cell of server {row['id']}: host unknown")
    if _HOST not in row:
        raise CloudRefused("Nova hides the hosts of servers from this user: give it the role admin")
    return Server(
        instance_id=row["id"],
        instance_name=row["name"],
        project_id=row["tenant_id"],
        host=row[_HOST] or "",
        status=row["status"],
        task=row["OS-EXT-STS:task_state"] or "",
        size=_size(row["flavor"], from_volume=not row["image"]),
        fault=(row.get("fault") or {}).get("message", ""),
    )


def _size(flavor: Mapping[str, Any], *, from_volume: bool) -> Resources:
    """What Nova allocates for a flavor: a root disk that is a volume takes nothing of the host's."""
    swap_gb = -(-int(flavor["swap"] or 0) // _MB_PER_GB)
    root_gb = 0 if from_volume else flavor["disk"]
    return Resources(
        vcpus=flavor["vcpus"],
        memory_mb=flavor["ram"],
        disk_gb=root_gb + flavor["ephemeral"] + swap_gb,
    )


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        view=GroupView(
            group_id=row["id"],
            group_name=row["name"],
            max_per_host=int(row["rules"].get("max_server_per_host", 1)),
        ),
        members=tuple(row["members"]),
    )


def _migration(row: Mapping[str, Any]) -> Migration:
    return Migration(
        number=row["id"],
        kind=row["migration_type"],
        status=row["status"],
        source=row["source_compute"] or "",
        target=row["dest_compute"] or "",
    )


def _live_migration(row: Mapping[str, Any]) -> LiveMigration:
    return LiveMigration(
        number=row["id"],
        status=row["status"],
        created_at=datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC),
        memory_total=row["memory_total_bytes"] or 0,
        memory_processed=row["memory_processed_bytes"] or 0,
        memory_remaining=row["memory_remaining_bytes"] or 0,
    )


def _resources(amounts: Mapping[str, int]) -> Resources:
    """In the words of the core. Dedicated CPUs (PCPU) are counted with the shared ones."""
    return Resources(
        vcpus=amounts.get("VCPU", 0) + amounts.get("PCPU", 0),
        memory_mb=amounts.get("MEMORY_MB", 0),
        disk_gb=amounts.get("DISK_GB", 0),
    )
