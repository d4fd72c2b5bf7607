"""Whole sessions of the vnf workflow on the simulated cloud."""

import itertools

import pytest

from fenix_grpc.core.events import PlanMade, ProjectAsked, StepEnded, StepStarted
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind, StepOutcome, StepVerb
from fenix_grpc.core.model import SessionState as S
from tests.stories.judge import check_everything
from tests.stories.scenarios import project
from tests.stories.vnf_scenarios import LIVE, MIGRATE, REFUSED, ROOMY, VNF_SCENARIOS, begin
from tests.stories.world import Manager, World, a_world


@pytest.mark.parametrize("name", VNF_SCENARIOS)
async def test_story(name):
    scenario = VNF_SCENARIOS[name]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        session = await world.run()
        assert (tuple(await world.states()), session.reason) == (scenario.states, session.reason)
        assert scenario.reason in session.reason
        assert bool(session.reason) or session.state is not S.MAINTENANCE_FAILED
        await check_everything(world)


async def _moves(world: World) -> list[tuple[float, float, str]]:
    """Start, end and instance of every move, in seconds since the creation."""
    entries = await world.journal.read("s1")
    ends = {e.event.step_id: e.at for e in entries if isinstance(e.event, StepEnded)}
    return [
        (
            (e.at - entries[0].at).total_seconds(),
            (ends[e.event.step_id] - entries[0].at).total_seconds(),
            e.event.instance_id,
        )
        for e in entries
        if isinstance(e.event, StepStarted) and e.event.verb is StepVerb.MOVE_INSTANCE
    ]


async def test_members_of_one_group_move_one_after_the_other_with_time_to_recover():
    async with a_world(ROOMY) as world:
        await begin(world, Manager("red"), Manager("blue"), migration_types=LIVE, recovery_time=30)
        session = await world.run()
        red = {i.instance_id for i in session.instances.values() if i.project_id == "red"}
        moves = [move for move in await _moves(world) if move[2] in red]
        assert len(moves) >= 6
        for (_, ended, _), (started, _, _) in itertools.pairwise(moves):
            assert started >= ended + 30


async def test_what_a_destination_refused_is_planned_anew_while_others_move():
    async with a_world(ROOMY + REFUSED) as world:
        await begin(world, Manager("red"), Manager("blue"), budget=6, migration_types=MIGRATE)
        await world.run()
        entries = await world.journal.read("s1")
        refused = next(
            e
            for e in entries
            if isinstance(e.event, StepEnded) and e.event.outcome is StepOutcome.FAILED
        )
        anew = next(e for e in entries if e.seq > refused.seq and isinstance(e.event, PlanMade))
        assert "its planned destination has refused it" in anew.event.reason
        assert (anew.at - refused.at).total_seconds() <= 5
        at = (anew.at - entries[0].at).total_seconds()
        assert any(started < at <= ended for started, ended, _ in await _moves(world))


async def test_notices_are_per_instance_for_those_that_registered_only():
    async with a_world(ROOMY) as world:
        await begin(world, Manager("red"), Manager("blue"), migration_types=LIVE, lead_time=77)
        await world.run()
        leaving = [
            entry
            for entry in await world.journal.read("s1")
            if isinstance(entry.event, ProjectAsked)
            and entry.event.kind in (NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE)
        ]
        for entry in leaving:
            wait_s = (entry.event.reply_at - entry.at).total_seconds()
            if entry.event.project_id == "red":
                assert (len(entry.event.instance_ids), wait_s) == (1, 77)
                assert entry.event.actions_at == entry.event.reply_at
            else:
                assert wait_s == world.policy.reply_s
        assert {entry.event.project_id for entry in leaving} == {"red", "blue"}


async def test_silence_means_go_after_the_lead_time_and_as_registered():
    async with a_world(ROOMY) as world:
        silent: dict[NoticeKind, Answer | None] = {
            NoticeKind.PREPARE_MAINTENANCE: None,
            NoticeKind.PLANNED_MAINTENANCE: None,
        }
        red = Manager("red", answers=silent)
        await begin(world, red, Manager("blue"), migration_types=LIVE, lead_time=50, budget=6)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        agreed = [a for a in session.agreed.values() if a.project_id == "red"]
        assert {a.action for a in agreed} == {InstanceAction.LIVE_MIGRATE}
        entries = await world.journal.read("s1")
        asked = {
            entry.event.instance_ids[0]: entry.at
            for entry in entries
            if isinstance(entry.event, ProjectAsked) and entry.event.project_id == "red"
            if entry.event.kind in silent
        }
        for entry in entries:
            if isinstance(entry.event, StepStarted) and entry.event.instance_id in asked:
                told = asked[entry.event.instance_id]
                assert told > entry.at or (entry.at - told).total_seconds() >= 50


async def test_a_refused_destination_is_planned_anew():
    async with a_world(VNF_SCENARIOS["a refused destination"].cloud) as world:
        await begin(world, Manager("red"), Manager("blue"), budget=6, migration_types=MIGRATE)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        plans = [e.event for e in await world.journal.read("s1") if isinstance(e.event, PlanMade)]
        failed = [step for step in session.steps.values() if step.outcome == "FAILED"]
        assert len(failed) == 1
        assert len(plans) >= 2
        again = session.steps[f"move_instance/{failed[0].instance_id}/2"]
        assert again.target != failed[0].target


async def test_several_hosts_are_out_at_once_but_no_more_than_allowed():
    async with a_world(ROOMY) as world:
        most = 0
        await begin(world, Manager("red"), Manager("blue"), budget=6, migration_types=MIGRATE)

        def count(session) -> bool:
            nonlocal most
            most = max(most, len(session.owed_hosts))
            assert most <= session.created.policy.parallel_hosts
            return session.settled

        await world.run(until=count)
        assert most >= 2


async def test_it_takes_less_time_than_the_default_workflow():
    took = {}
    for workflow in ("default", "vnf"):
        async with a_world(ROOMY) as world:
            managers = Manager("red"), Manager("blue")
            await begin(world, *managers, budget=6, workflow=workflow, migration_types=MIGRATE)
            session = await world.run()
            assert session.state is S.MAINTENANCE_DONE
            took[workflow] = (session.updated_at - session.created_at).total_seconds()
    assert took["vnf"] < took["default"], took


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_releasing_exactly_what_is_suggested_is_enough(workflow):
    async with a_world(VNF_SCENARIOS["full cloud scales in"].cloud) as world:
        red = Manager("red", obedient=True)
        await begin(world, red, budget=4, workflow=workflow, migration_types=MIGRATE)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        asked = [n for n in red.told if n.kind is NoticeKind.SCALE_IN]
        assert len(asked) == 1, "one round"
        assert 0 < len(asked[0].suggested_instance_ids) <= 4
        assert len(red.removed) == len(asked[0].suggested_instance_ids)
        await check_everything(world)


async def test_nothing_is_suggested_to_those_that_cannot_be_asked():
    cloud = VNF_SCENARIOS["full cloud scales in"].cloud.replace("count = 12", "count = 6")
    cloud += project("blue", 6, ("c1", "c2", "c3"))
    async with a_world(cloud) as world:
        blue = Manager("blue", obedient=True)
        await begin(world, blue, budget=6, migration_types=MIGRATE)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        asked = [
            e.event for e in await world.journal.read("s1") if isinstance(e.event, ProjectAsked)
        ]
        assert {a.project_id for a in asked if a.suggested_instance_ids} == {"blue"}
