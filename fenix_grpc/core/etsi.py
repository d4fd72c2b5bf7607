"""The ETSI form of constraints (GS NFV-IFA 011: NfviMaintenanceInfo) and what fenix makes of it.

A VNF descriptor says the same thing of an instance and of a group; each takes what concerns it. What cannot be kept
exactly is rounded to the safe side where there is one; where there is none, a warning says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from fenix_grpc.core.constraints import BySize, GroupConstraint, InstanceConstraint
from fenix_grpc.core.model import InstanceAction

_SECOND = timedelta(seconds=1)


class NfviMigrationType(StrEnum):
    """How an instance may be moved (IFA 011: supportedMigrationType)."""

    NO_MIGRATION = "NO_MIGRATION"
    OFFLINE_MIGRATION = "OFFLINE_MIGRATION"
    LIVE_MIGRATION = "LIVE_MIGRATION"


#: An instance that must not be moved can only be replaced by its owner.
ACTIONS = {
    NfviMigrationType.NO_MIGRATION: InstanceAction.OWN_ACTION,
    NfviMigrationType.OFFLINE_MIGRATION: InstanceAction.MIGRATE,
    NfviMigrationType.LIVE_MIGRATION: InstanceAction.LIVE_MIGRATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NfviMaintenanceInfo:
    """Field names are those of NFV-SOL 001; no time is negative."""

    impact_notification_lead_time: timedelta = timedelta()
    is_impact_mitigation_requested: bool = False
    #: The preferred way first; empty for any.
    supported_migration_type: tuple[NfviMigrationType, ...] = ()
    #: None when nothing is demanded.
    max_undetectable_interruption_time: timedelta | None = None
    min_recovery_time_between_impacts: timedelta = timedelta()
    max_number_of_impacted_instances: tuple[BySize, ...] = ()
    min_number_of_preserved_instances: tuple[BySize, ...] = ()


def of_instance(
    constraint: InstanceConstraint, info: NfviMaintenanceInfo
) -> tuple[InstanceConstraint, tuple[str, ...]]:
    """The constraint with what the descriptor says of an instance, and warnings."""
    longest, warnings = _interruption(info.max_undetectable_interruption_time)
    derived = replace(
        constraint,
        lead_time=_rounded_up(info.impact_notification_lead_time),
        resource_mitigation=info.is_impact_mitigation_requested,
        migration_types=tuple(ACTIONS[way] for way in info.supported_migration_type),
        max_interruption_time=longest,
    )
    return derived, warnings


def of_group(constraint: GroupConstraint, info: NfviMaintenanceInfo) -> GroupConstraint:
    """The constraint with what the descriptor says of a group.

    For groups smaller than any line of the list one member may be impacted, or none if the smallest line says so.
    """
    lines = info.max_number_of_impacted_instances
    smallest = min(lines, default=BySize(group_size=0, number=1))
    fallback = smallest.number if smallest.group_size == 0 else min(1, smallest.number)
    return replace(
        constraint,
        recovery_time=_rounded_up(info.min_recovery_time_between_impacts),
        resource_mitigation=info.is_impact_mitigation_requested,
        max_impacted_members=fallback,
        max_impacted_by_size=lines,
        min_preserved_by_size=info.min_number_of_preserved_instances,
    )


def _rounded_up(time: timedelta) -> int:
    return -(-time // _SECOND)


def _interruption(time: timedelta | None) -> tuple[int, tuple[str, ...]]:
    """Whole seconds, rounded down; 0 would demand nothing, so it is 1 at least."""
    if time is None:
        return 0, ()
    if time < _SECOND:
        said = f"{time.total_seconds():g} s"
        return 1, (
            f"max_undetectable_interruption_time: {said} is kept as 1 s, the least there is",
        )
    return time // _SECOND, ()
