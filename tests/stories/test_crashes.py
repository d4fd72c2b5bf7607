"""Crash everywhere: every scenario is stopped dead before each append of its engine, and after those that begin a step,
and begun anew by another engine. The end must be the same, and nothing may be done twice or forgotten. CI stops at
every single append; elsewhere it is every seventh, beginning with another one for each scenario."""

import asyncio
import os

import pytest

from fenix_grpc.core.session import Session
from tests.stories.difficult_scenarios import DIFFICULT
from tests.stories.judge import check_everything, end_of
from tests.stories.scenarios import SCENARIOS
from tests.stories.stopping import StoppingJournal
from tests.stories.vnf_scenarios import VNF_SCENARIOS
from tests.stories.world import World, a_world

STRIDE = 1 if os.environ.get("CI") else 7


CRASHED = {
    **SCENARIOS,
    **DIFFICULT,
    **{
        f"vnf: {name}": VNF_SCENARIOS[name]
        for name in (
            "budget of one",
            "recovery and lead time",
            "controllers",
            "one host fails within the budget",
            "one host does not pass its check",
        )
    },
}


async def _undisturbed(name: str) -> tuple[dict[str, object], list[bool]]:
    """The end of a scenario and, for each append that its engine makes, whether it begins a step."""
    scenario = CRASHED[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        counting = StoppingJournal(world.journal, 1_000_000, made=True)
        world.engine_journal = counting
        await world.run()
        await check_everything(world)
        return await end_of(world), counting.began_step


async def _crashed(name: str, at: int, *, made: bool) -> dict[str, object]:
    scenario = CRASHED[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        async with world.managing():
            await _until_dead(world, at, made=made)
            async with world.engine():
                await world.reach(lambda session: session.settled)
        await check_everything(world)
        return await end_of(world)


async def _until_dead(world: World, at: int, *, made: bool) -> None:
    stopping = StoppingJournal(world.journal, at, made=made)
    world.engine_journal = stopping
    engine = asyncio.ensure_future(world.supervisor().run(asyncio.Event()))
    await stopping.stopped.wait()
    engine.cancel()
    await asyncio.gather(engine, return_exceptions=True)
    world.engine_journal = world.journal


@pytest.mark.parametrize("name", CRASHED)
async def test_crash_at_every_append(name):
    """Just after an append differs from just before the next one only where a step was begun and not performed."""
    expected, appends = await _undisturbed(name)
    assert len(appends) >= 2
    begin = list(CRASHED).index(name) % min(STRIDE, len(appends))
    for at, began_step in list(enumerate(appends, 1))[begin::STRIDE]:
        assert await _crashed(name, at, made=False) == expected, f"stopped before append {at}"
        if began_step:
            assert await _crashed(name, at, made=True) == expected, f"stopped after append {at}"


async def test_three_engines_race_and_each_step_starts_once():
    scenario = SCENARIOS["everybody agrees"]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        async with world.managing():
            ends = await asyncio.gather(*(_race(world) for _ in range(3)))
        await check_everything(world)
        assert {end.state for end in ends} == {"MAINTENANCE_DONE"}
        moves = [op for op in world.cloud.operations() if op.verb == "cold_migrate"]
        assert len(moves) == len({(op.subject, op.host, op.at) for op in moves})


async def _race(world: World) -> Session:
    """An engine without a lease: only the journal keeps it from doing what another does."""
    runner = world.runner()
    await runner.run(await world.journal.read("s1"))
    return await world.session()
