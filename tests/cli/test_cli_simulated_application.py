"""An application in the simulated cloud: how it shrinks, grows and replaces its instances."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fenix_client import Memory
from fenix_client.vnfm import CannotComply

from fenix_grpc.cli.simulated_application import SimulatedApplication
from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated import SimulatedCloud, parse
from fenix_grpc.v1.types_pb2 import Resources

CLOUD = """
[durations]
boot = 3.0

[[hosts]]
name = "h{n}"
count = 2
vcpus = 8
memory_mb = 8192
disk_gb = 100

[flavors.small]
vcpus = 2
memory_mb = 1024
disk_gb = 5

[[projects]]
id = "web"
[[projects.groups]]
name = "pair"
max_per_host = 1
[[projects.instances]]
name = "db-{n}"
count = 2
flavor = "small"
group = "pair"
[[projects.instances]]
name = "web-{n}"
count = 3
flavor = "small"
"""


@pytest.fixture
async def cloud() -> AsyncIterator[SimulatedCloud]:
    cloud = SimulatedCloud(parse(CLOUD), VirtualClock())
    yield cloud
    await cloud.aclose()


@pytest.fixture
def application(cloud: SimulatedCloud) -> SimulatedApplication:
    return SimulatedApplication(cloud, "web", clock=cloud._clock)


async def names(application: SimulatedApplication) -> list[str]:
    return sorted((await application.instances()).values())


async def test_it_releases_at_least_what_is_needed(application: SimulatedApplication) -> None:
    assert len(await application.scale_in(Resources(vcpus=3))) == 2
    assert await names(application) == ["db-1", "db-2", "web-1"]


async def test_members_of_groups_and_the_last_instance_are_spared(
    application: SimulatedApplication,
) -> None:
    await application.scale_in(Resources(vcpus=100))
    assert await names(application) == ["db-1", "db-2", "web-1"]


async def test_it_grows_back_to_what_it_was(application: SimulatedApplication) -> None:
    before = await names(application)
    await application.scale_in(Resources(memory_mb=1500))
    assert len(await application.scale_out()) == 2
    assert await names(application) == before


async def test_another_process_grows_it_back(cloud: SimulatedCloud) -> None:
    memory = Memory()
    clock = cloud._clock
    await SimulatedApplication(cloud, "web", clock=clock, memory=memory).scale_in(
        Resources(vcpus=2)
    )
    assert await SimulatedApplication(cloud, "web", clock=clock, memory=memory).scale_out()


async def test_an_instance_is_deleted_only_when_its_replacement_runs(
    cloud: SimulatedCloud, application: SimulatedApplication
) -> None:
    [old] = [i for i, name in (await application.instances()).items() if name == "web-1"]
    new = await application.replace(old)
    assert old not in await application.instances()
    verbs = [operation.verb for operation in cloud.operations()]
    assert verbs[-3:] == ["boot", "active", "delete"]
    assert [s.status for s in await cloud.servers("web") if s.instance_id == new] == ["ACTIVE"]


async def test_without_room_it_says_so(application: SimulatedApplication) -> None:
    [member] = [i for i, name in (await application.instances()).items() if name == "db-1"]
    with pytest.raises(CannotComply, match="no valid host"):
        await application.replace(member)
