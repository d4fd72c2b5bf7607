"""The conformance suite of `ports.Cloud`: the sentences of its docstrings, as checks.

A driver passes when it passes every check on a cloud of its own kind, which a `CloudLab` prepares and looks at from the
side. The checks know nothing else: they run alike on a simulated cloud in no time and on a real one in minutes. One
that is not passed raises AssertionError, or what the driver raised. Needs no test framework:

    for check in CLOUD_CHECKS:
        async with open_a_lab() as lab:
            await check(lab)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import HostKind, InstanceAction, Resources
from fenix_grpc.testing_lab import (
    CloudLab,
    assert_counted,
    assert_refused,
    assert_settled,
    host_of,
    instance_of,
    move,
    until_moving,
)

__all__ = ["CLOUD_CHECKS", "CloudCheck", "CloudLab", "OpenCloudLab", "check_cloud"]

REASON = "fenix session conformance"
FOREIGN = "broken fan, ticket 4711"
NOWHERE = "no-such-host"
BOTH_WAYS = (InstanceAction.MIGRATE, InstanceAction.LIVE_MIGRATE)


OpenCloudLab = Callable[[], AbstractAsyncContextManager[CloudLab]]
CloudCheck = Callable[[CloudLab], Awaitable[None]]


async def check_cloud(open_lab: OpenCloudLab) -> None:
    """Runs every check, each in a lab of its own."""
    for check in CLOUD_CHECKS:
        async with open_lab() as lab:
            await check(lab)


# inventory: all hosts, all instances of all projects on them, and their groups, as they are now


async def shows_hosts_with_capacity(lab: CloudLab) -> None:
    """Hosts come with their kind, capacity and service."""
    for name in lab.hosts:
        host = await host_of(lab, name)
        assert host.kind is HostKind.COMPUTE, f"{name} is {host.kind}"
        assert host.enabled, f"{name} is shown as disabled"
        assert host.up, f"{name} is shown as down"
        assert not host.disabled_reason, f"{name} has a reason to be disabled though it is enabled"
        three = lab.size + lab.size + lab.size
        assert three.fits(host.capacity), f"{name} has a capacity of {host.capacity} only"
        assert host.used == Resources(), f"{name} is empty but holds {host.used}"


async def shows_instances_of_all_projects(lab: CloudLab) -> None:
    """Instances come with owner, host, size and status, whoever owns them."""
    for project_id in lab.projects:
        instance_id = await lab.boot(project_id, lab.hosts[0])
        view = await instance_of(lab, instance_id)
        assert view is not None, f"instance {instance_id} of project {project_id} is not shown"
        assert view.project_id == project_id, f"it is shown as of project {view.project_id}"
        assert view.host == lab.hosts[0], f"it is shown on {view.host}"
        assert view.size == lab.size, f"it is shown with {view.size}"
        assert view.status == "ACTIVE", f"it is shown as {view.status}"
        assert view.groups == (), f"it is shown in groups {view.groups}"
    await assert_counted(lab)


async def shows_groups_and_their_members(lab: CloudLab) -> None:
    """Groups come with their limit, and members with their groups."""
    group_id = await lab.add_group(lab.projects[0], 2)
    instance_id = await lab.boot(lab.projects[0], lab.hosts[0], group_id)
    found = [group for group in (await lab.cloud.inventory()).groups if group.group_id == group_id]
    assert len(found) == 1, f"group {group_id} is shown {len(found)} times"
    assert found[0].max_per_host == 2, f"its limit is shown as {found[0].max_per_host}"
    view = await instance_of(lab, instance_id)
    assert view is not None, f"instance {instance_id} is not shown"
    assert view.groups == (group_id,), f"it is shown in groups {view.groups}"


async def shows_what_is_now(lab: CloudLab) -> None:
    """A look is not an old one."""
    instance_id = await lab.boot(lab.projects[0], lab.hosts[0])
    assert await instance_of(lab, instance_id), "a new instance is not shown"
    await lab.stop(instance_id)
    view = await instance_of(lab, instance_id)
    assert view is not None, "a stopped instance is not shown"
    assert view.status == "SHUTOFF", f"a stopped instance is shown as {view.status}"
    await lab.delete(instance_id)
    assert await instance_of(lab, instance_id) is None, "a deleted instance is shown"
    await lab.disable(lab.hosts[0], FOREIGN)
    host = await host_of(lab, lab.hosts[0])
    assert not host.enabled, "a disabled host is shown as enabled"
    assert host.disabled_reason == FOREIGN, f"its reason is shown as {host.disabled_reason!r}"


# disable_host and enable_host


async def disables_once(lab: CloudLab) -> None:
    """The reason is kept with the host; the same again changes nothing; no other host is touched."""
    for _ in range(2):
        await lab.cloud.disable_host(lab.hosts[0], REASON)
        host = await host_of(lab, lab.hosts[0])
        assert not host.enabled, "it is still enabled"
        assert host.disabled_reason == REASON, f"its reason is {host.disabled_reason!r}"
    assert (await host_of(lab, lab.hosts[1])).enabled, "another host was disabled too"


async def keeps_instances_off_disabled_hosts(lab: CloudLab) -> None:
    """Nothing comes to a disabled host, neither by the scheduler's choice nor by name; what is there stays."""
    here, there, *others = lab.hosts
    instance_id = await lab.boot(lab.projects[0], here)
    for host in others:
        await lab.cloud.disable_host(host, REASON)
    how = InstanceAction.MIGRATE
    await assert_refused(move(lab, instance_id, how, here, others[0]), "a move to a disabled host")
    await lab.cloud.disable_host(here, REASON)
    moved = await move(lab, instance_id, how, here)
    assert moved.host == there, f"it went to {moved.host}, not to the only enabled host {there}"


