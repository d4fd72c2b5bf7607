"""Sessions that run at the same time: a host belongs to one of them, and the budget of a group is one for all."""

import asyncio
from datetime import datetime

import pytest

from fenix_grpc.checker import as_text, verify
from fenix_grpc.core.events import SessionDeleted
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.core.model import SessionState as S
from tests.stories.scenarios import hosts
from tests.stories.vnf_scenarios import MIGRATE, OWN, ROOMY, begin
from tests.stories.world import SESSION, Manager, World, a_world

FIRST, SECOND = ("c1", "c2", "c3"), ("c4", "c5", "c6")
ENDS = {"active", "delete", "moved", "confirm", "move_failed"}


async def _run_both(world: World) -> None:
    async with world.engine(), world.managing():
        for session_id in (SESSION, "s2"):
            await _settled(world, session_id)


async def _settled(world: World, session_id: str) -> None:
    position = 0
    while not (await world.session(session_id)).settled:
        async with asyncio.timeout(60):
            position = await world.journal.wait(position)


async def _verified(world: World, *session_ids: str) -> None:
    for session_id in session_ids:
        certificate = verify(await world.journal.read(session_id))
        assert certificate.ok, as_text(certificate)


def _most_at_once(world: World, names: set[str], verb: str) -> int:
    """How many of these instances the cloud moved at the same time, by its own record."""
    begun: dict[str, datetime] = {}
    spans: list[tuple[datetime, datetime]] = []
    for operation in world.cloud.operations():
        if operation.subject not in names:
            continue
        if operation.verb == verb:
            begun[operation.subject] = operation.at
        elif operation.verb in ENDS and operation.subject in begun:
            spans.append((begun.pop(operation.subject), operation.at))
    assert spans
    return max(sum(a <= start < b for a, b in spans) for start, _ in spans)


@pytest.mark.parametrize("recovery_s", [0, 30])
async def test_two_sessions_share_the_budget_of_a_group(recovery_s: int) -> None:
    async with a_world(ROOMY + hosts(2, "spare{n}")) as world:
        red = {s.instance_id for s in await world.cloud.servers("red")}
        managers = Manager("red"), Manager("blue")
        await begin(
            world, *managers, migration_types=MIGRATE, recovery_time=recovery_s, hosts=FIRST
        )
        await world.create(hosts=SECOND, session_id="s2")
        await _run_both(world)
        for session_id in (SESSION, "s2"):
            assert (await world.session(session_id)).state is S.MAINTENANCE_DONE
        await _verified(world, SESSION, "s2")
        assert _most_at_once(world, red, "cold_migrate") == 1


async def test_an_own_action_in_one_session_holds_back_the_moves_of_another() -> None:
    async with a_world(ROOMY + hosts(2, "spare{n}")) as world:
        red = Manager("red", InstanceAction.OWN_ACTION)
        await begin(world, red, Manager("blue"), migration_types=OWN, recovery_time=10, hosts=FIRST)
        await world.create(hosts=SECOND, session_id="s2")
        await _run_both(world)
        for session_id in (SESSION, "s2"):
            assert (await world.session(session_id)).state is S.MAINTENANCE_DONE
        await _verified(world, SESSION, "s2")


async def _busy(world: World) -> Manager:
    """The first session is at work on its hosts, and one manager thinks for long."""
    slow = world.manage(Manager("red", thinks_s=30))
    world.manage(Manager("blue"))
    await world.create(hosts=FIRST)
    await world.reach(lambda session: session.started)
    return slow


async def test_a_host_that_another_session_holds_is_left_out_with_the_reason() -> None:
    async with a_world(ROOMY) as world, world.engine(), world.managing():
        await _busy(world)
        await world.create(hosts=(*FIRST, *SECOND), session_id="s2")
        await _settled(world, "s2")
        await _settled(world, SESSION)
        second = await world.session("s2")
        assert second.state is S.MAINTENANCE_DONE
        assert {h.name for h in second.hosts.values() if h.maintained} == set(SECOND)
        assert {second.hosts[name].excluded for name in FIRST} == {
            f"held by session {SESSION}, until that is done with it or deleted"
        }
        first = await world.session()
        assert {h.name for h in first.hosts.values() if h.maintained} == set(FIRST)
        await _verified(world, SESSION, "s2")


