"""What a request to set a constraint may hold, and the constraint that it becomes.

What cannot hold for any cloud is refused. What a cloud is too small for is the planner's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from fenix_grpc.api.convert import from_number
from fenix_grpc.api.validate import LONGEST_ID, check_text
from fenix_grpc.core.constraints import BySize, GroupConstraint, InstanceConstraint
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.etsi import NfviMaintenanceInfo, NfviMigrationType, of_group, of_instance
from fenix_grpc.core.model import InstanceAction
from fenix_grpc.ports import Caller, Role
from fenix_grpc.v1 import constraint_service_pb2 as pb

#: Larger times and counts help nobody, and sums of them must remain times.
_LARGEST = 2**31 - 1
_MOST_WARNINGS = 100
_MOST_LINES = 100


def instance_demand(
    request: pb.SetInstanceConstraintRequest, caller: Caller
) -> tuple[InstanceConstraint, Sequence[str]]:
    """The constraint and the warnings to keep with it. Raises InvalidRequest that names the field."""
    said = _said(request)
    _check_same("instance_id", said.instance_id, request.instance_id)
    owner, warnings = _owner(request, said, caller)
    constraint = InstanceConstraint(
        instance_id=request.instance_id,
        project_id=owner,
        group_id=_text(said, "group_id"),
        instance_name=_text(said, "instance_name"),
    )
    if said is request:
        constraint, rounded = of_instance(constraint, _info(request.nfvi_maintenance_info))
        return constraint, [*warnings, *rounded]
    ways = [from_number(InstanceAction, n, "migration_types") for n in said.migration_types]
    constraint = replace(
        constraint,
        max_interruption_time=_count(said, "max_interruption_time"),
        migration_types=_order("migration_types", ways),
        resource_mitigation=said.resource_mitigation,
        lead_time=_count(said, "lead_time"),
    )
    return constraint, warnings


def group_demand(
    request: pb.SetGroupConstraintRequest, caller: Caller
) -> tuple[GroupConstraint, Sequence[str]]:
    """The constraint and the warnings to keep with it. Raises InvalidRequest that names the field."""
    said = _said(request)
    _check_same("group_id", said.group_id, request.group_id)
    owner, warnings = _owner(request, said, caller)
    constraint = GroupConstraint(
        group_id=request.group_id,
        project_id=owner,
        group_name=_text(said, "group_name"),
        anti_affinity_group=said.anti_affinity_group,
        max_instances_per_host=_count(said, "max_instances_per_host"),
    )
    if said is request:
        constraint = of_group(constraint, _info(request.nfvi_maintenance_info))
    else:
        some = said.HasField("max_impacted_members")
        constraint = replace(
            constraint,
            max_impacted_members=_count(said, "max_impacted_members") if some else 1,
            max_impacted_by_size=_lines(said, "max_impacted_by_size", "number"),
            min_preserved_by_size=_lines(said, "min_preserved_by_size", "number"),
            recovery_time=_count(said, "recovery_time"),
            resource_mitigation=said.resource_mitigation,
        )
    if not constraint.max_impacted_members and not constraint.max_impacted_by_size:
        warnings.append("max_impacted_members: 0 means that no member may ever be moved")
    return constraint, warnings


def _said(request: Any) -> Any:
    """What holds the fields that both forms have: the constraint, or the request itself in the ETSI form."""
    form = request.WhichOneof("demand")
    if form is None:
        raise InvalidRequest("constraint", "must be set")
    return request.constraint if form == "constraint" else request


def _check_same(field: str, said: str, wanted: str) -> None:
    if said not in ("", wanted):
        raise InvalidRequest(field, f"is {said}, but the call is about {wanted}")


def _owner(request: Any, said: Any, caller: Caller) -> tuple[str, list[str]]:
    """The project that it is to belong to, and the warnings so far. What a project's manager says does not count
    (v1 facts: Tacker may send a wrong word)."""
    if len(request.warnings) > _MOST_WARNINGS:
        raise InvalidRequest("warnings", f"at most {_MOST_WARNINGS}, not {len(request.warnings)}")
    project_id, warnings = _text(said, "project_id"), list(request.warnings)
    if Role.ADMIN in caller.roles:
        return project_id, warnings
    if project_id not in ("", caller.project_id):
        warnings.append(f"project_id: {project_id} is not the caller's, {caller.project_id} is")
    return caller.project_id, warnings


def _info(said: pb.NfviMaintenanceInfo) -> NfviMaintenanceInfo:
    ways = [
        from_number(NfviMigrationType, n, "supported_migration_type")
        for n in said.supported_migration_type
    ]
    longest = "max_undetectable_interruption_time"
    most, least = "max_number_of_impacted_instances", "min_number_of_preserved_instances"
    return NfviMaintenanceInfo(
        impact_notification_lead_time=_time(said, "impact_notification_lead_time"),
        is_impact_mitigation_requested=said.is_impact_mitigation_requested,
        supported_migration_type=_order("supported_migration_type", ways),
        max_undetectable_interruption_time=_time(said, longest) if said.HasField(longest) else None,
        min_recovery_time_between_impacts=_time(said, "min_recovery_time_between_impacts"),
        max_number_of_impacted_instances=_lines(said, most, most),
        min_number_of_preserved_instances=_lines(said, least, least),
    )


def _text(said: Any, field: str) -> str:
    text: str = getattr(said, field)
    check_text(field, text, LONGEST_ID)
    return text


def _count(said: Any, field: str) -> int:
    return _checked(field, getattr(said, field))


def _checked(field: str, number: int) -> int:
    if not 0 <= number <= _LARGEST:
        raise InvalidRequest(field, f"must be between 0 and {_LARGEST}, not {number}")
    return number


def _time(said: Any, field: str) -> timedelta:
    time: Duration = getattr(said, field)
    if time.nanos < 0:
        raise InvalidRequest(field, "must not be negative")
    seconds = _checked(field, time.seconds)
    return timedelta(seconds=seconds, microseconds=time.nanos // 1000)


def _order(field: str, ways: Sequence[Any]) -> tuple[Any, ...]:
    """Words in order of preference."""
    if None in ways or len(set(ways)) < len(ways):
        raise InvalidRequest(field, "every word must be known and be there once")
    return tuple(ways)


def _lines(said: Any, field: str, number: str) -> tuple[BySize, ...]:
    """In order of size."""
    if len(getattr(said, field)) > _MOST_LINES:
        raise InvalidRequest(field, f"at most {_MOST_LINES} lines, not {len(getattr(said, field))}")
    lines = sorted(
        BySize(
            group_size=_checked(f"{field}.group_size", line.group_size),
            number=_checked(f"{field}.{number}", getattr(line, number)),
        )
        for line in getattr(said, field)
    )
    if len({line.group_size for line in lines}) < len(lines):
        raise InvalidRequest(field, "a group size is there twice")
    return tuple(lines)
