"""Whole sessions of the default workflow on the simulated cloud, each once without disturbance."""

import pytest

from fenix_grpc.core.model import SessionState as S
from tests.stories.difficult_scenarios import DIFFICULT
from tests.stories.judge import check_everything
from tests.stories.scenarios import SCENARIOS
from tests.stories.world import a_world

STORIES = {**SCENARIOS, **DIFFICULT}


@pytest.mark.parametrize("name", STORIES)
async def test_story(name):
    scenario = STORIES[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        session = await world.run()
        assert (tuple(await world.states()), session.reason) == (scenario.states, session.reason)
        assert scenario.reason in session.reason
        assert bool(session.reason) or session.state is not S.MAINTENANCE_FAILED
        await check_everything(world)
