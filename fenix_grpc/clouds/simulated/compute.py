"""What may happen in the simulated cloud and what then does: Nova's rules, reduced to what maintenance meets.

Capacity counts in three dimensions and is held on both ends of a move; the scheduler uses enabled hosts whose service
reports and keeps anti-affinity, also when a target is named; a cold migration waits for its confirmation (nova API:
VERIFY_RESIZE). Time is a number handed in, and nothing waits here. Every method is called inside a transaction and
checks before it writes, so that a refusal leaves nothing half done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from uuid import NAMESPACE_OID, uuid5

from fenix_grpc.clouds.simulated.chance import Attempt, Chance
from fenix_grpc.clouds.simulated.definition import Definition
from fenix_grpc.clouds.simulated.rows import Work
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused, InvalidRequest
from fenix_grpc.core.model import GroupView, HostKind, HostView, InstanceAction, InstanceView

MoveVerb = Literal["live_migrate", "cold_migrate"]
#: The cloud's word for an instance on its move (nova API: a cold migration is a resize to the same flavor).
_MOVING = {"live_migrate": "MIGRATING", "cold_migrate": "RESIZE"}


class Compute:
    """The rules over the rows."""

    def __init__(self, state: State, definition: Definition, chance: Chance) -> None:
        self._state = state
        self._definition = definition
        self._chance = chance

    # Placement

    def compute_host(self, host: str) -> HostView:
        """A host that has a compute service. Raises CloudRefused for any other."""
        view = self._state.host(host)
        if view is None or view.kind is not HostKind.COMPUTE:
            raise CloudRefused(f"host {host} has no compute service")
        return view

    def place(self, instance: InstanceView, target: str, *, in_service: bool = True) -> str:
        """Where `instance` may go: `target`, or the scheduler's choice of another host. Raises CloudRefused.

        `in_service=False` is for instances that were on their target before anything happened to it.
        """
        group = self.group_of(instance)
        if not target:
            host = self._state.roomiest(instance.size, group, besides=instance.host)
            if not host:
                raise CloudRefused(
                    f"no valid host for {_label(instance)}: none in service has {instance.size} free"
                    + (f" and room in its group {group.group_name}" if group else "")
                )
            return host
        view = self.compute_host(target)
        problem = self._room_problem(view, instance, group)
        if in_service:
            problem = _service_problem(view) or problem
        if problem:
            raise CloudRefused(f"{_label(instance)} cannot go to host {target}: {problem}")
        return target

    def _room_problem(self, host: HostView, instance: InstanceView, group: GroupView | None) -> str:
        free = host.capacity - host.used
        if host.host == instance.host:
            return "it is there"
        source = self._state.host(instance.host) if instance.host else None
        if source is not None and source.pool != host.pool:
            return f"it is in {source.pool}, the host in {host.pool} (zone and aggregates)"
        if not instance.size.fits(free):
            return f"it needs {instance.size}, free are {free}"
        if group and self._state.members_on(host.host, group.group_id) >= group.max_per_host:
            return f"its group {group.group_name} allows no more than {group.max_per_host} there"
        return ""

    # Instances

    def new_group(self, project_id: str, name: str, max_per_host: int) -> str:
        """Adds an anti-affinity group and returns its id. Raises InvalidRequest when its name is taken."""
        if self._state.group_named(project_id, name):
            raise InvalidRequest("group", f"project {project_id} has a group {name} already")
        group_id = self._id(f"group/{project_id}/{name}")
        self._state.add_group(
            GroupView(group_id=group_id, group_name=name, max_per_host=max_per_host), project_id
        )
        return group_id

    def group_of(self, instance: InstanceView) -> GroupView | None:
        """The group that an instance is a member of."""
        return self._state.group(instance.groups[0]) if instance.groups else None

    def new_instance(self, project_id: str, flavor: str, name: str, group: str) -> InstanceView:
        """An instance as asked for, not placed yet. Raises InvalidRequest for an unknown flavor or group."""
        if flavor not in self._definition.flavors:
            known = ", ".join(self._definition.flavors)
            raise InvalidRequest("flavor", f"{flavor} is not known; there are: {known}")
        groups: tuple[str, ...] = ()
        if group:
            view = self._state.group_named(project_id, group)
            if view is None:
                raise InvalidRequest("group", f"project {project_id} has no group {group}")
            groups = (view.group_id,)
        number = self._state.next_number()
        return InstanceView(
            instance_id=self._id(f"instance/{number}"),
            instance_name=name or f"{project_id}-{number}",
            project_id=project_id,
            host="",
            size=self._definition.flavors[flavor].size,
            groups=groups,
        )

    def boot(self, now_us: int, instance: InstanceView, flavor: str) -> None:
        """Begins to boot a placed instance."""
        attempt = Attempt(operation="boot", host=instance.host, instance=instance)
        self._state.add_instance(replace(instance, status="BUILD"), flavor)
        self._state.log(now_us, "boot", instance.instance_id, host=instance.host)
        self._state.add_work(
            Work(
                instance_id=instance.instance_id,
                verb="boot",
                source=instance.host,
                resume_status="ACTIVE",
                ends_us=now_us + self._chance.duration_us(attempt),
            )
        )

    def _id(self, words: str) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self._definition.seed}/{words}"))

    # Moves

    def begin_move(
        self, now_us: int, instance: InstanceView, how: InstanceAction, target: str
    ) -> Work:
        """Begins to move an instance with which nothing goes on. Raises CloudRefused, CloudUnavailable.

        One that is shut off is moved cold, however it was to be moved (nova API: there is nothing to move alive).
        """
        if instance.status not in ("ACTIVE", "SHUTOFF"):
            raise CloudRefused(
                f"{_label(instance)} cannot be moved: it is in status {instance.status}"
            )
        if not self.compute_host(instance.host).up:
            raise CloudRefused(f"{_label(instance)} cannot be moved: {instance.host} is down")
        target = self.place(instance, target)
        live = how is InstanceAction.LIVE_MIGRATE and instance.status == "ACTIVE"
        verb: MoveVerb = "live_migrate" if live else "cold_migrate"
        attempt = Attempt(operation=verb, host=instance.host, target=target, instance=instance)
        fault = self._chance.strike(now_us, attempt)
        work = Work(
            instance_id=instance.instance_id,
            verb=verb,
            source=instance.host,
            target=target,
            resume_status="ERROR" if fault and fault.effect == "break" else instance.status,
            failure=fault.reason if fault and fault.effect == "fail" else "",
            ends_us=now_us + self._chance.duration_us(attempt) + self._chance.delay_us(fault),
        )
        self._state.book(instance, target)
        self._state.set_instance(instance.instance_id, host=instance.host, status=_MOVING[verb])
        self._state.add_work(work)
        self._state.log(now_us, verb, instance.instance_id, host=instance.host, target=target)
        self._chance.answer(fault, attempt)
        return work

    def settle(self, now_us: int) -> None:
        """Completes whatever has come to its end by now, as of the time when it did."""
        for work in self._state.due(now_us):
            instance = self._state.instance(work.instance_id)
            if instance is None:
                raise LookupError(f"{work} is of no instance")
            verb = self._settle(instance, work)
            self._state.log(
                work.ends_us,
                verb,
                work.instance_id,
                host=work.source,
                target=work.target,
                detail=work.failure,
            )

    def confirm(self, now_us: int, instance_id: str) -> None:
        """Ends a cold migration that waits for it: the source gives up what it held. Else nothing."""
        work = self._state.work(instance_id)
        instance = self._state.instance(instance_id)
        if instance is None or work is None or not work.unconfirmed:
            return
        self._state.release(instance, work.source)
        self._finish(instance, work, work.target)
        self._state.log(now_us, "confirm", instance_id, host=work.source, target=work.target)

    def _settle(self, instance: InstanceView, work: Work) -> str:
        if work.verb == "boot":
            self._finish(instance, work, work.source)
            return "active"
        if work.failure:
            self._state.release(instance, work.target)
            self._finish(instance, work, work.source)
            return "move_failed"
        if work.verb == "evacuate":
            self._finish(instance, work, work.target)
            if self.compute_host(work.source).up:
                self._state.release(instance, work.source)
            return "moved"
        if work.verb == "live_migrate":
            self._state.release(instance, work.source)
            self._finish(instance, work, work.target)
            return "moved"
        self._state.set_instance(work.instance_id, host=work.target, status="VERIFY_RESIZE")
        self._state.add_work(replace(work, unconfirmed=True))
        return "moved"

    def _finish(self, instance: InstanceView, work: Work, host: str) -> None:
        self._state.set_instance(instance.instance_id, host=host, status=work.resume_status)
        self._state.remove_work(instance.instance_id)


def _service_problem(host: HostView) -> str:
    if not host.enabled:
        return f"it is disabled: {host.disabled_reason}"
    return host.trouble if host.up else "its service is down"


def _label(instance: InstanceView) -> str:
    return f"instance {instance.instance_id} ({instance.instance_name})"
