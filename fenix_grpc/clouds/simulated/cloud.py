"""The simulated cloud: a reference implementation of the Cloud port, and what else its users can do in it.

Three kinds of users share one cloud, as in Nova: fenix through the port, projects that scale their own application, and
whoever looks after the hosts. This module adds time and waiting to the rules of compute.py and holds no state, so that
any number of processes may open the same cloud. Database calls are made on the event loop: they are short, and this is
a simulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec

from fenix_grpc.clouds.simulated.chance import Attempt, Chance
from fenix_grpc.clouds.simulated.compute import Compute
from fenix_grpc.clouds.simulated.definition import Definition, Fault, check, check_fault, load
from fenix_grpc.clouds.simulated.difficult import Difficult
from fenix_grpc.clouds.simulated.population import populate
from fenix_grpc.clouds.simulated.rows import Operation, Work, from_us, to_us
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable, InvalidRequest, NotFound
from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import HostView, InstanceAction, InstanceView, Inventory, Resources
from fenix_grpc.ports import Clock, MoveResult

#: What ends later than this never ends.
_STUCK = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An instance as its owner sees it; owners do not see hosts (nova API: hostId only)."""

    instance_id: str
    name: str
    flavor: str
    #: Name of its anti-affinity group; empty for none.
    group: str
    status: str


