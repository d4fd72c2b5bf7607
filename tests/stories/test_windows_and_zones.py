"""A session in a window of time, in zones, and with controllers that are down."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fenix_grpc.core.events import SessionContinued
from fenix_grpc.core.model import HostProgress
from fenix_grpc.core.model import SessionState as S
from tests.stories.judge import check_everything
from tests.stories.scenarios import HOSTS, hosts, project
from tests.stories.vnf_scenarios import ROOMY
from tests.stories.world import Manager, World, a_world

ZONES = (
    HOSTS
    + hosts(2, "east{n}", more='zone = "east"')
    + hosts(2, "west{n}", more='zone = "west"')
    + hosts(2, "fast{n}", more='zone = "west"\naggregates = ["ssd"]')
    + project("red", 6, ("east1", "east2", "west1", "west2", "fast1", "fast2"))
)


async def _begin(world: World, workflow: str, window_s: float | None = None) -> None:
    world.workflow = workflow
    for name in ("red", "blue"):
        world.manage(Manager(name))
    await world.create(window_s=window_s)


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_a_session_stops_at_the_end_of_its_window_and_goes_on_in_the_next(
    workflow: str,
) -> None:
    async with a_world(ROOMY) as world:
        world.policy = replace(world.policy, expected_work_s=5.0, expected_move_s=5.0)
        world.policy = replace(world.policy, parallel_hosts=1)
        await _begin(world, workflow, window_s=25)
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "continue the session in the next window" in session.reason
        done = {h.name for h in session.hosts.values() if h.maintained}
        assert 0 < len(done) < 6
        assert not session.owed_hosts, "what was begun was brought to its end"
        changed = [s.ended_at for s in session.steps.values() if s.ended_at]
        assert max(changed) <= session.window_end
        await check_everything(world)

        now = world.clock.now()
        again = SessionContinued(state=session.prev_state, window_end=now + timedelta(hours=1))
        await world.journal.append("s1", [again], at=now, active=True)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        await check_everything(world)


async def test_a_session_continued_after_its_window_without_a_new_one_has_none() -> None:
    async with a_world(ROOMY) as world:
        await _begin(world, "vnf", window_s=60)
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED, "half an hour of work does not fit"
        assert not any(host.progress for host in session.hosts.values())
        now = world.clock.now() + timedelta(hours=2)
        await world.clock.sleep_until(now)
        await world.journal.append(
            "s1", [SessionContinued(state=session.prev_state)], at=now, active=True
        )
        session = await world.run()
        assert (session.state, session.window_end) == (S.MAINTENANCE_DONE, None)


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_nobody_leaves_its_zone_or_aggregate(workflow: str) -> None:
    async with a_world(ZONES) as world:
        await _begin(world, workflow)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        await check_everything(world)
        moves = [op for op in world.cloud.operations() if op.verb == "cold_migrate"]
        assert moves
        assert all(op.host[:4] == op.target[:4] for op in moves)


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_work_on_a_controller_waits_until_enough_of_the_others_serve(workflow: str) -> None:
    cloud = (
        ROOMY + hosts(2, "ctl{n}", "CONTROLLER") + hosts(1, "ctl3", "CONTROLLER", more="up = false")
    )
    async with a_world(cloud) as world:
        world.workflow = workflow
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.create(hosts=("ctl1", "ctl2"))

        def waits(session) -> bool:
            return session.state is S.START_MAINTENANCE

        await world.run(until=waits)
        session = await world.session()
        assert session.hosts["ctl1"].progress is None
        await world.cloud.set_up("ctl3", True)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert session.hosts["ctl2"].progress is HostProgress.MAINTENANCE_COMPLETE
        await check_everything(world)


async def test_a_controller_that_stays_away_stops_the_session_with_the_reason() -> None:
    cloud = (
        ROOMY + hosts(1, "ctl1", "CONTROLLER") + hosts(1, "ctl2", "CONTROLLER", more="up = false")
    )
    async with a_world(cloud) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.create(hosts=("ctl1",))
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert (
            session.reason == "1 of 2 controllers must stay in service, and besides ctl1 only 0 are"
        )
