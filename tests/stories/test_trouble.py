"""Hosts with which something is wrong though their services report, such as a network agent that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fenix_grpc.core.events import HostChanged
from fenix_grpc.core.model import ActionType, HostProgress
from fenix_grpc.core.model import SessionState as S
from tests.stories.judge import check_everything
from tests.stories.scenarios import Stop, hosts
from tests.stories.test_operator_stories import BUSY
from tests.stories.test_retire import WORKFLOWS, moved_to
from tests.stories.world import Manager, World, a_world

ROOMY = BUSY + hosts(2, "more{n}")
SILENT = "its network agent does not report"


class Unplug(Stop):
    """Work after which some hosts have no network."""

    async def strike(self, host: str) -> None:
        await self._world.cloud.set_trouble(host, SILENT)


async def begin(world: World, workflow: str, *unplugged: str) -> None:
    world.workflow = workflow
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    world.actions["unplug"] = Unplug(world, *unplugged)
    await world.create(actions=((ActionType.HOST, "unplug", True),), hosts=("c1", "c2", "c3"))


@WORKFLOWS
async def test_nothing_is_moved_to_a_host_in_trouble(workflow):
    async with a_world(ROOMY) as world:
        await world.cloud.set_trouble("more1", SILENT)
        await begin(world, workflow)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        moved = await moved_to(world)
        assert "more1" not in moved
        assert moved
        await check_everything(world)


@WORKFLOWS
async def test_a_host_is_done_when_its_trouble_is_over(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c2")
        async with world.engine(), world.managing():
            session = await world.reach(
                lambda s: bool("c2" in s.hosts and s.hosts["c2"].view.trouble)
            )
            since = world.clock.now()
            await world.clock.sleep_until(since + timedelta(seconds=90))
            await world.cloud.set_trouble("c2", "")
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        done = [
            entry.at
            for entry in await world.journal.read("s1")
            if entry.event == HostChanged(host="c2", progress=HostProgress.MAINTENANCE_COMPLETE)
        ]
        assert done[0] >= since + timedelta(seconds=90)
        await check_everything(world)


@WORKFLOWS
async def test_trouble_that_stays_is_told_and_stops_the_session(workflow):
    async with a_world(ROOMY) as world:
        world.policy = replace(world.policy, up_s=60.0)
        await begin(world, workflow, "c2")
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert f"after the work on host c2: {SILENT} for 60 s" in session.reason
        await check_everything(world)
