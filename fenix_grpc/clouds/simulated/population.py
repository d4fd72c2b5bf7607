"""Makes the rows that a definition describes; run once in the life of a simulated cloud."""

from __future__ import annotations

from dataclasses import replace

from fenix_grpc.clouds.simulated.compute import Compute
from fenix_grpc.clouds.simulated.definition import Definition, Instances
from fenix_grpc.clouds.simulated.state import State
from fenix_grpc.core.errors import CloudRefused, InvalidRequest
from fenix_grpc.core.model import HostView, Resources


def populate(state: State, compute: Compute, definition: Definition) -> None:
    """Makes all hosts, groups and instances. Raises InvalidRequest naming the entry that does not fit."""
    for hosts in definition.hosts:
        for name in hosts.named():
            state.add_host(
                HostView(
                    host=name,
                    kind=hosts.kind,
                    capacity=Resources(
                        vcpus=hosts.vcpus, memory_mb=hosts.memory_mb, disk_gb=hosts.disk_gb
                    ),
                    enabled=not hosts.disabled_reason,
                    disabled_reason=hosts.disabled_reason,
                    zone=hosts.zone,
                    aggregates=tuple(sorted(hosts.aggregates)),
                    up=hosts.up,
                    trouble=hosts.trouble,
                )
            )
    for p, project in enumerate(definition.projects):
        for group in project.groups:
            compute.new_group(project.id, group.name, group.max_per_host)
        for i, instances in enumerate(project.instances):
            try:
                _populate(state, compute, project.id, instances)
            except CloudRefused as err:
                raise InvalidRequest(f"cloud.projects[{p}].instances[{i}]", str(err)) from err


def _populate(state: State, compute: Compute, project_id: str, instances: Instances) -> None:
    for number, name in enumerate(instances.named()):
        new = compute.new_instance(project_id, instances.flavor, name, instances.group)
        target = instances.hosts[number % len(instances.hosts)] if instances.hosts else ""
        host = compute.place(new, target, in_service=False)
        state.add_instance(replace(new, host=host, status=instances.status), instances.flavor)
