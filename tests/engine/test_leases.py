"""An engine whose lease was taken, or is over by the clock, begins nothing and writes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fenix_grpc.core.errors import LeaseLost
from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import SessionState
from fenix_grpc.engine.runner import Runner
from fenix_grpc.others import Others
from fenix_grpc.workflows.default import WORKFLOW
from tests.stories.scenarios import HOSTS, hosts, project
from tests.stories.world import SESSION, World, a_world

CLOUD = HOSTS + hosts(3) + project("red", 2, on=("c1",))


def runner(world: World, owner: str, **more: object) -> Runner:
    return Runner(
        SESSION,
        journal=world.journal,
        performer=world.performer,
        workflow=WORKFLOW,
        listening=world.listening,
        others=Others(world.journal),
        owner=owner,
        **more,  # type: ignore[arg-type]
    )


async def held_by(world: World, owner: str, after_s: float = 0.0) -> None:
    now = world.clock.now() + timedelta(seconds=after_s)
    held = await world.journal.claim(owner, now=now, until=now + timedelta(seconds=60))
    assert list(held) == [SESSION]


async def test_a_server_whose_lease_was_taken_writes_nothing_more() -> None:
    """In the middle of a session, while it performs steps: their ends are refused, and then it gives up."""
    async with a_world(CLOUD) as world:
        await world.create()
        stop = asyncio.Event()
        late = asyncio.ensure_future(world.supervisor("late").run(stop))
        while not (await world.session()).open_steps:
            await world.clock.sleep_until(world.clock.now() + timedelta(seconds=0.1))
        await held_by(world, "taker", after_s=61)
        known = await world.journal.read(SESSION)
        await world.clock.sleep_until(world.clock.now() + timedelta(seconds=40))
        assert await world.journal.read(SESSION) == known
        await runner(world, "taker").run(known)
        assert (await world.session()).state is SessionState.MAINTENANCE_DONE
        stop.set()
        await late
        began = [
            entry.event.step_id
            for entry in await world.journal.read(SESSION)
            if isinstance(entry.event, StepStarted)
        ]
        assert len(began) == len(set(began))


async def test_what_was_computed_before_a_lease_was_taken_is_refused() -> None:
    async with a_world(CLOUD) as world:
        await world.create()
        await held_by(world, "taker")
        with pytest.raises(LeaseLost, match="held by taker"):
            await runner(world, "late").run(await world.journal.read(SESSION))
        assert len(await world.journal.read(SESSION)) == 1
        assert all(operation.verb == "boot" for operation in world.cloud.operations())


async def test_no_step_touches_the_cloud_while_the_lease_is_over() -> None:
    """It is begun when the lease is renewed, and not before."""
    async with a_world(CLOUD) as world:
        await world.create()
        await held_by(world, "engine")
        again = world.clock.now() + timedelta(seconds=600)
        held = runner(world, "engine", holds=lambda: world.clock.now() >= again)
        await held.run(await world.journal.read(SESSION))
        assert (await world.session()).state is SessionState.MAINTENANCE_DONE
        changes = [o for o in world.cloud.operations() if o.verb != "boot"]
        assert changes
        assert all(operation.at >= again for operation in changes)
