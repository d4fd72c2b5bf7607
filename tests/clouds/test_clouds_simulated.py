"""What the simulated cloud does beyond the port: placement, time, faults, projects, its own record."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fenix_grpc.clock import VirtualClock
from fenix_grpc.clouds.simulated import Fault, SimulatedCloud
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable, InvalidRequest, NotFound
from fenix_grpc.core.model import InstanceAction, Resources
from tests.clouds.lab import SIZE, a_cloud, definition, hosts, project, the, vms

COLD, LIVE = InstanceAction.MIGRATE, InstanceAction.LIVE_MIGRATE
FAULT = "[[faults]]\nreason = 'as told'\n"


async def move(
    cloud: SimulatedCloud,
    name: str,
    how: InstanceAction = LIVE,
    target: str = "",
    timeout_s: float = 60,
) -> str:
    """Moves the instance of that name off its host; returns where it then is."""
    view = await the(cloud, name)
    moved = await cloud.move_instance(
        view.instance_id, how, source=view.host, target=target, timeout_s=timeout_s
    )
    return moved.host


async def used(cloud: SimulatedCloud) -> dict[str, Resources]:
    return {host.host: host.used for host in (await cloud.inventory()).hosts}


def verbs(cloud: SimulatedCloud) -> list[str]:
    return [operation.verb for operation in cloud.operations()]


# Placement


async def test_the_scheduler_prefers_the_host_with_most_room() -> None:
    cloud = a_cloud(hosts(1, "small"), hosts(1, "large", vcpus=32), project(vms(4)))
    assert {view.host for view in (await cloud.inventory()).instances} == {"large"}


@pytest.mark.parametrize("scarce", ["vcpus", "memory_mb", "disk_gb"])
async def test_capacity_counts_in_every_dimension(scarce: str) -> None:
    narrow = hosts(1, "narrow", vcpus=64)
    for plenty in ("vcpus = 64", "memory_mb = 65536", "disk_gb = 1000"):
        if plenty.startswith(scarce):
            narrow = narrow.replace(plenty, f"{scarce} = 1")
    cloud = a_cloud(hosts(1), narrow, project(vms(1, on="h1")))
    with pytest.raises(CloudRefused, match="no valid host"):
        await move(cloud, "vm-1")
    with pytest.raises(CloudRefused, match="free are"):
        await move(cloud, "vm-1", target="narrow")


@pytest.mark.parametrize("how", [COLD, LIVE])
async def test_a_move_holds_capacity_on_both_ends(how: InstanceAction) -> None:
    clock = VirtualClock()
    cloud = a_cloud(hosts(2), project(vms(1, on="h1")), clock=clock)
    async with asyncio.TaskGroup() as moves:
        moves.create_task(move(cloud, "vm-1", how))
        await clock.sleep_until(clock.now() + timedelta(seconds=1))
        assert await used(cloud) == {"h1": SIZE, "h2": SIZE}
        moving = await the(cloud, "vm-1")
        assert (moving.host, moving.status) == ("h1", "MIGRATING" if how is LIVE else "RESIZE")
    assert await used(cloud) == {"h1": Resources(), "h2": SIZE}


async def test_two_moves_do_not_share_the_last_room() -> None:
    cloud = a_cloud(hosts(1, "a"), hosts(1, "b", vcpus=2), project(vms(2, on="a")))
    results = await asyncio.gather(move(cloud, "vm-1"), move(cloud, "vm-2"), return_exceptions=True)
    assert results[0] == "b"
    assert isinstance(results[1], CloudRefused)


async def test_nothing_comes_to_or_leaves_a_host_that_is_down() -> None:
    cloud = a_cloud(hosts(2), project(vms(1, on="h1")))
    await cloud.set_up("h2", False)
    with pytest.raises(CloudRefused, match="no valid host"):
        await move(cloud, "vm-1")
    with pytest.raises(CloudRefused, match="is down"):
        await move(cloud, "vm-1", target="h2")
    await cloud.set_up("h2", True)
    await cloud.set_up("h1", False)
    with pytest.raises(CloudRefused, match="h1 is down"):
        await move(cloud, "vm-1")


async def test_a_group_may_allow_several_per_host() -> None:
    group = project(
        vms(4, more=', group = "g", hosts = ["h1", "h2"]'), groups='{name = "g", max_per_host = 2}'
    )
    cloud = a_cloud(hosts(3), group)
    with pytest.raises(CloudRefused, match="its group g"):
        await move(cloud, "vm-1", target="h2")
    for name in ("vm-1", "vm-2"):
        assert await move(cloud, name, target="h3") == "h3"
    with pytest.raises(CloudRefused, match="its group g"):
        await cloud.boot("red", "small", group="g", host="h3")


async def test_a_controller_is_shown_but_takes_no_part() -> None:
    cloud = a_cloud(
        hosts(1), hosts(1, "controller", more="kind = 'CONTROLLER'"), project(vms(1, on="h1"))
    )
    with pytest.raises(CloudRefused, match="no compute service"):
        await cloud.disable_host("controller", "why")
    with pytest.raises(CloudRefused, match="no compute service"):
        await move(cloud, "vm-1", target="controller")
    with pytest.raises(CloudRefused, match="no valid host"):
        await move(cloud, "vm-1")


# Moves and time


async def test_an_instance_in_error_cannot_be_moved() -> None:
    cloud = a_cloud(hosts(2), project(vms(1, more=', status = "ERROR"')))
    with pytest.raises(CloudRefused, match="ERROR"):
        await move(cloud, "vm-1")


@pytest.mark.parametrize("how", [COLD, LIVE])
async def test_a_move_may_break_its_instance(how: InstanceAction) -> None:
    cloud = a_cloud(hosts(2), project(vms(1, on="h1")), FAULT + "effect = 'break'")
    for _ in range(2):  # nor is it taken for success when asked again
        with pytest.raises(CloudRefused, match="is in ERROR on h2"):
            await move(cloud, "vm-1", how)


async def test_a_project_s_own_action_is_not_for_the_cloud() -> None:
    cloud = a_cloud(hosts(2), project(vms(1)))
    with pytest.raises(InvalidRequest):
        await move(cloud, "vm-1", InstanceAction.OWN_ACTION)


async def test_a_move_goes_on_after_its_time_out_and_is_followed() -> None:
    cloud = a_cloud("[durations]\nlive_migrate = 30", hosts(2), project(vms(1, on="h1")))
    with pytest.raises(CloudUnavailable, match="after 5 s"):
        await move(cloud, "vm-1", timeout_s=5)
    assert await move(cloud, "vm-1", timeout_s=26) == "h2"
    assert verbs(cloud) == ["live_migrate", "moved"]


async def test_a_cold_migration_waits_for_its_confirmation() -> None:
    clock = VirtualClock()
    cloud = a_cloud(
        "[durations]\ncold_migrate = 20", hosts(2), project(vms(1, on="h1")), clock=clock
    )
    with pytest.raises(CloudUnavailable):
        await move(cloud, "vm-1", COLD, timeout_s=5)
    await clock.sleep_until(clock.now() + timedelta(seconds=3600))
    waiting = await the(cloud, "vm-1")
    assert (waiting.host, waiting.status) == ("h2", "VERIFY_RESIZE")
    assert await used(cloud) == {"h1": SIZE, "h2": SIZE}
    again = await cloud.move_instance(waiting.instance_id, COLD, source="h1", timeout_s=60)
    assert again.host == "h2"
    assert (await the(cloud, "vm-1")).status == "ACTIVE"
    assert await used(cloud) == {"h1": Resources(), "h2": SIZE}
    ended = {operation.verb: operation.at for operation in cloud.operations()}
    assert ended["moved"] - ended["cold_migrate"] == timedelta(seconds=20)


async def test_an_instance_that_is_being_made_is_moved_afterwards() -> None:
    cloud = a_cloud("[durations]\nboot = 5", hosts(2))
    await cloud.boot("red", "small", name="new", host="h1")
    assert (await the(cloud, "new")).status == "BUILD"
    assert await move(cloud, "new") == "h2"
    assert verbs(cloud) == ["boot", "active", "live_migrate", "moved"]


async def test_equal_seeds_make_equal_stories_and_others_do_not() -> None:
    parts = ("[durations]\njitter = 0.5", hosts(3), project(vms(6)))

    async def story(seed: int) -> list[tuple[object, ...]]:
        cloud = SimulatedCloud(definition(*parts, seed=seed), VirtualClock())
        for name in ("vm-1", "vm-2", "vm-3"):
            await move(cloud, name)
        return [(each.at, each.verb, each.subject, each.target) for each in cloud.operations()]

    assert await story(1) == await story(1)
    assert await story(1) != await story(2)


# Faults


async def test_a_fault_may_strike_the_first_time_only() -> None:
    cloud = a_cloud(
        hosts(2),
        project(vms(2, on="h1")),
        FAULT + "effect = 'fail'\noperation = 'live_migrate'\ninstance = 'vm-1'\nnth = 1",
    )
    with pytest.raises(CloudRefused, match="as told"):
        await move(cloud, "vm-1")
    failed = await the(cloud, "vm-1")
    assert (failed.host, failed.status) == ("h1", "ACTIVE")
    assert await used(cloud) == {"h1": SIZE + SIZE, "h2": Resources()}
    assert [await move(cloud, "vm-1"), await move(cloud, "vm-2")] == ["h2", "h2"]


async def test_a_stopped_instance_stays_stopped_when_its_move_fails() -> None:
    cloud = a_cloud(
        hosts(2), project(vms(1, on="h1", more=', status = "SHUTOFF"')), FAULT + "effect = 'fail'"
    )
    with pytest.raises(CloudRefused, match="as told"):
        await move(cloud, "vm-1", COLD)
    assert (await the(cloud, "vm-1")).status == "SHUTOFF"


async def test_a_target_may_refuse() -> None:
    cloud = a_cloud(hosts(3), project(vms(1, on="h1")), FAULT + "effect = 'refuse'\ntarget = 'h2'")
    with pytest.raises(CloudRefused, match="as told"):
        await move(cloud, "vm-1", target="h2")
    assert verbs(cloud) == ["refuse"]
    assert await move(cloud, "vm-1", target="h3") == "h3"


async def test_the_api_may_be_away_for_a_while() -> None:
    clock = VirtualClock()
    cloud = a_cloud(
        hosts(2), FAULT + "effect = 'unavailable'\nafter_s = 10\nfor_s = 5", clock=clock
    )
    start = clock.now()
    for second, away in ((9.9, False), (10, True), (14.9, True), (15, False)):
        await clock.sleep_until(start + timedelta(seconds=second))
        if away:
            with pytest.raises(CloudUnavailable, match="as told"):
                await cloud.inventory()
        else:
            await cloud.inventory()


async def test_an_answer_may_be_lost_and_what_was_asked_is_done() -> None:
    cloud = a_cloud(
        *(hosts(2), project(vms(1, on="h1")), "[durations]\nlive_migrate = 5"),
        *(FAULT + f"effect = 'lose'\nnth = 1\noperation = '{it}'" for it in ("disable", "enable")),
        FAULT + "effect = 'lose'\nnth = 1\noperation = 'live_migrate'",
    )
    for change in (cloud.disable_host, cloud.enable_host):
        with pytest.raises(CloudUnavailable, match="as told"):
            await change("h2", "session 1")
        await change("h2", "session 1")
    with pytest.raises(CloudUnavailable, match="as told"):
        await move(cloud, "vm-1")
    assert (await the(cloud, "vm-1")).status == "MIGRATING"
    view = await the(cloud, "vm-1")
    await cloud.move_instance(view.instance_id, LIVE, source="h1", timeout_s=60)
    assert verbs(cloud) == ["disable", "enable", "live_migrate", "moved"]


async def test_everything_may_take_longer() -> None:
    clock = VirtualClock()
    cloud = a_cloud(
        *(hosts(2), project(vms(1, on="h1")), "[durations]\nlive_migrate = 5"),
        FAULT + "effect = 'slow'\ndelay_s = 4",
        clock=clock,
    )
    began = clock.now()
    (view,) = (await cloud.inventory()).instances
    assert (clock.now() - began).total_seconds() == 4
    await cloud.move_instance(view.instance_id, LIVE, source="h1", timeout_s=60)
    assert (clock.now() - began).total_seconds() == 4 + 5 + 4


async def test_a_living_cloud_is_disturbed_for_a_while() -> None:
    clock = VirtualClock()
    cloud = a_cloud(hosts(1), clock=clock)
    await clock.sleep_until(clock.now() + timedelta(seconds=100))
    for _ in range(2):
        await cloud.disturb(Fault(effect="unavailable", operation="inventory", for_s=5))
        with pytest.raises(CloudUnavailable):
            await cloud.inventory()
        await clock.sleep_until(clock.now() + timedelta(seconds=5))
        assert await cloud.inventory()
    with pytest.raises(InvalidRequest, match=r"fault.host: nowhere is not described"):
        await cloud.disturb(Fault(effect="refuse", host="nowhere"))


# Projects


async def test_a_project_scales_its_own_application() -> None:
    cloud = a_cloud(hosts(1), project(vms(2)), project(vms(1), id="blue"))
    new = await cloud.boot("red", "small", name="vm-3")
    assert [server.name for server in await cloud.servers("red")] == ["vm-1", "vm-2", "vm-3"]
    with pytest.raises(CloudRefused, match="no valid host"):
        await cloud.boot("red", "small")
    await cloud.delete("red", new)
    assert [server.flavor for server in await cloud.servers("red")] == ["small", "small"]
    assert (await used(cloud))["h1"] == SIZE + SIZE + SIZE


async def test_a_project_does_not_reach_another_s_instances() -> None:
    cloud = a_cloud(hosts(1), project(vms(1)))
    (server,) = await cloud.servers("red")
    for reach in (cloud.delete, cloud.stop):
        with pytest.raises(NotFound):
            await reach("blue", server.instance_id)
    assert await cloud.servers("blue") == ()


async def test_what_cannot_be_booted_is_named() -> None:
    cloud = a_cloud(hosts(1))
    with pytest.raises(InvalidRequest, match="flavor: huge is not known; there are: small"):
        await cloud.boot("red", "huge")
    with pytest.raises(InvalidRequest, match="group: project red has no group g"):
        await cloud.boot("red", "small", group="g")
    assert cloud.flavors == {"small": SIZE}


async def test_deleting_an_instance_on_its_move_ends_both() -> None:
    clock = VirtualClock()
    cloud = a_cloud(hosts(2), project(vms(1, on="h1")), clock=clock)
    (server,) = await cloud.servers("red")
    async with asyncio.TaskGroup() as moves:
        moving = moves.create_task(move(cloud, "vm-1"))
        await clock.sleep_until(clock.now() + timedelta(seconds=1))
        await cloud.delete("red", server.instance_id)
    assert moving.result() == ""
    assert await used(cloud) == {"h1": Resources(), "h2": Resources()}


async def test_ids_are_never_used_again() -> None:
    cloud = a_cloud(hosts(1))
    first = await cloud.boot("red", "small")
    await cloud.delete("red", first)
    assert await cloud.boot("red", "small") != first


# The record


async def test_the_record_tells_the_story_from_the_cloud_s_side() -> None:
    cloud = a_cloud("[durations]\nlive_migrate = 3", hosts(2), project(vms(1, on="h1")))
    await cloud.disable_host("h1", "session 1")
    await cloud.disable_host("h1", "session 1")
    await move(cloud, "vm-1")
    await cloud.enable_host("h1", "session 1")
    record = cloud.operations()
    assert [(each.verb, each.host, each.target) for each in record] == [
        ("disable", "h1", ""),
        ("live_migrate", "h1", "h2"),
        ("moved", "h1", "h2"),
        ("enable", "h1", ""),
    ]
    assert record[0].detail == "session 1"
    assert cloud.operations(after=record[2].number) == record[3:]


async def test_looking_twice_at_an_unchanged_cloud_costs_nothing() -> None:
    cloud = a_cloud(hosts(2), project(vms(2)))
    before = await cloud.inventory()
    assert await cloud.inventory() is before
    await move(cloud, "vm-1")
    after = await cloud.inventory()
    assert after != before
    assert after.instances[1] is before.instances[1]


async def test_a_disk_that_is_full_is_a_cloud_that_is_away() -> None:
    cloud = a_cloud(hosts(2), project(vms(1)))
    database = cloud._state._db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")

    async def fill() -> None:
        for _ in range(200):
            await cloud.set_up("h1", False)

    with pytest.raises(CloudUnavailable, match="cannot be had: database or disk is full"):
        await fill()
    (before,) = database.execute("SELECT count(*) FROM log").fetchone()
    database.execute("PRAGMA max_page_count = 100000")
    await cloud.set_up("h1", True)
    (after,) = database.execute("SELECT count(*) FROM log").fetchone()
    assert after == before + 1, "what could not be written left nothing behind"
