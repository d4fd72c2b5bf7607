"""The database goes away at any append: the session goes on when it is back, whether or not the append was made."""

import pytest

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.core.model import SessionState as S
from tests.stories.judge import check_everything
from tests.stories.scenarios import SCENARIOS
from tests.stories.world import a_world


class Flaky:
    """A journal that answers append number `at`, and the next read, with StoreUnavailable."""

    def __init__(self, journal, at: int, *, made: bool) -> None:
        self._journal, self._left, self._made = journal, at, made
        self._reads_fail = 0

    def __getattr__(self, name):
        return getattr(self._journal, name)

    async def append(self, session_id, events, **more):
        self._left -= 1
        if self._left == 0:
            if self._made:
                await self._journal.append(session_id, events, **more)
            self._reads_fail = 1
            raise StoreUnavailable("the database does not answer")
        return await self._journal.append(session_id, events, **more)

    async def read(self, session_id, after_seq=0):
        if self._reads_fail:
            self._reads_fail -= 1
            raise StoreUnavailable("the database does not answer")
        return await self._journal.read(session_id, after_seq)


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("at", range(1, 60, 3))
async def test_the_session_goes_on(at, made):
    scenario = SCENARIOS["everybody agrees"]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        world.engine_journal = Flaky(world.journal, at, made=made)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)