class SimulatedCloud:
    """A cloud of rows. The first to open a state creates the cloud; the others, and later ones, find it as it is."""

    def __init__(self, definition: Definition, clock: Clock, state: str = "") -> None:
        """`state` is the path of its database; without one the cloud lives in this object.

        Raises InvalidRequest when the definition is wrong, or is not the one that the state was created from.
        """
        check(definition)
        self._clock = clock
        self._definition = definition
        self._state = State(state)
        try:
            with self._state.transaction():
                self._open(state)
        except BaseException:
            self._state.close()
            raise

    @classmethod
    def open(cls, file: Path | str, *, clock: Clock, state: str = "") -> SimulatedCloud:
        """The cloud that a file describes."""
        return cls(load(Path(file)), clock, state)

    def _open(self, path: str) -> None:
        definition = msgspec.json.encode(self._definition).decode()
        now_us = to_us(self._clock.now())
        created = self._state.create({"definition": definition, "created_us": str(now_us)})
        if self._state.meta("definition") != definition:
            raise InvalidRequest(
                "state", f"{path} was created from another description; remove it to begin anew"
            )
        self._chance = Chance(self._state, self._definition, int(self._state.meta("created_us")))
        self._compute = Compute(self._state, self._definition, self._chance)
        self._difficult = Difficult(self._state, self._compute, self._chance)
        if created:
            populate(self._state, self._compute, self._definition)

    @contextmanager
    def _now(self) -> Iterator[int]:
        """A transaction at the present time, with everything settled that ended before."""
        with self._state.transaction():
            now_us = to_us(self._clock.now())
            self._compute.settle(now_us)
            yield now_us

    # The Cloud port

    async def inventory(self) -> Inventory:
        """All hosts, all instances and their groups, as they are now."""
        attempt = Attempt(operation="inventory")
        with self._now() as now_us:
            fault = self._chance.strike(now_us, attempt)
            seen = self._state.inventory()
        await self._answer(now_us, attempt, fault)
        return seen

    async def disable_host(self, host: str, reason: str) -> None:
        """Keeps new instances off a compute host."""
        attempt = Attempt(operation="disable", host=host)
        with self._now() as now_us:
            fault = self._chance.strike(now_us, attempt)
            if not self._ours(host, reason).enabled:
                return
            self._state.set_enabled(host, False, reason)
            self._state.log(now_us, "disable", host, host=host, detail=reason)
        await self._answer(now_us + self._chance.duration_us(attempt), attempt, fault)

    async def enable_host(self, host: str, reason: str) -> None:
        """Gives a host back to the scheduler."""
        attempt = Attempt(operation="enable", host=host)
        with self._now() as now_us:
            fault = self._chance.strike(now_us, attempt)
            if self._ours(host, reason).enabled:
                return
            self._state.set_enabled(host, True, "")
            self._state.log(now_us, "enable", host, host=host, detail=reason)
        await self._answer(now_us + self._chance.duration_us(attempt), attempt, fault)

    async def remove_host(self, host: str, reason: str) -> None:
        """Takes a host out of the cloud for good."""
        attempt = Attempt(operation="remove", host=host)
        with self._now() as now_us:
            fault = self._chance.strike(now_us, attempt)
            if self._state.host(host) is not None:
                self._refuse_removal(self._ours(host, reason))
                self._state.remove_host(host)
                self._state.log(now_us, "remove", host, host=host, detail=reason)
        await self._answer(now_us + self._chance.duration_us(attempt), attempt, fault)

    def _refuse_removal(self, view: HostView) -> None:
        if view.enabled:
            raise CloudRefused(f"host {view.host} is in service")
        if view.up:
            raise CloudRefused(f"the service of host {view.host} runs: it would enter itself again")
        if view.used != Resources():
            raise CloudRefused(f"host {view.host} is not empty: {view.used} are in use")

    async def move_instance(
        self,
        instance_id: str,
        how: InstanceAction,
        *,
        source: str,
        target: str = "",
        timeout_s: float,
        live: LiveRule | None = None,
    ) -> MoveResult:
        """Returns when the instance is not on `source` any more and no operation is left open on it.

        A stopped instance is moved cold, however it was to be moved. CloudUnavailable after `timeout_s`: the move goes
        on, and a later call follows it.
        """
        if how is InstanceAction.OWN_ACTION:
            raise InvalidRequest("how", "an own action is the project's to perform")
        give_up_at = self._clock.now() + timedelta(seconds=timeout_s)
        last: Work | None = None
        while True:
            with self._now() as now_us:
                self._compute.confirm(now_us, instance_id)
                instance = self._state.instance(instance_id)
                work = self._state.work(instance_id)
                if instance is None:
                    return MoveResult(host="")
                if work is None:
                    if instance.status == "ERROR":
                        raise CloudRefused(f"instance {instance_id} is in ERROR on {instance.host}")
                    if instance.host != source:
                        return MoveResult(host=instance.host)
                    if last and last.verb != "boot":
                        why = f"failed: {last.failure}" if last.failure else "was aborted"
                        raise CloudRefused(
                            f"instance {instance_id} is still on {source}:"
                            f" its move to {last.target} {why}"
                        )
                    work = self._compute.begin_move(now_us, instance, how, target)
                work, aborted = self._difficult.interfere(now_us, work, live)
                if work is None:
                    raise CloudRefused(f"instance {instance_id} is still on {source}: {aborted}")
                look_us = self._difficult.next_us(now_us, work, live)
            if self._clock.now() >= give_up_at:
                raise CloudUnavailable(
                    f"instance {instance_id} has not left {source} after {timeout_s} s"
                )
            last = work
            await self._clock.sleep_until(min(from_us(look_us), give_up_at))

    async def evacuate_instance(
        self, instance_id: str, *, source: str, target: str = "", timeout_s: float
    ) -> MoveResult:
        """Builds an instance of a dead host again on another one."""
        give_up_at = self._clock.now() + timedelta(seconds=timeout_s)
        while True:
            with self._now() as now_us:
                self._compute.confirm(now_us, instance_id)
                instance = self._state.instance(instance_id)
                work = self._state.work(instance_id)
                if instance is None:
                    return MoveResult(host="")
                if instance.host != source and work is None:
                    return MoveResult(host=instance.host)
                if work is None or (work.verb != "evacuate" and instance.host == source):
                    work = self._difficult.begin_evacuation(now_us, instance, work, target)
                look_us = self._difficult.next_us(now_us, work, None)
            if self._clock.now() >= give_up_at:
                raise CloudUnavailable(
                    f"instance {instance_id} has not left {source} after {timeout_s} s"
                )
            await self._clock.sleep_until(min(from_us(look_us), give_up_at))

    async def aclose(self) -> None:
        """Closes the database; what goes on in the cloud goes on."""
        self._state.close()

    def _ours(self, host: str, reason: str) -> HostView:
        """A compute host that nobody has disabled for another reason than `reason`. Raises CloudRefused."""
        view = self._compute.compute_host(host)
        if not view.enabled and view.disabled_reason != reason:
            raise CloudRefused(f"host {host} is disabled by somebody else: {view.disabled_reason}")
        return view

    async def _answer(self, ends_us: int, attempt: Attempt, fault: Fault | None) -> None:
        """Lets the time pass until an attempt ends, and longer where a fault says so. Raises CloudUnavailable."""
        await self._clock.sleep_until(from_us(ends_us + self._chance.delay_us(fault)))
        self._chance.answer(fault, attempt)

    # For projects: only their own application

    @property
    def flavors(self) -> Mapping[str, Resources]:
        """What can be booted."""
        return {name: flavor.size for name, flavor in self._definition.flavors.items()}

    async def servers(self, project_id: str) -> tuple[Server, ...]:
        """The project's instances, oldest first."""
        attempt = Attempt(operation="servers")
        with self._now() as now_us:
            fault = self._chance.strike(now_us, attempt)
            found = tuple(
                Server(
                    instance_id=view.instance_id,
                    name=view.instance_name,
                    flavor=flavor,
                    group=group.group_name if (group := self._compute.group_of(view)) else "",
                    status=view.status,
                )
                for view, flavor in self._state.instances_of(project_id)
            )
        await self._answer(now_us, attempt, fault)
        return found

    async def boot(
        self, project_id: str, flavor: str, *, name: str = "", group: str = "", host: str = ""
    ) -> str:
        """Begins to boot an instance and returns its id; the scheduler chooses unless a `host` is named.

        Raises CloudRefused when there is no room.
        """
        with self._now() as now_us:
            new = self._compute.new_instance(project_id, flavor, name, group)
            attempt = Attempt(operation="boot", host=host, instance=new)
            fault = self._chance.strike(now_us, attempt)
            placed = replace(new, host=self._compute.place(new, host))
            self._compute.boot(now_us, placed, flavor)
        await self._answer(now_us, attempt, fault)
        return placed.instance_id

    async def delete(self, project_id: str, instance_id: str) -> None:
        """Deletes an instance, whatever goes on with it. Raises NotFound when the project has no such instance."""
        with self._now() as now_us:
            instance = self._own(project_id, instance_id)
            attempt = Attempt(operation="delete", host=instance.host, instance=instance)
            fault = self._chance.strike(now_us, attempt)
            self._state.remove_instance(instance)
            self._state.log(now_us, "delete", instance_id, host=instance.host)
        await self._answer(now_us, attempt, fault)

    async def stop(self, project_id: str, instance_id: str) -> None:
        """Shuts an instance off; one that is shut off stays so. Raises CloudRefused while something goes on with it."""
        with self._now() as now_us:
            instance = self._own(project_id, instance_id)
            if instance.status not in ("ACTIVE", "SHUTOFF"):
                raise CloudRefused(f"instance {instance_id} is in status {instance.status}")
            self._state.set_instance(instance_id, host=instance.host, status="SHUTOFF")
            self._state.log(now_us, "stop", instance_id, host=instance.host)

    async def add_group(self, project_id: str, name: str, max_per_host: int = 1) -> str:
        """Makes an anti-affinity group and returns its id."""
        with self._now():
            return self._compute.new_group(project_id, name, max_per_host)

    def _own(self, project_id: str, instance_id: str) -> InstanceView:
        instance = self._state.instance(instance_id)
        if instance is None or instance.project_id != project_id:
            raise NotFound("instance", instance_id)
        return instance

    # For whoever looks after the hosts, or wants to see what happens when they do not

    async def disturb(self, fault: Fault) -> None:
        """Lets a fault loose in the living cloud; its times count from now. Raises InvalidRequest."""
        with self._now() as now_us:
            check_fault(fault, {host.host for host in self._state.inventory().hosts})
            self._state.add_disturbance(now_us, msgspec.json.encode(fault).decode())

    async def set_enabled(self, host: str, enabled: bool, reason: str = "") -> None:
        """Enables or disables a host whatever it was before, as an operator may at any time."""
        with self._now() as now_us:
            self._compute.compute_host(host)
            self._state.set_enabled(host, enabled, "" if enabled else reason)
            verb = "enable" if enabled else "disable"
            self._state.log(now_us, verb, host, host=host, detail=reason)

    async def add_host(self, view: HostView) -> None:
        """Another host, empty. Raises CloudRefused for one that is there."""
        with self._now() as now_us:
            if self._state.host(view.host) is not None:
                raise CloudRefused(f"host {view.host} is there")
            self._state.add_host(view)
            self._state.log(now_us, "add", view.host, host=view.host)

    async def set_up(self, host: str, up: bool) -> None:
        """Lets the services of a host fail, or report again. Raises CloudRefused for a host that is not known."""
        with self._now() as now_us:
            if self._state.host(host) is None:
                raise CloudRefused(f"host {host} is not known")
            self._state.set_up(host, up)
            if up:
                self._state.release_evacuated(host)
            self._state.log(now_us, "up" if up else "down", host, host=host)

    async def set_trouble(self, host: str, trouble: str) -> None:
        """Something besides the services of a host fails, or works again (empty). Raises CloudRefused for a host that
        is not known."""
        with self._now() as now_us:
            if self._state.host(host) is None:
                raise CloudRefused(f"host {host} is not known")
            self._state.set_trouble(host, trouble)
            self._state.log(now_us, "trouble", host, host=host, detail=trouble)

    async def abort_stuck(self) -> None:
        """Aborts all live migrations that never end, as an operator may."""
        with self._now() as now_us:
            for work in self._state.stuck(to_us(self._clock.now() + _STUCK)):
                self._difficult.abort(now_us, work)

    def operations(self, after: int = 0) -> tuple[Operation, ...]:
        """What happened in the cloud past an operation's number, in order: the cloud's side of every story."""
        with self._now():
            return tuple(self._state.operations(after))
