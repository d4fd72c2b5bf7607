"""Health gates: no host is begun, or given back, before its checks have passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import ActionType, StepOutcome, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.ports import ActionRequest, ActionResult
from fenix_grpc.workflows import default, vnf
from tests.stories.judge import check_everything
from tests.stories.scenarios import hosts
from tests.stories.test_operator_stories import BUSY, go_on
from tests.stories.world import Manager, World, a_world

KNOWN = {workflow.name: workflow for workflow in (default.WORKFLOW, vnf.WORKFLOW)}
WORKFLOWS = pytest.mark.parametrize("workflow", ["default", "vnf"])
ACTIONS = ((ActionType.HOST, "patch", True), (ActionType.CHECK, "gate", True))


class Gate:
    """Says how often it does not pass on a host, before the work and after it."""

    idempotent = True

    def __init__(self, before: dict[str, int] | None = None, after: dict[str, int] | None = None):
        self.before, self.after = Counter(before or {}), Counter(after or {})
        self.patched: list[str] = []
        self.looked: list[str] = []

    async def run(self, request: ActionRequest) -> ActionResult:
        host = request.host
        if request.type == "HOST":
            self.patched.append(host)
            return ActionResult(ok=True)
        self.looked.append(host)
        left = self.after if host in self.patched else self.before
        left[host] -= 1
        bad = left[host] >= 0
        return ActionResult(ok=not bad, detail="disk sda has 3 bad sectors" if bad else "")


async def begin(world: World, workflow: str, gate: Gate, **policy: object) -> None:
    world.workflow = workflow
    world.policy = replace(world.policy, check_s=20.0, **policy)
    world.manage(Manager("red"))
    world.manage(Manager("blue"))
    world.actions["patch"] = world.actions["gate"] = gate
    await world.create(actions=ACTIONS)


async def steps_on(world: World, host: str) -> list[str]:
    """What was done to a host itself, in order; checks by their name."""
    entries = await world.journal.read("s1")
    return [
        "check"
        if e.event.verb is StepVerb.RUN_ACTION and e.event.action_index == 1
        else e.event.verb
        for e in entries
        if isinstance(e.event, StepStarted) and e.event.host == host and not e.event.instance_id
    ]


@WORKFLOWS
async def test_each_host_is_checked_before_it_is_closed_and_before_it_is_opened(workflow):
    async with a_world(BUSY) as world:
        await begin(world, workflow, Gate())
        assert (await world.run()).state is S.MAINTENANCE_DONE
        for host in ("c1", "c2", "c3"):
            assert await steps_on(world, host) == [
                "check",
                StepVerb.DISABLE_HOST,
                StepVerb.RUN_ACTION,
                "check",
                StepVerb.ENABLE_HOST,
            ]
        await check_everything(world)


@WORKFLOWS
async def test_a_check_is_tried_until_it_passes(workflow):
    async with a_world(BUSY) as world:
        await begin(world, workflow, Gate(before={"c2": 3}, after={"c2": 2}))
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert (await steps_on(world, "c2")).count("check") == 4 + 3
        assert (await steps_on(world, "c1")).count("check") == 2
        await check_everything(world)


@WORKFLOWS
async def test_a_host_in_bad_health_is_not_begun_and_the_others_go_on(workflow):
    async with a_world(BUSY) as world:
        gate = Gate(before={"c2": 1000})
        await begin(world, workflow, gate, failure_budget=1)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        (aside,) = failed.set_aside
        assert "check gate has not passed on c2: disk sda has 3 bad sectors" in aside.set_aside
        assert "in 20 s" in aside.set_aside
        assert failed.owed_hosts == ()
        assert set(await steps_on(world, "c2")) == {"check"}
        assert sorted(h.name for h in failed.hosts.values() if h.maintained) == ["c1", "c3"]
        gate.before.clear()
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert sorted(gate.patched) == ["c1", "c2", "c3"]
        await check_everything(world)


@WORKFLOWS
async def test_a_host_that_is_not_well_after_its_work_stays_out_of_service(workflow):
    async with a_world(BUSY) as world:
        gate = Gate(after={"c2": 1000})
        await begin(world, workflow, gate, failure_budget=1)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert [host.name for host in failed.set_aside] == ["c2"]
        assert failed.owed_hosts == ("c2",)
        assert sorted(h.name for h in failed.hosts.values() if h.maintained) == ["c1", "c3"]
        gate.after.clear()
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert (await steps_on(world, "c2"))[-2:] == ["check", StepVerb.ENABLE_HOST]
        assert sorted(gate.patched) == ["c1", "c2", "c3"], "the work is not repeated"
        await check_everything(world)


@WORKFLOWS
async def test_too_many_hosts_in_bad_health_stop_the_session(workflow):
    async with a_world(BUSY) as world:
        await begin(world, workflow, Gate(before={"c1": 1000, "c2": 1000, "c3": 1000}))
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert "check gate has not passed" in failed.reason
        assert failed.owed_hosts == ()
        await check_everything(world)


@WORKFLOWS
async def test_what_is_waited_for_is_told(workflow):
    async with a_world(BUSY) as world:
        await begin(world, workflow, Gate(before={"c1": 1000, "c2": 1000, "c3": 1000}))
        async with world.engine(), world.managing():
            session = await world.reach(
                lambda s: any(step.outcome is StepOutcome.FAILED for step in s.steps.values())
            )
            told = KNOWN[workflow].decide(session, world.clock.now()).waiting
        assert any("check gate has not passed on" in each.reason for each in told)


@WORKFLOWS
async def test_controllers_are_checked_as_well(workflow):
    async with a_world(BUSY + hosts(1, "ctl", "CONTROLLER")) as world:
        await begin(world, workflow, Gate(before={"ctl": 1}, after={"ctl": 1}))
        assert (await world.run()).state is S.MAINTENANCE_DONE
        assert await steps_on(world, "ctl") == [
            "check",
            "check",
            StepVerb.RUN_ACTION,
            "check",
            "check",
        ]
        await check_everything(world)