async def leaves_what_others_disabled(lab: CloudLab) -> None:
    """A host that somebody else disabled is neither taken over nor enabled."""
    name = lab.hosts[0]
    await lab.disable(name, FOREIGN)
    await assert_refused(lab.cloud.disable_host(name, REASON), "disabling a host of somebody else")
    await assert_refused(lab.cloud.enable_host(name, REASON), "enabling a host of somebody else")
    host = await host_of(lab, name)
    assert not host.enabled, "the host of somebody else was enabled"
    assert host.disabled_reason == FOREIGN, f"its reason became {host.disabled_reason!r}"


async def leaves_what_others_disabled_since(lab: CloudLab) -> None:
    """Our own host, taken over by somebody else, is theirs."""
    name = lab.hosts[0]
    await lab.cloud.disable_host(name, REASON)
    await lab.disable(name, FOREIGN)
    await assert_refused(lab.cloud.enable_host(name, REASON), "enabling a host taken over since")
    host = await host_of(lab, name)
    assert not host.enabled, "the host of somebody else was enabled"
    assert host.disabled_reason == FOREIGN, f"its reason became {host.disabled_reason!r}"


async def enables_what_it_disabled(lab: CloudLab) -> None:
    """Also by another process; an enabled host is left as it is."""
    name = lab.hosts[0]
    await lab.cloud.disable_host(name, REASON)
    for cloud in (lab.another(), lab.cloud):
        await cloud.enable_host(name, REASON)
        host = await host_of(lab, name)
        assert host.enabled, "it is still disabled"
        assert not host.disabled_reason, f"it keeps the reason {host.disabled_reason!r}"


async def refuses_unknown_hosts(lab: CloudLab) -> None:
    """There is no such host."""
    await assert_refused(lab.cloud.disable_host(NOWHERE, REASON), "disabling an unknown host")
    await assert_refused(lab.cloud.enable_host(NOWHERE, REASON), "enabling an unknown host")
    instance_id = await lab.boot(lab.projects[0], lab.hosts[0])
    moving = move(lab, instance_id, InstanceAction.MIGRATE, lab.hosts[0], NOWHERE)
    await assert_refused(moving, "a move to an unknown host")
    await assert_settled(lab, instance_id, lab.hosts[0], moves=0)


