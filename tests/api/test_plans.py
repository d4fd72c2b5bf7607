"""PlanSession: what is asked, what is refused, and that nothing is written."""

from __future__ import annotations

import asyncio

import pytest
from google.rpc import code_pb2

from fenix_grpc.api.status import RpcFailure
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.events import (
    HostChanged,
    ProjectDefaulted,
    StateEntered,
    StepEnded,
    StepStarted,
)
from fenix_grpc.core.model import HostProgress, NoticeKind, SessionState, StepOutcome, StepVerb
from fenix_grpc.store import SqlConstraints
from fenix_grpc.v1 import plan_pb2 as p
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import types_pb2 as t
from tests.api.desk import Desk, a_desk, refused
from tests.clouds.lab import a_cloud, hosts, project, vms

WORK = t.ActionSpec(plugin="dummy", type=t.ACTION_TYPE_HOST)


def on(**counts: int) -> str:
    """So many instances on each host."""
    each = (vms(count, host, name=f"{host}-{{n}}") for host, count in counts.items())
    return project(", ".join(each))


def roomy(*more: str) -> SimulatedCloud:
    """Four hosts of which one is empty."""
    return a_cloud(hosts(4), on(h1=2, h2=2, h3=1), *more)


async def dry_run(desk: Desk, **specification) -> p.SessionPlan:
    specification.setdefault("workflow", "vnf")
    specification.setdefault("actions", [WORK])
    request = pb.PlanSessionRequest(specification=pb.CreateSessionRequest(**specification))
    plan: p.SessionPlan = (await desk.call(request)).plan
    return plan


async def test_a_dry_run_plans_every_host_and_move_and_leaves_nothing_behind() -> None:
    async with a_desk(cloud=roomy()) as desk:
        plan = await dry_run(desk)
        assert sorted(host.host for host in plan.hosts) == ["h1", "h2", "h3", "h4"]
        assert len(plan.moves) >= 5
        assert all(move.target and move.target != move.source for move in plan.moves)
        assert (plan.session_id, len(plan.blockers)) == ("", 0)
        assert plan.bounds.rounds <= plan.rounds
        assert plan.bounds.moves <= len(plan.moves)
        assert plan.made_at.ToDatetime() < plan.ends_at_p50.ToDatetime()
        assert plan.ends_at_p50.ToDatetime() < plan.ends_at_p90.ToDatetime()
        assert max(h.ends_at.ToDatetime() for h in plan.hosts) == plan.ends_at_p50.ToDatetime()
        assert await desk.journal.head() == 0


async def test_the_default_workflow_goes_one_host_after_the_other() -> None:
    async with a_desk(cloud=roomy()) as desk:
        plan = await dry_run(desk, workflow="default")
        assert (plan.rounds, [h.wave for h in plan.hosts]) == (4, [0, 1, 2, 3])
        assert plan.hosts[0].host == "h4"
        ends = [host.ends_at.ToDatetime() for host in plan.hosts]
        begins = [host.begins_at.ToDatetime() for host in plan.hosts]
        assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))


async def test_a_dry_run_may_begin_later() -> None:
    async with a_desk(cloud=roomy()) as desk:
        later = desk.in_s(7200)
        plan = await dry_run(desk, maintenance_at=later)
        assert min(h.begins_at.ToDatetime() for h in plan.hosts) == later.ToDatetime()


async def test_hosts_at_once_and_the_fill_limit_are_heeded() -> None:
    async with a_desk(cloud=roomy()) as desk:
        one = await dry_run(desk, options=t.SessionOptions(parallel_hosts=1))
        assert one.rounds == 4
        half = await dry_run(desk, options=t.SessionOptions(fill_limit=0.5))
        most = max(sum(m.target == h.host for m in half.moves) for h in half.hosts)
        assert most <= 2


async def test_what_cannot_be_worked_on_is_named_with_the_reason() -> None:
    broken = hosts(1, "sick", more="up = false")
    foreign = hosts(1, "theirs", more='disabled_reason = "RAM"')
    async with a_desk(cloud=roomy(broken, foreign)) as desk:
        plan = await dry_run(desk, hosts=["h1", "sick", "theirs", "h9"])
        assert [h.host for h in plan.hosts] == ["h1"]
        found = {b.hosts[0]: b.reason for b in plan.blockers}
        assert {b.kind for b in plan.blockers} == {p.BLOCKER_KIND_HOST_UNFIT}
        assert found.keys() == {"sick", "theirs", "h9"}
        assert "RAM" in found["theirs"]
        assert "knows no host h9" in found["h9"]
        none = await dry_run(desk, hosts=["sick", "h9"])
        assert (len(none.hosts), {b.hosts[0] for b in none.blockers}) == (0, {"sick", "h9"})


