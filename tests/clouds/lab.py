"""Simulated clouds for tests: small descriptions in one line, and the laboratory of the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated import Definition, SimulatedCloud, parse
from fenix_grpc.core.errors import CloudRefused
from fenix_grpc.core.model import InstanceView, Resources
from fenix_grpc.ports import Clock

FLAVOR = "[flavors.small]\nvcpus = 2\nmemory_mb = 4096\ndisk_gb = 20\n"
SIZE = Resources(vcpus=2, memory_mb=4096, disk_gb=20)


def hosts(count: int = 3, name: str = "h{n}", vcpus: int = 8, more: str = "") -> str:
    """Alike hosts; only their vCPUs are ever short."""
    return (
        f'[[hosts]]\nname = "{name}"\ncount = {count}\nvcpus = {vcpus}\n'
        f"memory_mb = 65536\ndisk_gb = 1000\n{more}\n"
    )


def project(instances: str, id: str = "red", groups: str = "") -> str:
    """A project; `instances` and `groups` are inline tables of TOML."""
    return f'[[projects]]\nid = "{id}"\ngroups = [{groups}]\ninstances = [{instances}]\n'


def vms(count: int, on: str = "", more: str = "", name: str = "vm-{n}") -> str:
    """An entry of alike instances for `project`."""
    where = f', hosts = ["{on}"]' if on else ""
    return f'{{name = "{name}", count = {count}, flavor = "small"{where}{more}}}'


def definition(*parts: str, seed: int = 1) -> Definition:
    """The parts as one description. What is no table of its own comes first."""
    return parse(f"seed = {seed}\n" + FLAVOR + "\n".join(parts))


def a_cloud(*parts: str, clock: Clock | None = None, state: str = "") -> SimulatedCloud:
    """A cloud of these parts on a clock that leaps."""
    return SimulatedCloud(definition(*parts), clock or VirtualClock(), state)


async def the(cloud: SimulatedCloud, name: str) -> InstanceView:
    """The instance of that name."""
    views = (await cloud.inventory()).instances
    return next(view for view in views if view.instance_name == name)


class SimulatedLab:
    """The `CloudLab` of a simulated cloud: in memory, or in a file that two drivers have open."""

    def __init__(self, state: str) -> None:
        self.clock = VirtualClock()
        self.cloud = a_cloud(hosts(4), clock=self.clock, state=state)
        self.second = a_cloud(hosts(4), clock=self.clock, state=state) if state else self.cloud
        self.hosts = ("h1", "h2", "h3", "h4")
        self.projects = ("red", "blue")
        self.size = SIZE
        self.patience_s = 120.0
        self.poll_s = 1.0
        self._groups: dict[str, str] = {}

    def another(self) -> SimulatedCloud:
        return self.second

    async def boot(self, project_id: str, host: str, group_id: str = "") -> str:
        group = self._groups.get(group_id, "")
        return await self.cloud.boot(project_id, "small", host=host, group=group)

    async def stop(self, instance_id: str) -> None:
        await self.cloud.stop(await self._owner(instance_id), instance_id)

    async def delete(self, instance_id: str) -> None:
        await self.cloud.delete(await self._owner(instance_id), instance_id)

    async def add_group(self, project_id: str, max_per_host: int) -> str:
        name = f"group-{len(self._groups)}"
        group_id = await self.cloud.add_group(project_id, name, max_per_host)
        self._groups[group_id] = name
        return group_id

    async def disable(self, host: str, reason: str) -> None:
        await self.cloud.set_enabled(host, False, reason)

    async def moves(self, instance_id: str) -> int:
        begun = ("live_migrate", "cold_migrate")
        return sum(o.subject == instance_id and o.verb in begun for o in self.cloud.operations())

    async def _owner(self, instance_id: str) -> str:
        views = (await self.cloud.inventory()).instances
        return next(view.project_id for view in views if view.instance_id == instance_id)


@asynccontextmanager
async def a_lab(state: str = "") -> AsyncIterator[SimulatedLab]:
    """A laboratory, closed in the end."""
    lab = SimulatedLab(state)
    try:
        yield lab
    finally:
        await lab.cloud.aclose()
        if lab.second is not lab.cloud:
            await lab.second.aclose()
