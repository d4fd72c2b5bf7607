"""What operators do to sessions: continue a failed one exactly where it stopped, delete one at any moment."""

import asyncio
from dataclasses import replace

import pytest

from fenix_grpc.clouds.simulated import Fault
from fenix_grpc.core.events import ProjectAsked, SessionContinued, SessionDeleted
from fenix_grpc.core.model import ActionType, Answer, InstanceAction, NoticeKind, StepVerb
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.stories.judge import check_everything
from tests.stories.scenarios import THREE, hosts, project
from tests.stories.world import Manager, World, a_world

BUSY = THREE + project("red", 3, ("c1", "c2", "c3")) + project("blue", 3, ("c1", "c2", "c3"))


class Picky:
    """Fails on some hosts, and keeps a record."""

    def __init__(self, fails_on: set[str], *, idempotent: bool = True) -> None:
        self.fails_on = fails_on
        self.idempotent = idempotent
        self.ran: list[str] = []

    async def run(self, request: ActionRequest) -> ActionResult:
        self.ran.append(request.host)
        ok = request.host not in self.fails_on
        return ActionResult(ok=ok, detail="" if ok else "no space left on device")


async def go_on(world: World, state: S | None = None) -> None:
    session = await world.session()
    event = SessionContinued(state=state or session.prev_state, continued_by="admin")
    await world.journal.append(
        "s1", [event], at=world.clock.now(), expected_seq=session.seq, active=True
    )


async def delete(world: World) -> None:
    await world.journal.append(
        "s1", [SessionDeleted(deleted_by="admin")], at=world.clock.now(), active=True, deleted=True
    )


async def test_a_failed_action_is_run_again_and_nothing_else():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        picky = Picky({"c2"})
        world.actions["patch"] = picky
        await world.create(
            actions=((ActionType.PRE, "dummy", True), (ActionType.HOST, "patch", True))
        )
        failed = await world.run()
        assert failed.state is S.MAINTENANCE_FAILED
        assert "action patch on c2 failed: no space left on device" in failed.reason
        assert failed.owed_hosts == ("c2",)
        picky.fails_on.clear()
        await go_on(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        assert sorted(picky.ran) == ["c1", "c2", "c2", "c3"]
        await check_everything(world)


class Stuck(Picky):
    """Does not come back while it is stuck."""

    stuck = True

    async def run(self, request: ActionRequest) -> ActionResult:
        if self.stuck:
            await asyncio.Event().wait()
        return await super().run(request)


async def test_a_lost_action_that_is_not_idempotent_waits_for_the_operator():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        world.actions["flash"] = flash = Stuck(set(), idempotent=False)
        await world.create(actions=((ActionType.HOST, "flash", False),))
        async with world.managing():
            async with world.engine():
                await world.reach(lambda s: any(x.verb is StepVerb.RUN_ACTION for x in s.open()))
            # the server died while the action ran
            flash.stuck = False
            async with world.engine():
                session = await world.reach(lambda s: s.settled)
        assert session.state is S.MAINTENANCE_FAILED
        assert "its outcome is unknown" in session.reason
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)


async def test_a_refusal_is_asked_again_after_continue_and_consent_is_not():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        blue = world.manage(Manager("blue", answers={NoticeKind.PLANNED_MAINTENANCE: Answer.NACK}))
        await world.create()
        failed = await world.run()
        assert failed.reason == "project blue refused PLANNED_MAINTENANCE"
        assert failed.owed_hosts
        blue.answers = {}
        await go_on(world)
        session = await world.run()
        assert session.state is S.MAINTENANCE_DONE
        asked = [
            entry.event.project_id
            for entry in await world.journal.read("s1", failed.seq)
            if isinstance(entry.event, ProjectAsked)
            and entry.event.kind is NoticeKind.PLANNED_MAINTENANCE
        ]
        assert sorted(asked) == ["blue", "blue", "red"], "red had agreed to the first host already"
        await check_everything(world)


async def test_hosts_are_chosen_anew_when_what_stood_in_the_way_is_gone():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.cloud.set_enabled("c1", False, "a disk is being replaced")
        await world.create(hosts=("c1",))
        failed = await world.run()
        assert failed.reason.startswith("no host can be worked on: c1 (")
        await world.cloud.set_enabled("c1", True)
        await go_on(world)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)