async def test_a_session_whose_hosts_are_all_held_says_so() -> None:
    async with a_world(ROOMY) as world, world.engine(), world.managing():
        await _busy(world)
        await world.create(hosts=FIRST, session_id="s2")
        await _settled(world, "s2")
        second = await world.session("s2")
        assert second.state is S.MAINTENANCE_FAILED
        assert f"c1 (held by session {SESSION}" in second.reason


async def test_sessions_for_the_same_hosts_may_be_planned_one_after_the_other() -> None:
    async with a_world(ROOMY) as world, world.engine(), world.managing():
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        for number, session_id in enumerate((SESSION, "s2")):
            await world.create(session_id=session_id, in_s=3600 + number * 86_400)
        for session_id in (SESSION, "s2"):
            await _settled(world, session_id)
            session = await world.session(session_id)
            assert session.state is S.MAINTENANCE_DONE
            assert all(h.maintained for h in session.hosts.values())


async def test_sessions_that_begin_at_the_same_moment_never_select_one_host_twice() -> None:
    async with a_world(ROOMY) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        names = [f"s{n}" for n in range(1, 6)]
        for name in names:
            await world.create(session_id=name, in_s=60)
        async with world.engine(), world.managing():
            for name in names:
                await _settled(world, name)
        ends = [(await world.session(name)).state for name in names]
        assert sorted(ends) == [S.MAINTENANCE_DONE, *[S.MAINTENANCE_FAILED] * 4]
        await _verified(world, *names)
        disabled = [op.subject for op in world.cloud.operations() if op.verb == "disable"]
        assert sorted(disabled) == [*FIRST, *SECOND]


async def test_two_sessions_never_work_on_two_of_three_controllers_at_once() -> None:
    cloud = ROOMY + hosts(3, "ctl{n}", "CONTROLLER")
    async with a_world(cloud) as world:
        world.manage(Manager("red"))
        world.manage(Manager("blue"))
        await world.create(hosts=("ctl1",))
        await world.create(hosts=("ctl2",), session_id="s2")
        await _run_both(world)
        for session_id in (SESSION, "s2"):
            assert (await world.session(session_id)).state is S.MAINTENANCE_DONE
        await _verified(world, SESSION, "s2")
        spans = []
        for session_id in (SESSION, "s2"):
            steps = (await world.session(session_id)).steps.values()
            spans += [(step.started_at, step.ended_at) for step in steps if step.host]
        first, second = sorted(spans)
        assert first[1] <= second[0], "one after the other"


async def test_a_failed_session_keeps_its_hosts_until_it_is_deleted() -> None:
    async with a_world(ROOMY) as world:
        red = world.manage(Manager("red", answers={NoticeKind.PREPARE_MAINTENANCE: Answer.NACK}))
        world.manage(Manager("blue"))
        await world.create(hosts=FIRST)
        async with world.engine(), world.managing():
            await _settled(world, SESSION)
            assert (await world.session()).state is S.MAINTENANCE_FAILED
            red.answers = {}
            await world.create(session_id="s2")
            await _settled(world, "s2")
            second = await world.session("s2")
            assert {h.name for h in second.hosts.values() if h.maintained} == set(SECOND)
            now = world.clock.now()
            await world.journal.append(SESSION, [SessionDeleted()], at=now, active=True)
            await _settled(world, SESSION)
            await world.create(session_id="s3")
            await _settled(world, "s3")
        third = await world.session("s3")
        assert third.state is S.MAINTENANCE_DONE
        assert {h.name for h in third.hosts.values() if h.maintained} == {*FIRST, *SECOND}
        await _verified(world, SESSION, "s2", "s3")
