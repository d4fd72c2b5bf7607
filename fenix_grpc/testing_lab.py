"""The laboratory of the cloud conformance suite, and what its checks ask of it again and again.

Whoever brings a driver implements `CloudLab` for a cloud of that kind; the checks themselves are in testing.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Protocol

from fenix_grpc.core.errors import CloudRefused
from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import HostView, InstanceAction, InstanceView, Resources
from fenix_grpc.ports import Clock, Cloud, MoveResult


class CloudLab(Protocol):
    """A cloud prepared for one check. Apart from `cloud` and `another`, nothing here goes through the driver."""

    @property
    def cloud(self) -> Cloud:
        """The driver under test."""

    @property
    def clock(self) -> Clock:
        """The time that the cloud keeps."""

    @property
    def hosts(self) -> Sequence[str]:
        """At least three compute hosts, in service, without instances; each has room for three of `size`."""

    @property
    def projects(self) -> tuple[str, str]:
        """Ids of two projects without instances."""

    @property
    def size(self) -> Resources:
        """What `boot` boots."""

    @property
    def patience_s(self) -> float:
        """Seconds in which any one operation has surely ended."""

    @property
    def poll_s(self) -> float:
        """Seconds between two looks while something is awaited."""

    def another(self) -> Cloud:
        """A second driver to the same cloud, as another process would have. The lab closes it."""

    async def boot(self, project_id: str, host: str, group_id: str = "") -> str:
        """A new running instance on `host`; returns its id."""

    async def stop(self, instance_id: str) -> None:
        """Shuts an instance off."""

    async def delete(self, instance_id: str) -> None:
        """Deletes an instance; returns when it is gone."""

    async def add_group(self, project_id: str, max_per_host: int) -> str:
        """A new anti-affinity group; returns its id."""

    async def disable(self, host: str, reason: str) -> None:
        """Disables a host as some other operator would, whether or not it is disabled already."""

    async def stick(self, host: str) -> None:
        """Live migrations from this host never end from now on, unless they are forced or aborted."""

    async def bury(self, host: str) -> None:
        """The cloud takes the host for dead from now on; nothing runs there any more."""

    async def moves(self, instance_id: str) -> int:
        """How many moves of an instance the cloud has begun."""


async def host_of(lab: CloudLab, host: str) -> HostView:
    """The host as the driver shows it now."""
    found = [view for view in (await lab.cloud.inventory()).hosts if view.host == host]
    assert len(found) == 1, f"the inventory shows host {host} {len(found)} times"
    return found[0]


async def instance_of(lab: CloudLab, instance_id: str) -> InstanceView | None:
    """The instance as the driver shows it now."""
    views = (await lab.cloud.inventory()).instances
    found = [view for view in views if view.instance_id == instance_id]
    assert len(found) <= 1, f"the inventory shows instance {instance_id} {len(found)} times"
    return found[0] if found else None


async def move(
    lab: CloudLab,
    instance_id: str,
    how: InstanceAction,
    source: str,
    target: str = "",
    cloud: Cloud | None = None,
    live: LiveRule | None = None,
) -> MoveResult:
    """A move through the driver under test, or through another `cloud`."""
    return await (cloud or lab.cloud).move_instance(
        instance_id, how, source=source, target=target, timeout_s=lab.patience_s, live=live
    )


async def assert_refused(doing: Awaitable[object], what: str) -> None:
    """What is done is refused, with a reason."""
    try:
        await doing
    except CloudRefused as err:
        reason = str(err)
    else:
        raise AssertionError(f"{what}: was not refused")
    assert reason, f"{what}: the refusal gives no reason"


async def until_moving(lab: CloudLab, instance_id: str, source: str) -> None:
    """Until a move of the instance is seen to have begun."""
    give_up_at = lab.clock.now() + timedelta(seconds=lab.patience_s)
    while (view := await instance_of(lab, instance_id)) and (view.status, view.host) == (
        "ACTIVE",
        source,
    ):
        assert lab.clock.now() < give_up_at, f"no move of instance {instance_id} was seen"
        await lab.clock.sleep_until(lab.clock.now() + timedelta(seconds=lab.poll_s))


async def assert_settled(
    lab: CloudLab, instance_id: str, host: str, status: str = "ACTIVE", moves: int = 1
) -> None:
    """The instance is on `host` with nothing left open, and holds capacity there and nowhere else."""
    view = await instance_of(lab, instance_id)
    assert view is not None, f"instance {instance_id} is gone"
    assert view.host == host, f"instance {instance_id} is on {view.host}, not on {host}"
    assert view.status == status, f"instance {instance_id} is {view.status}, not {status}"
    began = await lab.moves(instance_id)
    assert began == moves, f"instance {instance_id} was moved {began} times, not {moves}"
    await assert_counted(lab)


async def assert_counted(lab: CloudLab) -> None:
    """Every host holds capacity for exactly the instances that are on it."""
    inventory = await lab.cloud.inventory()
    for host in inventory.hosts:
        sizes = [view.size for view in inventory.instances if view.host == host.host]
        held = sum(sizes, Resources())
        if host.host in lab.hosts:
            assert host.used == held, f"{host.host} holds {host.used} for instances of {held}"
