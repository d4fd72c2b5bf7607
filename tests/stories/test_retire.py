"""Hosts that join the cloud while a session is under way, and hosts that leave it for good (v1 facts: D35)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fenix_grpc.core.events import HostChanged, StepStarted
from fenix_grpc.core.model import ActionType, HostProgress, HostView, Resources, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.session import Session
from tests.stories.judge import check_everything
from tests.stories.scenarios import HOSTS, THREE, Stop, hosts, project
from tests.stories.test_operator_stories import BUSY, go_on
from tests.stories.world import Manager, World, a_world

WORKFLOWS = pytest.mark.parametrize("workflow", ["default", "vnf"])
NEW = HostView(host="new", capacity=Resources(vcpus=8, memory_mb=32768, disk_gb=200))


ROOMY = BUSY + hosts(1, "more")


async def begin(world: World, workflow: str, *retire: str, stops: bool = True, **more: object):
    world.workflow = workflow
    world.policy = replace(world.policy, retire_s=60.0)
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    world.actions["stop"] = Stop(world, *(retire if stops else ()))
    await world.create(actions=((ActionType.HOST, "stop", True),), retire=retire, **more)


def at_work(session: Session, name: str) -> bool:
    host = session.hosts.get(name)
    return host is not None and host.progress is HostProgress.IN_MAINTENANCE


async def told(world: World, progress: HostProgress) -> list[str]:
    entries = await world.journal.read("s1")
    changed = [e.event for e in entries if isinstance(e.event, HostChanged)]
    return [event.host for event in changed if event.progress is progress]


async def moved_to(world: World) -> set[str]:
    entries = await world.journal.read("s1")
    return {e.event.target for e in entries if isinstance(e.event, StepStarted) and e.event.target}


async def names(world: World) -> set[str]:
    return {host.host for host in (await world.cloud.inventory()).hosts}


@WORKFLOWS
async def test_d35_a_host_that_joins_is_told_of_once_and_takes_instances(workflow):
    full = HOSTS + hosts(2) + project("red", 7, ("c1", "c2"))
    async with a_world(full) as world:
        world.policy = replace(world.policy, scale_in_rounds=20)
        await begin(world, workflow)
        async with world.engine(), world.managing():
            await world.reach(lambda s: s.state is S.SCALE_IN)
            await world.cloud.add_host(NEW)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert await told(world, HostProgress.HOST_ADDED) == ["new"]
        assert "new" in await moved_to(world)
        assert not session.hosts["new"].selected
        await check_everything(world)


@WORKFLOWS
async def test_d35_a_host_that_is_retired_leaves_the_cloud(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c2")
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert await names(world) == {"c1", "c3", "more"}
        assert await told(world, HostProgress.HOST_REMOVED) == ["c2"]
        assert sorted(await told(world, HostProgress.MAINTENANCE_COMPLETE)) == ["c1", "c3", "more"]
        assert "c2" not in await moved_to(world)
        assert session.percent_done == 100
        await check_everything(world)


@WORKFLOWS
async def test_a_service_that_nobody_stops_is_waited_for_and_named(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c2", stops=False)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert "the service of host c2, which is retired, is not stopped 60 s" in failed.reason
        assert failed.owed_hosts == ("c2",)
        await world.cloud.set_up("c2", False)
        await go_on(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        assert await names(world) == {"c1", "c3", "more"}
        entries = await world.journal.read("s1")
        runs = [e.event for e in entries if isinstance(e.event, StepStarted)]
        works = [r for r in runs if r.verb is StepVerb.RUN_ACTION and r.host == "c2"]
        assert len(works) == 1, "its work is not repeated"
        await check_everything(world)


@WORKFLOWS
async def test_all_of_a_cloud_cannot_be_retired(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c1", "c2", "c3", "more")
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert failed.owed_hosts == ()


@WORKFLOWS
async def test_several_leave_one_after_the_other(workflow):
    async with a_world(
        THREE + hosts(2, "more{n}") + project("red", 5, ("c1", "c2", "c3"))
    ) as world:
        await begin(world, workflow, "c1", "c2")
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert await names(world) == {"c3", "more1", "more2"}
        await check_everything(world)


async def test_only_compute_hosts_of_the_session_can_be_retired():
    async with a_world(BUSY + hosts(1, "ctl", "CONTROLLER")) as world:
        await begin(world, "default", "ctl")
        failed = await world.run()
        assert "only compute hosts that the session works on can be retired: ctl" in failed.reason


@WORKFLOWS
async def test_a_retired_host_that_somebody_else_removes_counts_as_gone(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c2", stops=False)
        async with world.engine(), world.managing():
            await world.reach(lambda s: at_work(s, "c2"))
            await world.cloud.set_up("c2", False)
            await world.cloud.remove_host("c2", "fenix session s1")
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert await told(world, HostProgress.HOST_REMOVED) == ["c2"]
