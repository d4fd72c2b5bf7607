"""One bad host does not end the night: it is set aside, the others go on, and continuing does only what is missing."""

from dataclasses import replace

import pytest

from fenix_grpc.core.events import HostSetAside, InstanceActionDone, StepEnded, StepStarted
from fenix_grpc.core.model import ActionType, StepVerb
from fenix_grpc.core.model import SessionState as S
from tests.stories.judge import check_everything
from tests.stories.scenarios import THREE, hosts, project
from tests.stories.test_operator_stories import BUSY, Picky, delete, go_on
from tests.stories.world import Manager, World, a_world

NEVER = '[[faults]]\neffect = "fail"\noperation = "cold_migrate"\ninstance = "red-2"\nfor_s = 600\n'
WORKFLOWS = pytest.mark.parametrize("workflow", ["default", "vnf"])


async def begin(
    world: World, workflow: str, fails_on: set[str], budget: int, **more: object
) -> Picky:
    world.workflow = workflow
    world.policy = replace(world.policy, failure_budget=budget)
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    world.actions["patch"] = picky = Picky(fails_on)
    await world.create(
        actions=((ActionType.PRE, "dummy", True), (ActionType.HOST, "patch", True)), **more
    )
    return picky


@WORKFLOWS
async def test_others_go_on_and_after_the_fix_only_the_missing_work_is_done(workflow):
    async with a_world(BUSY) as world:
        picky = await begin(world, workflow, {"c2"}, budget=1)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert failed.reason == (
            "all other hosts are done, these were set aside: "
            "c2 (action patch on c2 failed: no space left on device)"
        )
        assert sorted(h.name for h in failed.hosts.values() if h.maintained) == ["c1", "c3"]
        assert failed.owed_hosts == ("c2",), "work on it did not end well: it stays out of service"
        assert S.MAINTENANCE_COMPLETE not in await world.states(), (
            "nobody was told that all is done"
        )
        picky.fails_on.clear()
        await go_on(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        assert sorted(picky.ran) == ["c1", "c2", "c2", "c3"]
        begun = await steps_after(world, failed.seq)
        assert [(step.verb, step.host) for step in begun] == [
            (StepVerb.RUN_ACTION, "c2"),
            (StepVerb.ENABLE_HOST, "c2"),
        ]
        await check_everything(world)


async def steps_after(world: World, seq: int) -> list[StepStarted]:
    entries = await world.journal.read("s1", seq)
    return [entry.event for entry in entries if isinstance(entry.event, StepStarted)]


@WORKFLOWS
async def test_too_many_failures_stop_the_session(workflow):
    async with a_world(THREE + hosts(3, "more{n}")) as world:
        picky = await begin(world, workflow, {"c1", "c2", "c3"}, budget=2)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert [host.name for host in failed.set_aside] == ["c1", "c2"]
        assert "action patch on c3 failed" in failed.reason
        assert "more than the failure budget: set aside before were c1, c2" in failed.reason
        picky.fails_on.clear()
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert all(picky.ran.count(host) == 2 for host in ("c1", "c2", "c3"))
        await check_everything(world)


async def most_at_once(world: World) -> int:
    """Hosts whose actions ran at the same time."""
    running, most = set[str](), 0
    for entry in await world.journal.read("s1"):
        event = entry.event
        if isinstance(event, StepStarted) and event.verb is StepVerb.RUN_ACTION:
            running.add(event.step_id)
            most = max(most, len(running))
        elif isinstance(event, StepEnded):
            running.discard(event.step_id)
    return most


@WORKFLOWS
async def test_hosts_that_come_back_together_are_worked_on_within_the_limit(workflow):
    async with a_world(THREE + hosts(3, "more{n}")) as world:
        world.policy = replace(world.policy, failure_budget=2, parallel_hosts=1)
        world.workflow = workflow
        world.actions["patch"] = patch = Picky({"c1", "c2"})
        await world.create(actions=((ActionType.HOST, "patch", True),))
        failed = await world.run()
        assert [host.name for host in failed.set_aside] == ["c1", "c2"]
        patch.fails_on.clear()
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert await most_at_once(world) == 1
        await check_everything(world)


@WORKFLOWS
async def test_a_host_that_cannot_be_emptied_is_given_back_and_taken_up_again(workflow):
    async with a_world(THREE + project("red", 3, ("c1", "c2", "c3")) + NEVER) as world:
        await begin(world, workflow, set(), budget=1)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        (aside,) = failed.set_aside
        assert "MIGRATE of instance" in aside.set_aside
        assert failed.owed_hosts == (), "no work began on it: it serves again"
        enabled = {h.host: h.enabled for h in (await world.cloud.inventory()).hosts}
        assert all(enabled.values())
        await world.clock.sleep_until(world.clock.now().replace(hour=23))
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)


async def test_what_has_left_a_host_that_was_set_aside_is_told():
    cloud = THREE + project("red", 4, ("c1", "c1", "c2", "c3")) + NEVER
    async with a_world(cloud) as world:
        await begin(world, "default", set(), budget=1)
        await world.run()
        entries = await world.journal.read("s1")
        moved = {s.instance_id for s in (await world.session()).steps.values() if s.instance_id}
        told = {e.event.instance_id for e in entries if isinstance(e.event, InstanceActionDone)}
        stuck = {e.event.host for e in entries if isinstance(e.event, HostSetAside)}
        assert stuck
        assert len(moved - told) == 1, "all but the one that never moves"
        await check_everything(world)


@WORKFLOWS
async def test_a_controller_that_fails_is_set_aside_as_well(workflow):
    async with a_world(BUSY + hosts(5, "ctl{n}", "CONTROLLER")) as world:
        await begin(world, workflow, {"ctl2"}, budget=1)
        failed = await world.run()
        assert [host.name for host in failed.set_aside] == ["ctl2"]
        assert sum(host.maintained for host in failed.hosts.values()) == 7
        await check_everything(world)


@WORKFLOWS
async def test_a_controller_that_fails_still_counts_in_the_quorum(workflow):
    async with a_world(BUSY + hosts(3, "ctl{n}", "CONTROLLER")) as world:
        await begin(world, workflow, {"ctl1"}, budget=2)
        failed = await world.run()
        assert "2 of 3 controllers must stay in service" in failed.reason
        assert not any(host.maintained for host in failed.hosts.values())
        await check_everything(world)


@WORKFLOWS
async def test_a_session_with_hosts_set_aside_can_be_deleted(workflow):
    async with a_world(BUSY) as world:
        await begin(world, workflow, {"c2"}, budget=1)
        async with world.engine(), world.managing():
            await world.reach(lambda s: bool(s.set_aside))
            await delete(world)
            session = await world.reach(lambda s: s.closed)
        assert session.owed_hosts == ("c2",)
        closed = (await world.journal.read("s1"))[-1].event
        assert closed.left_disabled == ("c2",)