async def test_continuing_in_another_state():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue", answers={NoticeKind.MAINTENANCE_COMPLETE: Answer.NACK}))
        await world.create()
        failed = await world.run()
        assert failed.prev_state is S.MAINTENANCE_COMPLETE
        world.managers["blue"].answers = {}
        await go_on(world, S.START_MAINTENANCE)
        assert (await world.run()).state is S.MAINTENANCE_DONE
        await check_everything(world)


@pytest.mark.parametrize("at", range(1, 60, 4))
async def test_deleting_gives_every_host_back(at):
    async with a_world(BUSY) as world:
        red = world.manage(Manager("red", InstanceAction.LIVE_MIGRATE))
        world.manage(Manager("blue"))
        await world.create()
        async with world.engine(), world.managing():
            await world.reach(lambda s: s.seq >= at or s.settled)
            await delete(world)
            session = await world.reach(lambda s: s.closed)
        inventory = await world.cloud.inventory()
        assert all(host.enabled for host in inventory.hosts)
        assert {i.status for i in inventory.instances} == {"ACTIVE"}
        assert not session.open_steps
        if red.told and session.state is not S.MAINTENANCE_DONE:
            assert red.told[-1].kind is NoticeKind.SESSION_DELETED
        await check_everything(world)


async def test_deleting_leaves_a_spoilt_host_out_of_service_and_says_so():
    async with a_world(BUSY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        world.actions["patch"] = Picky({"c2"})
        await world.create(actions=((ActionType.HOST, "patch", True),))
        await world.run()
        await delete(world)
        async with world.engine():
            await world.reach(lambda s: s.closed)
        entries = await world.journal.read("s1")
        assert entries[-1].event.left_disabled == ("c2",)
        enabled = {h.host: h.enabled for h in (await world.cloud.inventory()).hosts}
        assert enabled == {"c1": True, "c2": False, "c3": True}


async def test_two_sessions_at_once_on_different_hosts():
    async with a_world(BUSY + hosts(2, "spare{n}")) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.create(hosts=("c1",))
        await world.create(hosts=("c2",), session_id="s2")
        async with world.engine(), world.managing():
            await world.reach(lambda s: s.settled)
            other = await world.session("s2")
            while not other.settled:
                await world.journal.wait(0)
                await world.clock.sleep_until(
                    world.clock.now() + (other.updated_at - other.created_at)
                )
                other = await world.session("s2")
        assert (await world.session()).state is S.MAINTENANCE_DONE
        assert other.state is S.MAINTENANCE_DONE, other.reason


@pytest.mark.parametrize("workflow", ["default", "vnf"])
async def test_a_manager_has_its_time_again_when_the_session_is_continued(workflow):
    async with a_world(BUSY) as world:
        world.workflow = workflow
        world.policy = replace(world.policy, own_action_s=60.0)
        world.manage(Manager("red", InstanceAction.OWN_ACTION, acts_after_s=10_000))
        world.manage(Manager("blue"))
        await world.create()
        failed = await world.run()
        assert "60 s after the project chose OWN_ACTION" in failed.reason
        await go_on(world)
        again = await world.run()
        assert again.state is S.MAINTENANCE_FAILED
        assert (again.entered_at - failed.entered_at).total_seconds() >= 60


@pytest.mark.parametrize("away_s", [300, 1200])
async def test_a_deleted_session_brings_its_moves_to_their_end_when_the_cloud_is_back(away_s):
    """Before its patience with the cloud is over, and after it: the hosts are given back then, and it looks again."""
    slow = BUSY.replace("cold_migrate = 5", "cold_migrate = 60")
    async with a_world(slow) as world:
        world.policy = replace(world.policy, move_s=20.0, cloud_away_s=900.0)
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.create()
        async with world.engine(), world.managing():
            await world.reach(lambda s: any(x.instance_id for x in s.open()))
            away = Fault(effect="unavailable", for_s=away_s, reason="maintenance of the cloud")
            await world.cloud.disturb(away)
            await world.reach(lambda s: bool(s.lost_moves))
            await delete(world)
            session = await world.reach(lambda s: s.closed)
        assert session.owed_hosts == ()
        seen = (await world.cloud.inventory()).instances
        assert {instance.status for instance in seen} == {"ACTIVE"}
        await check_everything(world)
