"""Hosts that somebody else removes from the cloud during a session, and what becomes of a host that is retired where it
cannot leave: it is never opened again, and takes room from nobody who needs it more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fenix_grpc.core.events import SessionClosed, SessionDeleted, StepStarted
from fenix_grpc.core.model import HostProgress, StepOutcome, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.session import Session
from tests.stories.judge import check_everything
from tests.stories.scenarios import HOSTS, hosts, project
from tests.stories.test_operator_stories import go_on
from tests.stories.test_retire import ROOMY, WORKFLOWS, at_work, begin, moved_to, names, told
from tests.stories.world import Manager, World, a_world

_HOURS = timedelta(hours=3)
GONE = "it is not in the cloud any more: somebody else has removed it"


def closed(session: Session) -> bool:
    host = session.hosts.get("c2")
    return host is not None and bool(host.closed_seq) and host.progress is None


def waiting(session: Session) -> bool:
    return session.state in (S.PREPARE_MAINTENANCE, S.START_MAINTENANCE)


async def vanish(world: World, name: str) -> None:
    """Somebody deletes what is on a host, and the host."""
    for instance in (await world.cloud.inventory()).instances:
        if instance.host == name:
            await world.cloud.delete(instance.project_id, instance.instance_id)
    view = next(h for h in (await world.cloud.inventory()).hosts if h.host == name)
    reason = view.disabled_reason or "scaled in"
    await world.cloud.set_up(name, False)
    await world.cloud.set_enabled(name, False, reason)
    await world.cloud.remove_host(name, reason)


@WORKFLOWS
@pytest.mark.parametrize("when", [waiting, closed])
async def test_a_host_that_somebody_removes_is_left_out_with_the_reason(workflow, when):
    async with a_world(ROOMY) as world:
        await begin(world, workflow)
        async with world.engine(), world.managing():
            await world.reach(when)
            await vanish(world, "c2")
            session = await world.reach(lambda s: s.settled, 7200)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert session.hosts["c2"].excluded == GONE
        assert not session.owed_hosts
        assert not await told(world, HostProgress.HOST_REMOVED)
        await check_everything(world)


@WORKFLOWS
async def test_a_host_that_is_gone_after_its_work_is_waited_for_and_named(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow)
        world.policy = replace(world.policy, up_s=60.0)
        async with world.engine(), world.managing():
            await world.reach(lambda s: at_work(s, "c2"))
            await vanish(world, "c2")
            failed = await world.reach(lambda s: s.settled, 7200)
        assert failed.state is S.MAINTENANCE_FAILED
        assert "host c2 is not in the cloud any more after the work on it" in failed.reason
        await check_everything(world)


@WORKFLOWS
async def test_a_host_that_enters_itself_anew_by_its_work_is_done(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow)
        async with world.engine(), world.managing():
            session = await world.reach(lambda s: at_work(s, "c2"))
            view = replace(session.hosts["c2"].view, enabled=True, disabled_reason="", up=True)
            await vanish(world, "c2")
            await world.reach(lambda s: s.hosts["c2"].gone)
            await world.cloud.add_host(view)
            session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert session.hosts["c2"].maintained
        assert not await told(world, HostProgress.HOST_ADDED)
        await check_everything(world)


@WORKFLOWS
async def test_a_session_whose_only_host_is_removed_stops(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, hosts=("c2",))
        async with world.engine(), world.managing():
            await world.reach(closed)
            await vanish(world, "c2")
            failed = await world.reach(lambda s: s.settled, 7200)
        assert failed.state is S.MAINTENANCE_FAILED
        assert failed.reason == f"no host can be worked on: c2 ({GONE})"


@WORKFLOWS
async def test_a_host_to_retire_that_somebody_else_disabled_is_left_out(workflow):
    async with a_world(ROOMY) as world:
        await world.cloud.set_enabled("c2", False, "disk")
        await begin(world, workflow, "c2")
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert session.hosts["c2"].excluded == "disabled by somebody else: disk"
        assert "c2" in await names(world)
        await check_everything(world)


@WORKFLOWS
async def test_a_retired_host_leaves_its_room_to_those_that_give_it_back(workflow):
    """The spare host takes one full host; what is on the old one would fit first, and then nothing else would."""
    six = tuple(f"c{n}" for n in range(1, 7))
    full = HOSTS + hosts(6) + hosts(1, "spare") + hosts(1, "old")
    full += project("red", 24, six) + project("green", 2, ("old",))
    async with a_world(full) as world:
        world.manage(Manager("green"))
        await begin(world, workflow, "old", hosts=(*six, "old"))
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert S.SCALE_IN not in await world.states()
        assert "old" not in await moved_to(world)
        await check_everything(world)


@WORKFLOWS
async def test_a_session_deleted_after_the_work_leaves_a_retired_host_closed(workflow):
    async with a_world(ROOMY) as world:
        await begin(world, workflow, "c2", stops=False)

        def worked_on(session: Session) -> bool:
            works = (s for s in session.steps.values() if s.verb is StepVerb.RUN_ACTION)
            return any(s.host == "c2" and s.outcome is StepOutcome.DONE for s in works)

        async with world.engine(), world.managing():
            await world.reach(worked_on)
            await world.journal.append(
                "s1", [SessionDeleted()], at=world.clock.now(), deleted=True, active=True
            )
            await world.reach(lambda s: s.closed)
        entries = [entry.event for entry in await world.journal.read("s1")]
        assert [e.left_disabled for e in entries if isinstance(e, SessionClosed)] == [("c2",)]
        opened = [e.host for e in entries if isinstance(e, StepStarted) and _opens(e)]
        assert "c2" not in opened


def _opens(step: StepStarted) -> bool:
    return step.verb is StepVerb.ENABLE_HOST


@WORKFLOWS
async def test_a_removal_that_fails_leaves_the_host_closed_and_named(workflow):
    fault = '[[faults]]\neffect = "refuse"\noperation = "remove"\nhost = "c2"\nfor_s = 7200\n'
    async with a_world(ROOMY + fault) as world:
        await begin(world, workflow, "c2")
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert "removing host c2 failed (3 times)" in failed.reason
        assert "c2" in failed.owed_hosts
        assert "c2" in await names(world)
        await world.clock.sleep_until(world.clock.now() + _HOURS)
        await go_on(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE, session.reason
        assert await told(world, HostProgress.HOST_REMOVED) == ["c2"]
        assert "c2" not in await names(world)
        await check_everything(world)
