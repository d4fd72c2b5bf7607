"""Crash everywhere: every scenario is stopped dead at each append of its engine, before it and just after it, and begun
anew by another engine. The end must be the same, and nothing may be done twice or forgotten."""

import asyncio

import pytest

from fenix_grpc.core.session import Session
from tests.stories.judge import check_everything, end_of
from tests.stories.scenarios import SCENARIOS
from tests.stories.stopping import StoppingJournal
from tests.stories.world import World, a_world


async def _undisturbed(name: str) -> tuple[dict[str, object], int]:
    """The end of a scenario and the number of appends that its engine makes."""
    scenario = SCENARIOS[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        counting = StoppingJournal(world.journal, 1_000_000, made=True)
        world.engine_journal = counting
        await world.run()
        appends = 1_000_000 - counting._left
        await check_everything(world)
        return await end_of(world), appends


async def _crashed(name: str, at: int, *, made: bool) -> dict[str, object]:
    scenario = SCENARIOS[name]
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


@pytest.mark.parametrize("name", SCENARIOS)
async def test_crash_at_every_append(name):
    expected, appends = await _undisturbed(name)
    assert appends >= 2
    for at in range(1, appends + 1):
        for made in (False, True):
            end = await _crashed(name, at, made=made)
            assert end == expected, f"stopped {'after' if made else 'before'} append {at}"


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