@pytest.mark.parametrize("workflow", ["vnf", "default"])
async def test_no_room_is_a_blocker_that_says_what_would_help(workflow: str) -> None:
    full = a_cloud(hosts(2), on(h1=4, h2=4))
    async with a_desk(cloud=full) as desk:
        plan = await dry_run(desk, workflow=workflow)
        (blocker,) = plan.blockers
        assert (blocker.kind, blocker.proven) == (p.BLOCKER_KIND_NO_ROOM, True)
        assert len(blocker.scale_in_instance_ids) == 4
        assert (blocker.scale_in.vcpus, blocker.add_hosts) == (8, 1)
        assert (len(plan.hosts), len(plan.moves)) == (0, 0)


async def test_what_applications_demand_is_heeded_by_the_workflow_that_follows_plans() -> None:
    cloud = roomy()
    async with a_desk(cloud=cloud) as desk:
        constraints = SqlConstraints(desk.journal)
        never = GroupConstraint(group_id="g", project_id="red", max_impacted_members=0)
        await constraints.put_group(never, at=desk.clock.now())
        (first, *_) = [i.instance_id for i in (await cloud.inventory()).instances]
        member = InstanceConstraint(instance_id=first, project_id="red", group_id="g")
        await constraints.put_instance(member, at=desk.clock.now())
        (blocker,) = (await dry_run(desk)).blockers
        assert (blocker.kind, blocker.subject) == (p.BLOCKER_KIND_BUDGET_NEVER_MET, "group:g")
        assert not (await dry_run(desk, workflow="default")).blockers


async def test_a_window_that_is_too_short_is_told() -> None:
    async with a_desk(cloud=roomy()) as desk:
        short = await dry_run(desk, options=t.SessionOptions(window_end=desk.in_s(600)))
        (wait,) = short.waiting
        assert wait.subject == "window"
        long = await dry_run(desk, options=t.SessionOptions(window_end=desk.in_s(864_000)))
        assert not long.waiting


async def test_hosts_of_another_session_are_held() -> None:
    async with a_desk(cloud=roomy()) as desk:
        other = await desk.create()
        await desk.begin(other)
        assert not (await dry_run(desk)).blockers, "it has not begun its work"
        await desk.record(other, StateEntered(state=SessionState.PREPARE_MAINTENANCE))
        plan = await dry_run(desk)
        held = [b for b in plan.blockers if b.kind == p.BLOCKER_KIND_HOST_HELD]
        assert [b.hosts[0] for b in held] == ["h1", "h2"]
        assert all(other in b.reason for b in held)
        assert {h.host for h in plan.hosts} <= {"h3", "h4"}


async def test_a_session_in_progress_is_planned_from_where_it_is() -> None:
    async with a_desk(cloud=roomy()) as desk:
        session_id = await desk.create(maintenance_at=desk.in_s(0), actions=[WORK])
        await desk.begin(session_id)
        await desk.ask(session_id)
        await desk.ask(session_id, project_id="p2")
        asked = NoticeKind.MAINTENANCE
        defaulted = ProjectDefaulted(
            notice_id=f"p2-{asked}", project_id="p2", kind=asked, reason="nobody listens"
        )
        await desk.record(session_id, defaulted)
        before = (await desk.call(pb.PlanSessionRequest(session_id=session_id))).plan
        assert [h.host for h in before.hosts] == ["h1", "h2"]
        assert [wait.subject for wait in before.waiting] == ["project:p1"]
        await desk.record(session_id, HostChanged(host="h1", progress=HostProgress.IN_MAINTENANCE))
        step = StepStarted(step_id="run/1", verb=StepVerb.RUN_ACTION, host="h1")
        await desk.record(session_id, step, StepEnded(step_id="run/1", outcome=StepOutcome.DONE))
        done = HostChanged(host="h1", progress=HostProgress.MAINTENANCE_COMPLETE)
        await desk.record(session_id, done)
        after = (await desk.call(pb.PlanSessionRequest(session_id=session_id))).plan
        assert [h.host for h in after.hosts] == ["h2"]
        assert after.pace.works_measured == 1
        assert after.session_id == session_id


async def test_a_session_that_has_not_looked_yet_is_planned_as_a_dry_run() -> None:
    async with a_desk(cloud=roomy()) as desk:
        session_id = await desk.create()
        plan = (await desk.call(pb.PlanSessionRequest(session_id=session_id))).plan
        assert (plan.session_id, len(plan.hosts)) == (session_id, 4)


async def test_an_ended_session_has_nothing_left() -> None:
    async with a_desk(cloud=roomy()) as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.finish(session_id)
        plan = (await desk.call(pb.PlanSessionRequest(session_id=session_id))).plan
        assert (len(plan.hosts), len(plan.moves), len(plan.blockers)) == (0, 0, 0)


