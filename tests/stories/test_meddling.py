"""Somebody else opens a host that a session has closed to empty it."""

from __future__ import annotations

import pytest

from fenix_grpc.core.model import InstanceAction, StepOutcome, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.session import Session
from fenix_grpc.workflows.retry import tries
from tests.stories.judge import check_everything
from tests.stories.scenarios import THREE, hosts, project
from tests.stories.world import Manager, World, a_world

CLOUD = THREE + project("red", 3, ("c1", "c2", "c3"))


def closings(session: Session, host: str) -> int:
    steps = tries(session, StepVerb.DISABLE_HOST, host)
    return sum(step.outcome is StepOutcome.DONE for step in steps)


async def begun(world: World, workflow: str) -> str:
    """The host that is to be emptied, closed; its instance waits for its manager."""
    world.workflow = workflow
    await world.create()
    session = await world.reach(
        lambda s: any(closings(s, h) and s.on_host.get(h) for h in s.hosts) or s.settled
    )
    return next(h for h in session.hosts if closings(session, h) and session.on_host.get(h))


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_it_is_closed_again(workflow: str) -> None:
    async with a_world(CLOUD) as world:
        world.manage(Manager("red", InstanceAction.OWN_ACTION, thinks_s=20, acts_after_s=30))
        async with world.engine(), world.managing():
            host = await begun(world, workflow)
            await world.cloud.set_enabled(host, True)
            await world.reach(lambda s: closings(s, host) == 2 or s.settled)
            session = await world.reach(lambda s: s.settled)
        assert (session.state, session.reason) == (S.MAINTENANCE_DONE, "")
        await check_everything(world)


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_after_some_times_the_session_stops_and_names_it(workflow: str) -> None:
    async with a_world(CLOUD) as world:
        world.manage(Manager("red", InstanceAction.OWN_ACTION, acts_after_s=200))
        async with world.engine(), world.managing():
            host = await begun(world, workflow)
            for times in (2, 3):
                await world.cloud.set_enabled(host, True)
                await world.reach(lambda s, times=times: closings(s, host) == times or s.settled)
            await world.cloud.set_enabled(host, True)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_FAILED
        assert f"somebody else has enabled host {host} 3 times" in session.reason
        await check_everything(world)


async def test_a_host_that_another_session_has_closed_is_named_with_it():
    cloud = THREE + hosts(1, "held", more='disabled_reason = "fenix session s0"')
    async with a_world(cloud) as world:
        await world.create(hosts=("held",))
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert (
            "held (held by session s0, or left by it: continue or delete that one" in session.reason
        )
