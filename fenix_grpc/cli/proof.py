"""Whether a maintenance kept its promises, told by the cloud's own record and not by fenix.

The simulated cloud writes down what happened in it; here that record is replayed beside the journal. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from fenix_grpc.cli.words import moment
from fenix_grpc.clouds.simulated import Operation
from fenix_grpc.core.model import Inventory
from fenix_grpc.v1.events_pb2 import HostChanged, SessionEvent
from fenix_grpc.v1.types_pb2 import HostProgress

#: Operations that put an instance on a host: on `host` for a boot, on `target` for the rest.
_ARRIVALS = {"boot", "live_migrate", "cold_migrate"}


def broken_promises(
    before: Inventory,
    after: Inventory,
    operations: Sequence[Operation],
    journal: Sequence[SessionEvent],
) -> Mapping[str, Sequence[str]]:
    """Every promise with the cases in which it was broken; none is as it should be."""
    return {
        "every host was empty before its work began, and stayed so": list(
            _not_empty(before, operations, journal)
        ),
        "every service is enabled again": [
            f"{host.host}: {host.disabled_reason}" for host in after.hosts if not host.enabled
        ],
        "every instance is alive": list(_not_alive(before, after, operations)),
    }


class _Whereabouts:
    """Which hosts each instance holds room on, operation by operation."""

    def __init__(self, before: Inventory) -> None:
        self._hosts = {instance.instance_id: {instance.host} for instance in before.instances}
        self._cold: set[str] = set()

    def on(self, host: str) -> list[str]:
        """Instances that hold room on a host."""
        return sorted(i for i, hosts in self._hosts.items() if host in hosts)

    def apply(self, operation: Operation) -> None:
        """A cold migration holds its source until it is confirmed."""
        hosts = self._hosts.setdefault(operation.subject, set())
        match operation.verb:
            case "boot":
                hosts.add(operation.host)
            case "live_migrate" | "cold_migrate" as verb:
                hosts.add(operation.target)
                (self._cold.add if verb == "cold_migrate" else self._cold.discard)(
                    operation.subject
                )
            case "move_failed":
                hosts.discard(operation.target)
            case "confirm":
                hosts.discard(operation.host)
            case "moved" if operation.subject not in self._cold:
                hosts.discard(operation.host)
            case "delete":
                hosts.clear()


def _not_empty(
    before: Inventory, operations: Sequence[Operation], journal: Sequence[SessionEvent]
) -> Iterator[str]:
    """Replays both records in order of time and looks at every host from the beginning to the end of its work."""
    whereabouts = _Whereabouts(before)
    in_work: set[str] = set()
    for _, record in _merged(operations, journal):
        if isinstance(record, Operation):
            whereabouts.apply(record)
            arrived = record.host if record.verb == "boot" else record.target
            if record.verb in _ARRIVALS and arrived in in_work:
                yield f"{record.verb} of {record.subject} came to {arrived} during its work"
        elif record.progress == HostProgress.HOST_PROGRESS_IN_MAINTENANCE:
            in_work.add(record.host)
            held = whereabouts.on(record.host)
            if held:
                yield f"{record.host} held {', '.join(held)}"
        else:
            in_work.discard(record.host)


def _merged(
    operations: Sequence[Operation], journal: Sequence[SessionEvent]
) -> list[tuple[datetime, Operation | HostChanged]]:
    times: list[tuple[datetime, Operation | HostChanged]] = [
        (operation.at, operation) for operation in operations
    ]
    times += [(moment(e.at), e.host_changed) for e in journal if e.HasField("host_changed")]
    return sorted(times, key=lambda pair: pair[0])


def _not_alive(
    before: Inventory, after: Inventory, operations: Sequence[Operation]
) -> Iterator[str]:
    """Instances that are not well, lost ones, and projects that are smaller than they were."""
    deleted = {operation.subject for operation in operations if operation.verb == "delete"}
    now = {instance.instance_id: instance for instance in after.instances}
    for instance in before.instances:
        if instance.instance_id not in now and instance.instance_id not in deleted:
            yield f"{instance.instance_name} is lost"
    for instance in after.instances:
        if instance.status != "ACTIVE":
            yield f"{instance.instance_name} is in status {instance.status}"
    for project in sorted({instance.project_id for instance in before.instances}):
        had, has = (
            sum(i.project_id == project for i in all_.instances) for all_ in (before, after)
        )
        if has < had:
            yield f"{project} has {has} instances and had {had}"