# move_instance


async def moves_to_the_target(lab: CloudLab) -> None:
    """Either way; a call again finds it done, with nothing left open."""
    here, there = lab.hosts[:2]
    for how in BOTH_WAYS:
        instance_id = await lab.boot(lab.projects[0], here)
        for cloud in (lab.cloud, lab.another()):
            moved = await move(lab, instance_id, how, here, there, cloud)
            assert moved.host == there, f"{how}: it is said to be on {moved.host!r}"
            await assert_settled(lab, instance_id, there)


async def moves_where_the_scheduler_likes(lab: CloudLab) -> None:
    """Anywhere else, and the result says where."""
    for how in BOTH_WAYS:
        instance_id = await lab.boot(lab.projects[0], lab.hosts[0])
        moved = await move(lab, instance_id, how, lab.hosts[0])
        assert moved.host not in ("", lab.hosts[0]), f"{how}: it is said to be on {moved.host!r}"
        await assert_settled(lab, instance_id, moved.host)


async def keeps_stopped_instances_stopped(lab: CloudLab) -> None:
    """Either way."""
    here, there = lab.hosts[:2]
    for how in BOTH_WAYS:
        instance_id = await lab.boot(lab.projects[0], here)
        await lab.stop(instance_id)
        moved = await move(lab, instance_id, how, here, there)
        assert moved.host == there, f"{how}: it is said to be on {moved.host!r}"
        await assert_settled(lab, instance_id, there, status="SHUTOFF")


async def finds_instances_gone_or_elsewhere(lab: CloudLab) -> None:
    """Nothing is left to do, which is success."""
    here, there, source = lab.hosts[:3]
    for how in BOTH_WAYS:
        gone = await lab.boot(lab.projects[0], here)
        await lab.delete(gone)
        moved = await move(lab, gone, how, here, there)
        assert moved.host == "", f"{how}: an instance that is gone is said to be on {moved.host}"
        elsewhere = await lab.boot(lab.projects[0], here)
        moved = await move(lab, elsewhere, how, source, there)
        assert moved.host == here, f"{how}: it is said to be on {moved.host!r}, not on {here}"
        await assert_settled(lab, elsewhere, here, moves=0)


async def follows_a_move_in_progress(lab: CloudLab) -> None:
    """Two callers, one move, whichever of them began it."""
    here, there = lab.hosts[:2]
    for how in BOTH_WAYS:
        instance_id = await lab.boot(lab.projects[0], here)
        both = (lab.cloud, lab.another())
        moved = await asyncio.gather(
            *(move(lab, instance_id, how, here, there, cloud) for cloud in both)
        )
        assert [each.host for each in moved] == [there, there], f"{how}: it is said to be {moved}"
        await assert_settled(lab, instance_id, there)


async def takes_over_from_a_dead_caller(lab: CloudLab) -> None:
    """The first caller dies half-way; another one's call ends as the first would have."""
    here, there = lab.hosts[:2]
    for how in BOTH_WAYS:
        instance_id = await lab.boot(lab.projects[0], here)
        first = asyncio.gather(move(lab, instance_id, how, here, there))
        try:
            await until_moving(lab, instance_id, here)
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        moved = await move(lab, instance_id, how, here, there, lab.another())
        assert moved.host == there, f"{how}: it is said to be on {moved.host!r}"
        await assert_settled(lab, instance_id, there)


async def refuses_to_break_a_group(lab: CloudLab) -> None:
    """Anti-affinity holds when a target is named, and when none is left to choose."""
    here, there, *others = lab.hosts
    group_id = await lab.add_group(lab.projects[0], 1)
    first = await lab.boot(lab.projects[0], here, group_id)
    await lab.boot(lab.projects[0], there, group_id)
    for host in others:
        await lab.cloud.disable_host(host, REASON)
    for how in BOTH_WAYS:
        for target in (there, ""):
            moving = move(lab, first, how, here, target)
            await assert_refused(moving, f"{how} to {target or 'any host'}, against the group")
            view = await instance_of(lab, first)
            assert view is not None, "the instance is gone"
            assert (view.host, view.status) == (here, "ACTIVE"), (
                f"it is {view.status} on {view.host}"
            )
    await assert_counted(lab)


