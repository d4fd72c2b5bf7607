"""The OpenStack driver keeps the contract of the Cloud port on a real cloud."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator

import pytest

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.openstack import OpenStackCloud, connect
from fenix_grpc.core.model import Resources
from fenix_grpc.testing import CLOUD_CHECKS, CloudCheck
from tests.openstack.cloud import ADMIN, Lab


class OpenStackLab:
    """The `CloudLab` over a `Lab`."""

    def __init__(self, lab: Lab, cloud: OpenStackCloud, another: OpenStackCloud) -> None:
        self.cloud = cloud
        self.clock = SystemClock()
        self.hosts = lab.hosts()
        self.size = Resources(vcpus=1, memory_mb=512, disk_gb=1)
        self.patience_s = 120.0
        self.poll_s = 0.3
        self._lab = lab
        self._another = another
        self._projects = {row.project_id: row for row in (lab.project("one"), lab.project("two"))}
        one, two = self._projects
        self.projects = (one, two)

    def another(self) -> OpenStackCloud:
        return self._another

    async def boot(self, project_id: str, host: str, group_id: str = "") -> str:
        project = self._projects[project_id]
        (server,) = await to_thread(self._lab.boot, project, "vm", group=group_id, host=host)
        return str(server.id)

    async def stop(self, instance_id: str) -> None:
        await to_thread(self._lab.stop, instance_id)

    async def delete(self, instance_id: str) -> None:
        await to_thread(self._lab.delete, instance_id)

    async def add_group(self, project_id: str, max_per_host: int) -> str:
        project = self._projects[project_id]
        return await to_thread(self._lab.group, project, "group", max_per_host=max_per_host)

    async def disable(self, host: str, reason: str) -> None:
        await to_thread(self._lab.disable, host, reason)

    async def stick(self, host: str) -> None:
        await to_thread(self._lab.faults, host, live_migration_seconds=600)

    async def bury(self, host: str) -> None:
        await to_thread(self._lab.force_down, host, True)

    async def moves(self, instance_id: str) -> int:
        return len(await to_thread(self._lab.migrations, instance_id))


@pytest.fixture
async def openstack_lab(lab: Lab, cloud: OpenStackCloud) -> AsyncIterator[OpenStackLab]:
    another = connect(ADMIN, clock=SystemClock())
    yield OpenStackLab(lab, cloud, another)
    await another.aclose()


@pytest.mark.parametrize("check", CLOUD_CHECKS, ids=lambda check: check.__name__)
async def test_openstack(check: CloudCheck, openstack_lab: OpenStackLab) -> None:
    await check(openstack_lab)
