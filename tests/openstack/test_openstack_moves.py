"""Moving instances: how it goes well, how it goes wrong, and how it goes on after a crash."""

from __future__ import annotations

import asyncio

import pytest
from openstack.compute.v2.server import Server

from fenix_grpc.clouds.openstack import OpenStackCloud
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import InstanceAction
from fenix_grpc.ports import MoveResult
from tests.openstack.cloud import Lab, Project

LIVE, COLD = InstanceAction.LIVE_MIGRATE, InstanceAction.MIGRATE
EITHER = pytest.mark.parametrize("how", [LIVE, COLD])


async def move(
    cloud: OpenStackCloud,
    server: Server,
    how: InstanceAction,
    *,
    target: str = "",
    timeout_s: float = 90.0,
) -> MoveResult:
    return await cloud.move_instance(
        server.id, how, source=server.compute_host, target=target, timeout_s=timeout_s
    )


def shown(lab: Lab, server: Server) -> Server:
    after = lab.server(server.id)
    assert after
    return after


def kinds(lab: Lab, server: Server) -> list[tuple[str, str]]:
    return [(row["migration_type"], row["status"]) for row in lab.migrations(server.id)]


@EITHER
async def test_moves_where_it_is_told(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")
    target = lab.other_host(server.compute_host)

    result = await move(cloud, server, how, target=target)

    assert result == MoveResult(host=target)
    after = shown(lab, server)
    assert (after.compute_host, after.status) == (target, "ACTIVE")
    ended = ("live-migration", "completed") if how is LIVE else ("migration", "confirmed")
    assert kinds(lab, server) == [ended]
    assert not any(lab.used(server.compute_host).values())


@EITHER
async def test_lets_the_scheduler_choose(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")

    result = await move(cloud, server, how)

    after = shown(lab, server)
    assert result.host == after.compute_host != server.compute_host


@EITHER
async def test_moves_a_stopped_server_cold_and_leaves_it_stopped(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")
    lab.stop(server.id)

    result = await move(cloud, server, how)

    after = shown(lab, server)
    assert (after.compute_host, after.status) == (result.host, "SHUTOFF")
    assert kinds(lab, server) == [("migration", "confirmed")]


@EITHER
async def test_moves_a_paused_server_live(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")
    lab.admin.compute.pause_server(server.id)
    lab.wait("the pause", lambda: shown(lab, server).status == "PAUSED")

    await move(cloud, server, how)

    assert kinds(lab, server) == [("live-migration", "completed")]
    assert shown(lab, server).status == "PAUSED"


@EITHER
async def test_moves_a_server_that_its_owner_has_locked(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")
    project.connection.compute.lock_server(server.id)

    result = await move(cloud, server, how)

    assert shown(lab, server).compute_host == result.host != server.compute_host
    assert shown(lab, server).is_locked


@EITHER
async def test_tells_what_to_do_about_one_that_nova_never_moves(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")
    lab.admin.compute.suspend_server(server.id)
    lab.wait("the suspension", lambda: shown(lab, server).status == "SUSPENDED")

    with pytest.raises(CloudRefused, match=r"is SUSPENDED.*server resume it.*OWN_ACTION"):
        await move(cloud, server, how)

    assert not kinds(lab, server)
    lab.admin.compute.resume_server(server.id)
    lab.wait("it to run again", lambda: shown(lab, server).status == "ACTIVE")
    assert (await move(cloud, server, how)).host != server.compute_host


@EITHER
async def test_an_instance_that_is_gone_or_elsewhere_is_success(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    gone, elsewhere = lab.boot(project, "web", count=2)
    lab.delete(gone.id)
    other = lab.other_host(elsewhere.compute_host)

    assert await move(cloud, gone, how) == MoveResult(host="")
    result = await cloud.move_instance(elsewhere.id, how, source=other, timeout_s=10.0)
    assert result == MoveResult(host=elsewhere.compute_host)
    assert kinds(lab, elsewhere) == []


async def test_an_instance_deleted_on_its_way_is_success(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    lab.faults(server.compute_host, live_migration_seconds=5)

    async with asyncio.TaskGroup() as tasks:
        moving = tasks.create_task(move(cloud, server, LIVE))
        await asyncio.to_thread(_until_running, lab, server)
        await asyncio.to_thread(lab.delete, server.id)

    assert moving.result() == MoveResult(host="")


async def test_follows_a_live_migration_found_under_way(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    target = lab.other_host(server.compute_host)
    lab.faults(server.compute_host, live_migration_seconds=4)
    lab.admin.compute.live_migrate_server(server.id, host=target, block_migration="auto")

    assert await move(cloud, server, LIVE) == MoveResult(host=target)
    assert kinds(lab, server) == [("live-migration", "completed")]


async def test_confirms_a_cold_migration_found_unconfirmed(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    target = lab.other_host(server.compute_host)
    lab.admin.compute.migrate_server(server.id, host=target)
    lab.wait("VERIFY_RESIZE", lambda: shown(lab, server).status == "VERIFY_RESIZE")

    assert await move(cloud, server, COLD) == MoveResult(host=target)
    assert kinds(lab, server) == [("migration", "confirmed")]


@EITHER
async def test_two_callers_share_one_migration(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")

    results = await asyncio.gather(move(cloud, server, how), move(cloud, server, how))

    assert results[0] == results[1] != MoveResult(host=server.compute_host)
    assert len(lab.migrations(server.id)) == 1


@EITHER
async def test_tells_why_a_group_forbids_the_target(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    one, two = lab.boot(project, "db", count=2, group=lab.group(project, "apart"))

    with pytest.raises(CloudRefused, match=f"still on {one.compute_host}.*No valid host"):
        await move(cloud, one, how, target=two.compute_host)
    assert shown(lab, one).compute_host == one.compute_host
    assert lab.open_migrations(one.id) == []


@EITHER
async def test_tells_of_an_unknown_target(
    lab: Lab, project: Project, cloud: OpenStackCloud, how: InstanceAction
) -> None:
    (server,) = lab.boot(project, "web")

    with pytest.raises(CloudRefused, match="nowhere"):
        await move(cloud, server, how, target="nowhere")


@pytest.mark.parametrize(
    ("where", "fault"),
    [("source", "live_migration"), ("target", "pre_live_migration")],
)
async def test_tells_of_a_failed_live_migration_and_can_try_again(
    lab: Lab, project: Project, cloud: OpenStackCloud, where: str, fault: str
) -> None:
    (server,) = lab.boot(project, "web")
    target = lab.other_host(server.compute_host)
    at_fault = server.compute_host if where == "source" else target
    lab.faults(at_fault, **{fault: "fail"})

    with pytest.raises(CloudRefused, match="live-migration ended as 'failed'"):
        await move(cloud, server, LIVE, target=target)
    assert shown(lab, server).compute_host == server.compute_host
    lab.faults(at_fault)
    assert await move(cloud, server, LIVE, target=target) == MoveResult(host=target)


async def test_tells_of_a_server_broken_by_its_migration(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    target = lab.other_host(server.compute_host)
    lab.faults(target, finish_migration="fail")

    for _ in range(2):  # nor is it taken for success when asked again
        with pytest.raises(CloudRefused, match=f"{server.id} is in ERROR.*repair it"):
            await move(cloud, server, COLD, target=target)
    assert len(lab.migrations(server.id)) == 1


async def test_tells_what_it_waited_for_and_is_followed_later(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    lab.faults(server.compute_host, live_migration_seconds=12)

    with pytest.raises(CloudUnavailable, match=r"4 s passed .* waiting for .*migrating"):
        await move(cloud, server, LIVE, timeout_s=4.0)
    result = await move(cloud, server, LIVE)

    assert result.host == shown(lab, server).compute_host != server.compute_host
    assert kinds(lab, server) == [("live-migration", "completed")]


async def test_tells_of_a_host_that_is_down(
    lab: Lab, project: Project, cloud: OpenStackCloud
) -> None:
    (server,) = lab.boot(project, "web")
    lab.force_down(server.compute_host, True)

    for how in (LIVE, COLD):
        with pytest.raises(CloudRefused, match="unavailable at this time"):
            await move(cloud, server, how)


def _until_running(lab: Lab, server: Server) -> None:
    lab.wait(
        "the migration to run",
        lambda: "running" in [row["status"] for row in lab.migrations(server.id)],
    )
