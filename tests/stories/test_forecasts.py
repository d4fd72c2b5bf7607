"""The forecast of a session at any moment of its life: always there, not about what is over, close to the truth."""

import pytest

from fenix_grpc.core.evolve import fold
from fenix_grpc.core.pace import Tempo, measured
from fenix_grpc.core.session import Session
from fenix_grpc.core.session_plan import SessionPlan
from fenix_grpc.workflows.forecast import forecast
from tests.stories.scenarios import SCENARIOS
from tests.stories.vnf_scenarios import LIVE, ROOMY, VNF_SCENARIOS, begin
from tests.stories.world import WORKFLOWS, Manager, World, a_world

EVERY = {**{f"default: {n}": s for n, s in SCENARIOS.items()}, **VNF_SCENARIOS}
#: Moments of each story that are looked at.
MOMENTS = 10


def foreseen(session: Session, at) -> SessionPlan:
    workflow = WORKFLOWS[session.created.workflow]
    tempo = Tempo(session.created.policy, measured(session))
    return forecast(session, tempo, at, follows_plan=workflow.follows_plan)


@pytest.mark.parametrize("name", EVERY)
async def test_every_story_can_be_foreseen_at_any_moment(name: str):
    scenario = EVERY[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        await world.run()
        entries = await world.journal.read("s1")
    step = max(1, len(entries) // MOMENTS)
    for upto in (*range(1, len(entries), step), len(entries)):
        session = fold(entries[:upto])
        assert session is not None
        check(session, foreseen(session, entries[upto - 1].at), entries[upto - 1].at)


def check(session: Session, plan: SessionPlan, now) -> None:
    """What holds of any forecast."""
    assert {host.host for host in plan.hosts} <= {host.name for host in session.todo()}
    for host in plan.hosts:
        assert host.begins_at <= host.work_at <= host.ends_at <= plan.ends_at_p50
        assert host.ends_at >= now
    waves = {host.host: host.wave for host in plan.hosts}
    for move in plan.moves:
        assert move.begins_at <= move.ends_at
        assert waves[move.source] == move.wave
        assert move.target != move.source
    if plan.hosts:
        assert now < plan.ends_at_p50 <= plan.ends_at_p90
    blocked = {name for blocker in plan.blockers for name in blocker.hosts}
    assert not blocked & waves.keys() or any(not blocker.proven for blocker in plan.blockers)


@pytest.mark.parametrize("workflow", ["vnf", "default"])
async def test_a_session_with_steady_times_ends_when_it_was_foreseen(workflow: str):
    """Durations are known from an earlier session on the same cloud."""

    async def a_session(world: World):
        managers = Manager("red"), Manager("blue")
        await begin(world, *managers, budget=6, migration_types=LIVE, workflow=workflow)
        await world.run()
        return await world.journal.read("s1")

    async with a_world(ROOMY) as world:
        earlier = fold(await a_session(world))
    async with a_world(ROOMY) as world:
        entries = await a_session(world)
    assert earlier is not None
    selected = next(n for n, e in enumerate(entries) if type(e.event).__name__ == "HostsSelected")
    session = fold(entries[: selected + 1])
    assert session is not None
    tempo = Tempo(session.created.policy, measured(session), [measured(earlier)])
    follows = WORKFLOWS[workflow].follows_plan
    plan = forecast(session, tempo, entries[selected].at, follows_plan=follows)
    begun, ended = entries[selected].at, entries[-1].at
    assert (plan.ends_at_p50 - begun) / (ended - begun) == pytest.approx(1, abs=0.15)
