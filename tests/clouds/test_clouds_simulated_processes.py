"""One simulated cloud, several processes: it goes on as a real one does, whoever is killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fenix_grpc.clock import ScaledClock, SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud, load
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import InstanceAction
from tests.clouds.lab import FLAVOR, hosts, project, the, vms

EPOCH = SystemClock().now()
SPEED = 20.0

CHILD = """
import asyncio, sys
from datetime import datetime
from fenix_grpc.clock import ScaledClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.core.errors import CloudRefused
from fenix_grpc.core.model import InstanceAction

async def main(file, state, speed, epoch, job):
    clock = ScaledClock(float(speed), datetime.fromisoformat(epoch))
    cloud = SimulatedCloud.open(file, clock=clock, state=state)
    await jobs[job](cloud)

async def move(cloud):
    view = (await cloud.inventory()).instances[0]
    how = InstanceAction.MIGRATE
    await cloud.move_instance(view.instance_id, how, source=view.host, timeout_s=3600)

async def fill(cloud):
    while True:
        try:
            await cloud.boot("red", "small")
        except CloudRefused:
            return

jobs = {"move": move, "fill": fill}
asyncio.run(main(*sys.argv[1:]))
"""


def described(tmp_path: Path, *parts: str) -> tuple[str, str]:
    """A description of these parts, and where to keep its state."""
    file = tmp_path / "cloud.toml"
    file.write_text("\n".join([*parts, FLAVOR]))
    return str(file), str(tmp_path / "cloud.sqlite")


@asynccontextmanager
async def a_process(job: str, file: str, state: str) -> AsyncIterator[Process]:
    """Another process that does its job in the same cloud."""
    words = (file, state, str(SPEED), EPOCH.isoformat(), job)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, *words)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_move_outlives_the_process_that_began_it(tmp_path: Path) -> None:
    clock = ScaledClock(SPEED, EPOCH)
    file, state = described(
        tmp_path, "durations = {cold_migrate = 40}", hosts(2), project(vms(1, on="h1"))
    )
    cloud = SimulatedCloud.open(file, clock=clock, state=state)
    async with a_process("move", file, state) as process:
        while (await the(cloud, "vm-1")).status == "ACTIVE":
            await clock.sleep_until(clock.now() + timedelta(seconds=1))
        process.kill()
        await process.wait()
    await cloud.aclose()

    cloud = SimulatedCloud.open(file, clock=clock, state=state)
    left = await the(cloud, "vm-1")
    assert left.status in ("RESIZE", "VERIFY_RESIZE")
    how = InstanceAction.MIGRATE
    moved = await cloud.move_instance(left.instance_id, how, source="h1", timeout_s=3600)
    assert moved.host == "h2"
    assert (await the(cloud, "vm-1")).status == "ACTIVE"
    record = cloud.operations()
    assert [each.verb for each in record] == ["cold_migrate", "moved", "confirm"]
    assert record[1].at - record[0].at == timedelta(seconds=40)
    await cloud.aclose()


async def test_processes_at_once_share_one_cloud(tmp_path: Path) -> None:
    file, state = described(tmp_path, hosts(5, vcpus=20))
    async with (
        a_process("fill", file, state) as first,
        a_process("fill", file, state) as second,
        a_process("fill", file, state) as third,
    ):
        assert [await process.wait() for process in (first, second, third)] == [0, 0, 0]
    cloud = SimulatedCloud.open(file, clock=SystemClock(), state=state)
    inventory = await cloud.inventory()
    assert len({view.instance_id for view in inventory.instances}) == 50
    assert all(host.used.vcpus == host.capacity.vcpus for host in inventory.hosts)
    await cloud.aclose()


async def test_a_state_is_not_read_with_another_description(tmp_path: Path) -> None:
    file, state = described(tmp_path, hosts(2))
    await SimulatedCloud.open(file, clock=SystemClock(), state=state).aclose()
    described(tmp_path, hosts(3))
    with pytest.raises(InvalidRequest, match="remove it to begin anew"):
        SimulatedCloud(load(Path(file)), SystemClock(), state)


def test_a_state_that_is_something_else_is_named(tmp_path: Path) -> None:
    file, state = described(tmp_path, hosts(2))
    Path(state).write_text("this is no database, it is a shopping list: milk, bread, butter")
    with pytest.raises(InvalidRequest, match=r"cloud\.sqlite cannot be used"):
        SimulatedCloud.open(file, clock=SystemClock(), state=state)
    with pytest.raises(InvalidRequest, match="cannot be used"):
        SimulatedCloud.open(file, clock=SystemClock(), state=str(tmp_path / "nowhere" / "x"))
