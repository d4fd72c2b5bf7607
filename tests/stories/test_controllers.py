"""Controllers and others: by role, one at a time, and each seen in service again before the next."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fenix_grpc.core.events import HostChanged, StepStarted
from fenix_grpc.core.model import ActionType, HostProgress, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.stories.judge import check_everything
from tests.stories.scenarios import HOSTS, hosts, project
from tests.stories.world import Manager, World, a_world

CLOUD = (
    HOSTS
    + hosts(2, "zz{n}", "CONTROLLER")
    + hosts(2, "aa{n}", "OTHER")
    + hosts(3)
    + project("red", 2, ("c1", "c2"))
)
WORKFLOWS = pytest.mark.parametrize("workflow", ["default", "vnf"])


class Reboot:
    """Takes the services of a host down; they come back later, or never."""

    idempotent = True

    def __init__(self, world: World, back_s: float | None) -> None:
        self._world, self._back_s = world, back_s
        self._starting: set[asyncio.Task[None]] = set()

    async def run(self, request: ActionRequest) -> ActionResult:
        await self._world.cloud.set_up(request.host, False)
        if self._back_s is not None:
            self._starting.add(asyncio.ensure_future(self._start(request.host, self._back_s)))
        return ActionResult(ok=True)

    async def _start(self, host: str, after_s: float) -> None:
        clock = self._world.clock
        await clock.sleep_until(clock.now() + timedelta(seconds=after_s))
        await self._world.cloud.set_up(host, True)


async def begin(world: World, workflow: str, back_s: float | None, *kinds: ActionType) -> None:
    world.workflow = workflow
    world.manage(Manager("red"))
    world.actions["reboot"] = Reboot(world, back_s)
    await world.create(actions=tuple((kind, "reboot", True) for kind in kinds))


@WORKFLOWS
async def test_the_next_is_begun_when_the_services_of_the_one_before_report(workflow):
    async with a_world(CLOUD) as world:
        await begin(world, workflow, 90.0, ActionType.HOST)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        changes = [e for e in await world.journal.read("s1") if isinstance(e.event, HostChanged)]
        roles = [e for e in changes if not e.event.host.startswith("c")]
        order = [(e.event.host, e.event.progress) for e in roles]
        began, done = HostProgress.IN_MAINTENANCE, HostProgress.MAINTENANCE_COMPLETE
        assert order == [
            (host, progress) for host in ("zz1", "zz2", "aa1", "aa2") for progress in (began, done)
        ]
        for first, second in zip(roles[::2], roles[1::2], strict=True):
            assert second.at - first.at >= timedelta(seconds=90)
        await check_everything(world)


@WORKFLOWS
async def test_services_that_stay_away_stop_the_session_in_time(workflow):
    async with a_world(CLOUD) as world:
        world.policy = replace(world.policy, up_s=120.0)
        await begin(world, workflow, None, ActionType.CONTROLLER)
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert failed.reason == (
            "the services of host zz1 do not report after the work on it for 120 s"
        )
        began = [
            e.event
            for e in await world.journal.read("s1")
            if isinstance(e.event, StepStarted) and e.event.verb is StepVerb.RUN_ACTION
        ]
        assert [step.host for step in began] == ["zz1"]
        await check_everything(world)


@WORKFLOWS
async def test_pre_post_and_controllers_are_handled(workflow):
    """D37: pre once before all hosts, post once after them, and the actions of controllers on these only."""
    async with a_world(CLOUD) as world:
        world.workflow = workflow
        world.manage(Manager("red"))
        kinds = (ActionType.PRE, ActionType.CONTROLLER, ActionType.COMPUTE, ActionType.POST)
        await world.create(actions=tuple((kind, "dummy", True) for kind in kinds))
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        ran = [
            (kinds[e.event.action_index], e.event.host)
            for e in await world.journal.read("s1")
            if isinstance(e.event, StepStarted) and e.event.verb is StepVerb.RUN_ACTION
        ]
        assert ran[:3] == [
            (ActionType.PRE, ""),
            (ActionType.CONTROLLER, "zz1"),
            (ActionType.CONTROLLER, "zz2"),
        ]
        assert sorted(ran[3:-1]) == [(ActionType.COMPUTE, f"c{n}") for n in (1, 2, 3)]
        assert ran[-1] == (ActionType.POST, "")
        await check_everything(world)