async def aborts_what_is_slow(lab: CloudLab) -> None:
    """At its time, counted from the beginning of the migration; whoever follows it hears the same."""
    here, there = lab.hosts[:2]
    instance_id = await lab.boot(lab.projects[0], here)
    await lab.stick(here)
    how, rule = InstanceAction.LIVE_MIGRATE, LiveRule(abort_s=3.0)
    both = (lab.cloud, lab.another())
    await asyncio.gather(
        *(
            assert_refused(move(lab, instance_id, how, here, there, cloud, rule), "what is slow")
            for cloud in both
        )
    )
    view = await instance_of(lab, instance_id)
    assert view is not None, "the instance is gone"
    assert (view.host, view.status) == (here, "ACTIVE"), f"it is {view.status} on {view.host}"
    await assert_counted(lab)


async def forces_what_is_slow(lab: CloudLab) -> None:
    """At its time; then it ends well."""
    here, there = lab.hosts[:2]
    instance_id = await lab.boot(lab.projects[0], here)
    await lab.stick(here)
    how, rule = InstanceAction.LIVE_MIGRATE, LiveRule(force_s=3.0)
    moved = await move(lab, instance_id, how, here, there, live=rule)
    assert moved.host == there, f"it is said to be on {moved.host!r}"
    await assert_settled(lab, instance_id, there)


async def evacuates_the_dead_only(lab: CloudLab) -> None:
    """An instance is built again elsewhere once its host is dead, and not before; a call again finds it done."""
    here, there = lab.hosts[:2]
    instance_id = await lab.boot(lab.projects[0], here)
    refused = lab.cloud.evacuate_instance(
        instance_id, source=here, target=there, timeout_s=lab.patience_s
    )
    await assert_refused(refused, "an evacuation from a host that reports")
    await lab.cloud.disable_host(here, REASON)
    await lab.bury(here)
    for cloud in (lab.cloud, lab.another()):
        moved = await cloud.evacuate_instance(
            instance_id, source=here, target=there, timeout_s=lab.patience_s
        )
        assert moved.host == there, f"it is said to be on {moved.host!r}"
    view = await instance_of(lab, instance_id)
    assert view is not None, "the instance is gone"
    assert (view.host, view.status) == (there, "ACTIVE"), f"it is {view.status} on {view.host}"


async def removes_nothing_that_serves(lab: CloudLab) -> None:
    """A host leaves the cloud only when it is taken out of service and stopped; one that is not there stays away."""
    host = lab.hosts[0]
    await assert_refused(lab.cloud.remove_host(host, REASON), "the removal of a host in service")
    await lab.cloud.disable_host(host, REASON)
    await assert_refused(lab.cloud.remove_host(host, REASON), "the removal of a running host")
    await assert_refused(lab.cloud.remove_host(host, "another"), "the removal for somebody else")
    await lab.cloud.remove_host("no-such-host", REASON)
    view = await host_of(lab, host)
    assert view is not None, f"host {host} is gone"
    await lab.cloud.enable_host(host, REASON)


CLOUD_CHECKS: tuple[CloudCheck, ...] = (
    shows_hosts_with_capacity,
    shows_instances_of_all_projects,
    shows_groups_and_their_members,
    shows_what_is_now,
    disables_once,
    keeps_instances_off_disabled_hosts,
    leaves_what_others_disabled,
    leaves_what_others_disabled_since,
    enables_what_it_disabled,
    refuses_unknown_hosts,
    moves_to_the_target,
    moves_where_the_scheduler_likes,
    keeps_stopped_instances_stopped,
    finds_instances_gone_or_elsewhere,
    follows_a_move_in_progress,
    takes_over_from_a_dead_caller,
    refuses_to_break_a_group,
    aborts_what_is_slow,
    forces_what_is_slow,
    evacuates_the_dead_only,
    removes_nothing_that_serves,
)
