"""What applications demand of a maintenance: constraints of instances and of groups of instances.

Field names and meanings are those of the v1 documents (`/v1/instance`, `/v1/instance_group`; times in whole seconds);
what only the ETSI form can say (lists by group size, ordered migration types, a preserved minimum; see etsi.py) is kept
beside them. Constraints live across sessions; an instance may belong to several groups, all of which hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fenix_grpc.core.model import InstanceAction, Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConstraint:
    """What one instance demands."""

    instance_id: str
    project_id: str
    #: The group that it names itself; groups known to the cloud hold as well. Empty for none.
    group_id: str = ""
    instance_name: str = ""
    #: Longest interruption in seconds that a live migration may cause; 0 when nothing is demanded.
    max_interruption_time: int = 0
    #: How it may leave its host, the preferred way first; the first is v1's `migration_type`. Empty: any.
    migration_types: tuple[InstanceAction, ...] = ()
    #: A compensating resource of the same size must be free while it moves.
    resource_mitigation: bool = False
    #: Seconds between a notice and the action that it announces.
    lead_time: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BySize:
    """A number that holds for groups of at least a size (ETSI: MaxNumberOfImpactedInstances and its sibling)."""

    #: Members that the group has at least; 0 for any size.
    group_size: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConstraint:
    """What a group of instances demands."""

    group_id: str
    project_id: str
    group_name: str = ""
    #: Members must sit on different hosts, at most `max_instances_per_host` on each (0 counts as 1 then).
    anti_affinity_group: bool = False
    max_instances_per_host: int = 0
    #: Members that may be out of service at the same time, moving or recovering.
    max_impacted_members: int = 1
    #: The same by size of the group; takes precedence where it has a line that fits.
    max_impacted_by_size: tuple[BySize, ...] = ()
    #: Members that must stay in service, by size of the group.
    min_preserved_by_size: tuple[BySize, ...] = ()
    #: Seconds that a member needs after its move until it fully works again; its place in the budget is kept so long.
    recovery_time: int = 0
    resource_mitigation: bool = False

    def per_host(self) -> int:
        """How many members may share a host; 0 for any number."""
        if self.anti_affinity_group:
            return max(1, self.max_instances_per_host)
        return 0

    def budget(self, size: int) -> int:
        """How many of `size` members may be out of service at the same time; never negative."""
        allowed = _by_size(self.max_impacted_by_size, size)
        if allowed is None:
            allowed = self.max_impacted_members
        preserved = _by_size(self.min_preserved_by_size, size)
        if preserved is not None:
            allowed = min(allowed, size - preserved)
        return max(0, allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintSet:
    """What several applications demand."""

    instances: tuple[InstanceConstraint, ...] = ()
    groups: tuple[GroupConstraint, ...] = ()

    def relevant(self, seen: Inventory) -> ConstraintSet:
        """What counts for a cloud: what a project demands for its own instances, and for groups as long as it has any.

        A constraint of nobody (an administrator set it and named no project) belongs to whoever owns the instance, or
        the members of the group; that project stands in the result.
        """
        owners = {instance.instance_id: instance.project_id for instance in seen.instances}
        instances = tuple(
            each if each.project_id else replace(each, project_id=owners[each.instance_id])
            for each in self.instances
            if each.instance_id in owners and each.project_id in ("", owners[each.instance_id])
        )
        owners_of_groups = {each.group_id: each.project_id for each in instances}
        owners_of_groups |= {group: i.project_id for i in seen.instances for group in i.groups}
        projects = frozenset(owners.values())
        owned = (
            each
            if each.project_id
            else replace(each, project_id=owners_of_groups.get(each.group_id, ""))
            for each in self.groups
        )
        groups = tuple(each for each in owned if each.project_id in projects)
        return ConstraintSet(instances=instances, groups=groups)


def _by_size(lines: tuple[BySize, ...], size: int) -> int | None:
    """The number of the line for the largest group size that the group reaches."""
    fitting = [line for line in lines if line.group_size <= size]
    return max(fitting).number if fitting else None
