"""An application in the simulated cloud, scaled and repaired as its manager would do it in a real one.

Also a program: `python -m fenix_grpc.cli.simulated_application PROJECT STATE [CLOUD]` reads a notice from its standard
input and does what it asks, which makes it a hook for managers that do not use this package.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from fenix_client import Memory
from fenix_client.vnfm import CannotComply
from google.protobuf.json_format import ParseDict

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import DEMO, Server, SimulatedCloud
from fenix_grpc.core.errors import CloudError, NotFound
from fenix_grpc.ports import Clock
from fenix_grpc.v1.types_pb2 import NoticeKind, ProjectNotice, Resources

_POLL_S = 0.1


class SimulatedApplication:
    """All instances of a project. Members of a group are never spared, and one other instance stays as well."""

    def __init__(
        self, cloud: SimulatedCloud, project_id: str, *, clock: Clock, memory: Memory | None = None
    ) -> None:
        self._cloud = cloud
        self._project_id = project_id
        self._clock = clock
        self._memory = memory or Memory()

    async def instances(self) -> Mapping[str, str]:
        """Id to name of the instances that exist now."""
        return {server.instance_id: server.name for server in await self._servers()}

    async def scale_in(self, amount: Resources, suggested: Sequence[str] = ()) -> Sequence[str]:
        """Deletes the ungrouped instances that are suggested, if they are and one is left; else the newest ones, until
        `amount` is released or one is left."""
        plain = [server for server in await self._servers() if not server.group]
        wanted = [server for server in plain if server.instance_id in suggested]
        exact = 0 < len(suggested) == len(wanted) < len(plain)
        spare = wanted if exact else plain[1:]
        deleted: list[str] = []
        vcpus, memory_mb, disk_gb = amount.vcpus, amount.memory_mb, amount.disk_gb
        while spare and (exact or max(vcpus, memory_mb, disk_gb) > 0):
            server = spare.pop()
            noted = self._memory.get("deleted", [])
            self._memory.put("deleted", [*noted, [server.flavor, server.name]])
            await self._cloud.delete(self._project_id, server.instance_id)
            deleted.append(server.instance_id)
            size = self._cloud.flavors[server.flavor]
            vcpus, memory_mb = vcpus - size.vcpus, memory_mb - size.memory_mb
            disk_gb -= size.disk_gb
        return deleted

    async def scale_out(self) -> Sequence[str]:
        """Boots what `scale_in` deleted."""
        booted: list[str] = []
        while noted := self._memory.get("deleted", []):
            flavor, name = noted[0]
            booted.append(await self._boot(flavor, name, ""))
            self._memory.put("deleted", noted[1:])
        return booted

    async def replace(self, instance_id: str) -> str:
        """Boots an instance like this one, waits until it runs, then deletes this one."""
        servers = {server.instance_id: server for server in await self._servers()}
        old = servers[instance_id]
        new_id = await self._boot(old.flavor, old.name, old.group)
        with suppress(NotFound):  # somebody else has deleted it meanwhile
            await self._cloud.delete(self._project_id, instance_id)
        return new_id

    async def _servers(self) -> tuple[Server, ...]:
        try:
            return await self._cloud.servers(self._project_id)
        except CloudError as err:
            raise CannotComply(str(err)) from err

    async def _boot(self, flavor: str, name: str, group: str) -> str:
        """The id of a new instance that is ACTIVE."""
        try:
            new_id = await self._cloud.boot(self._project_id, flavor, name=name, group=group)
        except CloudError as err:
            raise CannotComply(str(err)) from err
        while any(s.instance_id == new_id and s.status == "BUILD" for s in await self._servers()):
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=_POLL_S))
        return new_id


def open_application(
    project_id: str, state: Path, cloud_file: Path | None, memory: Memory
) -> SimulatedApplication:
    """The application of a project in the simulated cloud whose state is in that file."""
    clock = SystemClock()
    cloud = SimulatedCloud.open(cloud_file or DEMO, clock=clock, state=str(state))
    return SimulatedApplication(cloud, project_id, clock=clock, memory=memory)


async def _hook(project_id: str, state: str, cloud_file: str = "") -> None:
    notice = ParseDict(json.load(sys.stdin), ProjectNotice(), ignore_unknown_fields=True)
    application = open_application(
        project_id,
        Path(state),
        Path(cloud_file) if cloud_file else None,
        Memory(Path(f"{state}.{project_id}.json")),
    )
    if notice.kind == NoticeKind.NOTICE_KIND_SCALE_IN:
        await application.scale_in(notice.needed, notice.suggested_instance_ids)
    elif notice.kind == NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
        await application.scale_out()


if __name__ == "__main__":
    asyncio.run(_hook(*sys.argv[1:]))