async def test_what_earlier_sessions_measured_counts() -> None:
    async with a_desk(cloud=roomy()) as desk:
        guessed = (await dry_run(desk)).pace
        assert (guessed.work_p50_s > 1000, guessed.works_measured) == (True, 0)
        earlier = await desk.create(actions=[WORK])
        await desk.begin(earlier)
        await desk.record(earlier, HostChanged(host="h1", progress=HostProgress.IN_MAINTENANCE))
        await desk.record(
            earlier, StepStarted(step_id="run/1", verb=StepVerb.RUN_ACTION, host="h1")
        )
        await desk.clock.sleep_until(desk.in_s(100).ToDatetime(tzinfo=desk.clock.now().tzinfo))
        done = HostChanged(host="h1", progress=HostProgress.MAINTENANCE_COMPLETE)
        await desk.record(earlier, StepEnded(step_id="run/1", outcome=StepOutcome.DONE), done)
        learned = (await dry_run(desk)).pace
        assert (learned.work_p50_s < 500, learned.works_measured) == (True, 1)


async def test_wrong_questions_are_refused_with_the_field() -> None:
    async with a_desk(cloud=roomy()) as desk:
        both = pb.PlanSessionRequest(session_id="s", specification=pb.CreateSessionRequest())
        async with refused("INVALID_ARGUMENT", "specification: cannot be combined"):
            await desk.call(both)
        async with refused("INVALID_ARGUMENT", "session_id: name a session"):
            await desk.call(pb.PlanSessionRequest())
        async with refused("NOT_FOUND", "session nobody is not known"):
            await desk.call(pb.PlanSessionRequest(session_id="nobody"))
        async with refused("INVALID_ARGUMENT", "workflow: magic is not allowed"):
            await dry_run(desk, workflow="magic")
        async with refused("INVALID_ARGUMENT", "hosts: h1 is there twice"):
            await dry_run(desk, hosts=["h1", "h1"])
        async with refused("INVALID_ARGUMENT", "maintenance_at: .* is past"):
            await dry_run(desk, maintenance_at=desk.in_s(-3600))
        async with refused("INVALID_ARGUMENT", "options.fill_limit"):
            await dry_run(desk, options=t.SessionOptions(fill_limit=7))
        async with refused("INVALID_ARGUMENT", "options.live_s: at least 0"):
            await dry_run(desk, options=t.SessionOptions(live_s=-1))
        twice = [t.FAILED_LIVE_COLD, t.FAILED_LIVE_COLD]
        async with refused("INVALID_ARGUMENT", "options.failed_live: each of COLD.* once"):
            await dry_run(desk, options=t.SessionOptions(failed_live=twice))
        async with refused("INVALID_ARGUMENT", "options.slow_live: 9 is not one of WAIT"):
            await dry_run(desk, options=t.SessionOptions(slow_live=9))
        async with refused("INVALID_ARGUMENT", "options.check_s: at least 0"):
            await dry_run(desk, options=t.SessionOptions(check_s=-1))
        async with refused("INVALID_ARGUMENT", "options.retire: not among the hosts .*: h2"):
            await dry_run(desk, hosts=["h1"], options=t.SessionOptions(retire=["h2"]))
        async with refused("INVALID_ARGUMENT", "options.retire: h1 is there twice"):
            await dry_run(desk, options=t.SessionOptions(retire=["h1", "h1"]))


async def test_nothing_is_planned_to_a_host_that_is_to_leave() -> None:
    async with a_desk(cloud=roomy()) as desk:
        plan = await dry_run(desk, options=t.SessionOptions(retire=["h2"]))
        assert sorted(host.host for host in plan.hosts) == ["h1", "h2", "h3", "h4"]
        assert plan.moves
        assert "h2" not in {move.target for move in plan.moves}


async def test_a_cloud_that_does_not_answer_is_unavailable() -> None:
    fault = '[[faults]]\noperation = "inventory"\neffect = "unavailable"\nreason = "no route"\n'
    async with a_desk(cloud=roomy(fault)) as desk, refused("UNAVAILABLE", "no route"):
        await dry_run(desk)


async def test_only_so_many_may_wait_for_a_plan_and_they_harm_nobody_else() -> None:
    async with a_desk(cloud=roomy()) as desk:
        outcomes = await asyncio.gather(*(dry_run(desk) for _ in range(60)), return_exceptions=True)
        refusals = [each for each in outcomes if isinstance(each, RpcFailure)]
        assert {each.status.code for each in refusals} == {code_pb2.RESOURCE_EXHAUSTED}
        assert len([each for each in outcomes if isinstance(each, p.SessionPlan)]) >= 16
        assert (await dry_run(desk)).hosts


async def test_a_large_cloud_is_planned_one_by_one_with_destinations_for_the_first_hosts() -> None:
    many = a_cloud(hosts(200, vcpus=16), project(vms(1200)))
    async with a_desk(cloud=many) as desk:
        plan = await dry_run(desk, workflow="default")
        assert len(plan.hosts) == 200
        assert len(plan.moves) >= 1200
        named = [bool(move.target) for move in plan.moves]
        assert named[0]
        assert not named[-1]
