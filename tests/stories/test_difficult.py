"""Migrations that do not go their way, in both workflows: what is decided, who is told what, and where it ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fenix_grpc.core.events import (
    ActionReplaced,
    HostSetAside,
    StepEnded,
    StepStarted,
)
from fenix_grpc.core.model import (
    Answer,
    FailedLive,
    Fallback,
    HostDown,
    NoticeKind,
    SlowLive,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.session import Session
from tests.stories.difficult_scenarios import (
    BUSY,
    COLD,
    COLD_FAILS,
    FAILING,
    LIVE,
    OWN,
    STUCK,
    TwoMinds,
    again,
    begin,
    policy,
)
from tests.stories.judge import check_everything
from tests.stories.world import SESSION, Manager, World, a_world

pytestmark = pytest.mark.parametrize("workflow", ["default", "vnf"])
ABORT, FORCE, WAIT = SlowLive.ABORT, SlowLive.FORCE, SlowLive.WAIT


async def events(world: World, kind: type) -> list:
    return [e.event for e in await world.journal.read(SESSION) if isinstance(e.event, kind)]


async def tries(world: World, name: str) -> list[tuple[str, str, str]]:
    """How each attempt to move an instance went: way, outcome, detail."""
    instance_id = await id_of(world, name)
    session = await world.session()
    found = [s for s in session.steps.values() if s.instance_id == instance_id]
    return [(s.how or s.verb, s.outcome, s.detail) for s in found]


async def id_of(world: World, name: str) -> str:
    servers = await world.cloud.servers(name.partition("-")[0])
    return next(s.instance_id for s in servers if s.name == name)


def told(manager: Manager, kind: NoticeKind) -> list:
    return [notice for notice in manager.told if notice.kind is kind]


async def until_done(world: World) -> Session:
    session = await world.run()
    assert session.state is S.MAINTENANCE_DONE, session.reason
    await check_everything(world)
    return session


async def test_a_slow_live_migration_is_forced(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, slow=FORCE)
        await begin(world)
        await until_done(world)
        assert [(how, outcome) for how, outcome, _ in await tries(world, "red-2")] == [
            (LIVE, StepOutcome.DONE)
        ]
        assert [o.verb for o in world.cloud.operations() if o.verb in ("force", "abort")] == [
            "force"
        ]


async def test_an_aborted_one_goes_to_another_destination_and_then_cold(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, FailedLive.COLD, slow=ABORT)
        red = Manager("red", LIVE)
        await begin(world, red)
        await until_done(world)
        went = await tries(world, "red-2")
        assert [(how, outcome) for how, outcome, _ in went] == [
            (LIVE, StepOutcome.FAILED),
            (LIVE, StepOutcome.FAILED),
            (COLD, StepOutcome.DONE),
        ]
        assert "was aborted after 10 s, as it may take 10 s" in went[0][2]
        steps = [s for s in await events(world, StepStarted) if s.how is LIVE]
        instance_id = await id_of(world, "red-2")
        targets = [s.target for s in steps if s.instance_id == instance_id]
        assert len(set(targets)) == 2, "each attempt goes elsewhere"
        (replaced,) = await events(world, ActionReplaced)
        assert (replaced.instance_id, replaced.action) == (instance_id, COLD)
        (notice,) = told(red, NoticeKind.INSTANCE_ACTION_FALLBACK)
        assert notice.instances[0].action is COLD
        assert notice.reply_at is None
        assert "failed (2 times)" in notice.reason
        assert "aborted after 10 s" in notice.reason
        done = list(told(red, NoticeKind.INSTANCE_ACTION_DONE))
        assert {
            n.instances[0].action for n in done if n.instances[0].instance_id == instance_id
        } == {COLD}


async def test_what_an_instance_bears_is_the_limit_even_where_others_are_forced(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, FailedLive.COLD, slow=FORCE)
        await world.constrain_instances("red", max_interruption_time=6)
        await begin(world)
        await until_done(world)
        went = await tries(world, "red-2")
        assert "aborted after 6 s, as it may take 6 s" in went[0][2]
        assert not [o for o in world.cloud.operations() if o.verb == "force"]


async def test_by_default_it_is_waited_for_and_the_session_stops(workflow):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world)
        await begin(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "failed (2 times)" in session.reason
        assert "LIVE_MIGRATE of instance" in session.reason
        await check_everything(world)


@pytest.mark.parametrize("ways", [(FailedLive.ASK,), (FailedLive.COLD,)])
async def test_a_project_is_asked_again_where_its_constraint_allows_no_cold_move(workflow, ways):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world, *ways)
        await world.constrain_instances("red", migration_types=(LIVE, OWN))
        red = TwoMinds("red", OWN, Answer.ACK)
        await begin(world, red)
        await until_done(world)
        (question,) = [notice for notice in red.told if again(notice)]
        assert question.allowed_actions == (COLD, OWN)
        assert "LIVE_MIGRATE of instance" in question.reason
        assert not await events(world, ActionReplaced)
        assert [s.name for s in await world.cloud.servers("red")].count("red-2+") == 1


async def test_a_project_that_is_asked_again_may_choose_a_cold_move(workflow):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world, FailedLive.ASK)
        red = TwoMinds("red", COLD, Answer.ACK)
        await begin(world, red)
        await until_done(world)
        assert [how for how, _, _ in await tries(world, "red-2")] == [LIVE, LIVE, COLD]
        assert len([notice for notice in red.told if again(notice)]) == 1


async def test_silence_to_the_second_question_is_never_a_move_that_a_constraint_forbids(workflow):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world, FailedLive.ASK, silence=Fallback.MIGRATE)
        await world.constrain_instances("red", migration_types=(LIVE,))
        await begin(world, TwoMinds("red", COLD, None))
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "project red did not reply in time" in session.reason
        await check_everything(world)


async def test_silence_to_the_second_question_is_a_cold_move_elsewhere(workflow):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world, FailedLive.ASK, silence=Fallback.MIGRATE)
        await begin(world, TwoMinds("red", COLD, None))
        await until_done(world)
        assert [how for how, _, _ in await tries(world, "red-2")] == [LIVE, LIVE, COLD]


async def test_a_refusal_of_the_second_question_stops_the_session(workflow):
    async with a_world(BUSY + FAILING) as world:
        world.workflow = workflow
        policy(world, FailedLive.ASK)
        await begin(world, TwoMinds("red", COLD, Answer.NACK))
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "project red refused" in session.reason
        await check_everything(world)


async def test_when_the_cold_move_fails_too_the_host_is_given_back_and_the_others_are_done(
    workflow,
):
    async with a_world(BUSY + FAILING + COLD_FAILS) as world:
        world.workflow = workflow
        policy(world, FailedLive.COLD, FailedLive.GIVE_BACK)
        await begin(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "these were set aside: c2 (LIVE_MIGRATE of instance" in session.reason
        assert "; then MIGRATE of instance" in session.reason
        assert sorted(h.name for h in session.hosts.values() if h.maintained) == ["c1", "c3"]
        assert session.owed_hosts == (), "no work began on it: it is given back"
        assert not [
            s
            for s in await events(world, StepStarted)
            if s.verb is StepVerb.RUN_ACTION and s.host == "c2"
        ]
        (aside,) = await events(world, HostSetAside)
        assert aside.given_back
        await check_everything(world)


async def test_without_another_way_all_reasons_are_told(workflow):
    async with a_world(BUSY + FAILING + COLD_FAILS) as world:
        world.workflow = workflow
        policy(world, FailedLive.COLD)
        await begin(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_FAILED
        assert "LIVE_MIGRATE of instance" in session.reason
        assert "; then MIGRATE of instance" in session.reason
        await check_everything(world)


async def when_emptied(world: World, host: str) -> None:
    """Returns when the host is being emptied."""
    await world.reach(lambda s: any(x.host == host and x.instance_id for x in s.steps.values()))


async def test_a_dead_host_is_evacuated_and_worked_on(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, host_down=HostDown.EVACUATE, host_down_s=30.0, move_s=20.0)
        world.policy = replace(world.policy, live_s=0.0)
        red = Manager("red", LIVE)
        await begin(world, red)
        async with world.engine(), world.managing():
            await when_emptied(world, "c2")
            await world.cloud.set_up("c2", False)
            died_at = world.clock.now()
            await world.reach(lambda s: s.hosts["c2"].progress is not None)
            await world.cloud.set_up("c2", True)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        await check_everything(world)
        went = await tries(world, "red-2")
        assert went[-1][:2] == (StepVerb.EVACUATE_INSTANCE, StepOutcome.DONE)
        began = [
            e.at
            for e in await world.journal.read(SESSION)
            if isinstance(e.event, StepStarted) and e.event.verb is StepVerb.EVACUATE_INSTANCE
        ]
        assert began[0] >= died_at + timedelta(seconds=30)
        left = {n.instances[0].instance_name for n in told(red, NoticeKind.INSTANCE_ACTION_DONE)}
        assert "red-2" in left, "told as after a move"


async def test_a_dead_host_that_comes_back_in_time_is_emptied_as_agreed(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, slow=ABORT, host_down=HostDown.EVACUATE, host_down_s=300.0)
        world.policy = replace(world.policy, failed_live=(FailedLive.COLD,))
        await begin(world)
        async with world.engine(), world.managing():
            await when_emptied(world, "c2")
            await world.cloud.set_up("c2", False)
            await world.clock.sleep_until(world.clock.now() + timedelta(seconds=60))
            assert not (await world.session()).terminal
            await world.cloud.set_up("c2", True)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        await check_everything(world)
        verbs = [s.verb for s in await events(world, StepStarted)]
        assert StepVerb.EVACUATE_INSTANCE not in verbs


async def test_a_dead_host_stops_the_session_by_default(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, slow=ABORT)
        await begin(world)
        async with world.engine(), world.managing():
            await when_emptied(world, "c2")
            await world.cloud.set_up("c2", False)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_FAILED
        assert "c2 is down" in session.reason
        await check_everything(world)


async def test_a_dead_host_that_never_reports_again_is_set_aside_after_its_work(workflow):
    async with a_world(BUSY + STUCK) as world:
        world.workflow = workflow
        policy(world, host_down=HostDown.EVACUATE, host_down_s=30.0, up_s=60.0, failure_budget=1)
        await begin(world)
        async with world.engine(), world.managing():
            await when_emptied(world, "c2")
            await world.cloud.set_up("c2", False)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_FAILED
        assert "c2 (the services of host c2 do not report after the work on it" in session.reason
        assert sorted(h.name for h in session.hosts.values() if h.maintained) == ["c1", "c3"]
        ended = [e for e in await events(world, StepEnded) if e.outcome is StepOutcome.FAILED]
        assert not [e for e in ended if "evacuate" in e.step_id]
        await check_everything(world)
