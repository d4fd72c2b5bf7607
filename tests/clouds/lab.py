"""Simulated clouds for tests: small descriptions in one line, and the laboratory of the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated import Definition, SimulatedCloud, parse
from fenix_grpc.clouds.simulated.definition import MOVES, Fault
from fenix_grpc.core.model import InstanceView, Resources
from fenix_grpc.ports import Clock, Cloud

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


def _itself(cloud: SimulatedCloud) -> Cloud:
    return cloud


async def the(cloud: SimulatedCloud, name: str) -> InstanceView:
    """The instance of that name."""
    views = (await cloud.inventory()).instances
    return next(view for view in views if view.instance_name == name)


class SimulatedLab:
    """The `CloudLab` of a simulated cloud: in memory, or in a file that two drivers have open.

    `driver` makes what is put to the test from the cloud that it works on.
    """

    def __init__(
        self, state: str = "", driver: Callable[[SimulatedCloud], Cloud] = _itself
    ) -> None:
        self.clock = VirtualClock()
        self.simulated = a_cloud(hosts(4), clock=self.clock, state=state)
        self.cloud = driver(self.simulated)
        self._another = self.cloud
        if state:
            self._another = driver(a_cloud(hosts(4), clock=self.clock, state=state))
        self.hosts = ("h1", "h2", "h3", "h4")
        self.projects = ("red", "blue")
        self.size = SIZE
        self.patience_s = 120.0
        self.poll_s = 1.0
        self._groups = {"": ""}

    async def aclose(self) -> None:
        """Closes both drivers."""
        await self.cloud.aclose()
        if self._another is not self.cloud:
            await self._another.aclose()

    def another(self) -> Cloud:
        return self._another

    async def boot(self, project_id: str, host: str, group_id: str = "") -> str:
        group = self._groups[group_id]
        return await self.simulated.boot(project_id, "small", host=host, group=group)

    async def stop(self, instance_id: str) -> None:
        await self.simulated.stop(await self._owner(instance_id), instance_id)

    async def delete(self, instance_id: str) -> None:
        await self.simulated.delete(await self._owner(instance_id), instance_id)

    async def add_group(self, project_id: str, max_per_host: int) -> str:
        name = f"group-{len(self._groups)}"
        group_id = await self.simulated.add_group(project_id, name, max_per_host)
        self._groups[group_id] = name
        return group_id

    async def disable(self, host: str, reason: str) -> None:
        await self.simulated.set_enabled(host, False, reason)

    async def stick(self, host: str) -> None:
        await self.simulated.disturb(Fault(effect="stuck", host=host))

    async def bury(self, host: str) -> None:
        await self.simulated.set_up(host, False)

    async def moves(self, instance_id: str) -> int:
        return sum(
            each.subject == instance_id and each.verb in MOVES
            for each in self.simulated.operations()
        )

    async def _owner(self, instance_id: str) -> str:
        views = (await self.simulated.inventory()).instances
        return next(view.project_id for view in views if view.instance_id == instance_id)


@asynccontextmanager
async def a_lab(
    state: str = "", driver: Callable[[SimulatedCloud], Cloud] = _itself
) -> AsyncIterator[SimulatedLab]:
    """A laboratory, closed in the end."""
    lab = SimulatedLab(state, driver)
    try:
        yield lab
    finally:
        await lab.aclose()
