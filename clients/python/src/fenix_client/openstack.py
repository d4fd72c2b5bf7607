"""An application made of Nova servers, scaled and repaired with its project's own credentials.

Needs openstacksdk. What is deleted is noted first, so that it can be booted again, also by a later run of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import openstack
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from openstack.exceptions import SDKException

from fenix_client.memory import Memory
from fenix_client.vnfm import CannotComply
from fenix_grpc.v1.types_pb2 import Resources

T = TypeVar("T")


class OpenStackApplication:
    """The servers of a project whose names match `pattern`. At least `keep` of them stay when it scales in."""

    def __init__(
        self,
        connection: Connection,
        *,
        memory: Memory | None = None,
        pattern: str = "*",
        keep: int = 1,
        boot_timeout_s: float = 300.0,
    ) -> None:
        self._compute = connection.compute
        self._connection = connection
        self._memory = memory or Memory()
        self._pattern = pattern
        self._keep = keep
        self._boot_timeout_s = boot_timeout_s

    @classmethod
    def of_cloud(cls, name: str, *, memory: Memory | None = None) -> OpenStackApplication:
        """The application of the project that an entry of clouds.yaml speaks for."""
        return cls(openstack.connect(cloud=name), memory=memory)

    def token(self) -> str:
        """The project's Keystone token; a new one, for which Keystone is asked, shortly before the old one expires."""
        return self._connection.session.get_token() or ""

    async def instances(self) -> Mapping[str, str]:
        """Id to name of the servers that exist now."""
        return {server.id: server.name for server in await self._servers()}

    async def scale_in(self, amount: Resources, suggested: Sequence[str] = ()) -> Sequence[str]:
        """Deletes the servers that are suggested, if `keep` are left then; else others, last name first, until `amount`
        is released or only `keep` are left."""
        servers = await self._servers()
        wanted = [server for server in servers if server.id in suggested]
        if (
            suggested
            and len(servers) - len(suggested) >= self._keep
            and len(wanted) == len(suggested)
        ):
            return [await self._release(server) for server in wanted]
        deleted: list[str] = []
        vcpus, memory_mb, disk_gb = amount.vcpus, amount.memory_mb, amount.disk_gb
        while max(vcpus, memory_mb, disk_gb) > 0 and len(servers) > self._keep:
            server = servers.pop()
            deleted.append(await self._release(server))
            vcpus -= server.flavor.vcpus
            memory_mb -= server.flavor.ram
            disk_gb -= server.flavor.disk
        return deleted

    async def _release(self, server: Server) -> str:
        self._note("deleted", server.id, await self._recipe(server))
        await self._delete(server)
        return str(server.id)

    async def scale_out(self) -> Sequence[str]:
        """Boots what `scale_in` deleted."""
        existing = await self.instances()
        booted: list[str] = []
        for old_id, recipe in self._memory.get("deleted", {}).items():
            if old_id not in existing:  # it is there when the process died before it deleted it
                booted.append(await self._boot(recipe))
            self._note("deleted", old_id, None)
        return booted

    async def replace(self, instance_id: str) -> str:
        """Boots a server like this one elsewhere, then deletes this one."""
        server = await self._do(self._compute.get_server, instance_id)
        new_id: str = self._memory.get("replacements", {}).get(instance_id, "")
        if not new_id:
            new_id = await self._boot(await self._recipe(server))
            self._note("replacements", instance_id, new_id)
        await self._delete(server)
        self._note("replacements", instance_id, None)
        return new_id

    async def _servers(self) -> list[Server]:
        """In order of name."""
        servers = await self._do(lambda: list(self._compute.servers()))
        mine = [server for server in servers if fnmatchcase(server.name, self._pattern)]
        return sorted(mine, key=lambda server: (server.name, server.id))

    async def _recipe(self, server: Server) -> dict[str, Any]:
        """What is needed to boot such a server again."""
        ports = await self._do(lambda: list(self._compute.server_interfaces(server)))
        flavor = await self._do(
            self._compute.find_flavor, server.flavor.original_name, ignore_missing=False
        )
        recipe: dict[str, Any] = {
            "name": server.name,
            "flavor_id": flavor.id,
            "image_id": server.image.id,
            "networks": [{"uuid": port.net_id} for port in ports],
        }
        if server.server_groups:
            recipe["scheduler_hints"] = {"group": server.server_groups[0]}
        return recipe

    async def _boot(self, recipe: Mapping[str, Any]) -> str:
        """The id of a new server that is ACTIVE."""
        server = await self._do(self._compute.create_server, **recipe)
        try:
            await self._do(self._compute.wait_for_server, server, wait=self._boot_timeout_s)
        except CannotComply:
            await self._delete(server)  # nova API: a server that found no host stays, in ERROR
            raise
        return str(server.id)

    async def _delete(self, server: Server) -> None:
        """Returns when it is gone."""
        await self._do(self._compute.delete_server, server)
        await self._do(self._compute.wait_for_delete, server)

    def _note(self, what: str, key: str, value: object | None) -> None:
        """Remembers a fact until it is noted as None."""
        facts = {k: v for k, v in self._memory.get(what, {}).items() if k != key}
        self._memory.put(what, facts if value is None else {**facts, key: value})

    async def _do(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Runs a blocking call in a thread. Raises CannotComply with the cloud's own words."""
        try:
            return await asyncio.to_thread(call, *args, **options)
        except SDKException as err:
            raise CannotComply(str(err)) from err
