"""Constraints as tables for a person. Pure: messages in, something printable out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from fenix_grpc.cli.tables import columns, facts
from fenix_grpc.cli.words import clean, day_time, phrase
from fenix_grpc.v1.constraint_service_pb2 import GroupConstraintRecord, InstanceConstraintRecord
from fenix_grpc.v1.types_pb2 import BySize, GroupConstraint, InstanceAction, InstanceConstraint

Record = InstanceConstraintRecord | GroupConstraintRecord


def constraint_list(
    instances: Sequence[InstanceConstraintRecord], groups: Sequence[GroupConstraintRecord]
) -> RenderableType:
    """One row per constraint: groups first, for they hold for many."""
    if not instances and not groups:
        return Text("There are no constraints. Set one with `fenix constraint set`.", style="dim")
    parts: list[RenderableType] = []
    if groups:
        table = columns("group", "name", "project", "demands", "warnings")
        for record in groups:
            group = record.constraint
            table.add_row(group.group_id, clean(group.group_name), *_rest(record, _of_group(group)))
        parts += [table, Text()] if instances else [table]
    if instances:
        table = columns("instance", "name", "group", "project", "demands", "warnings")
        for each in instances:
            one = each.constraint
            table.add_row(
                one.instance_id,
                clean(one.instance_name),
                one.group_id,
                *_rest(each, _of_instance(one)),
            )
        parts.append(table)
    return Group(*parts)


def constraint_facts(record: Record) -> RenderableType:
    """One constraint with all that is known of it."""
    constraint = record.constraint
    if isinstance(constraint, InstanceConstraint):
        pairs = [
            ("instance", constraint.instance_id),
            ("name", clean(constraint.instance_name)),
            ("group", constraint.group_id),
        ]
        demands = _of_instance(constraint)
    else:
        pairs = [("group", constraint.group_id), ("name", clean(constraint.group_name))]
        demands = _of_group(constraint)
    pairs += [
        ("project", constraint.project_id or "whoever owns it in the cloud"),
        ("demands", "\n".join(demands) or "nothing"),
        ("set first", day_time(record.created_at)),
        ("set last", day_time(record.updated_at)),
        ("warnings", "\n".join(map(clean, record.warnings))),
    ]
    return facts([(name, Text(value)) for name, value in pairs if value])


def _rest(record: Record, demands: Iterable[str]) -> tuple[str, str, str]:
    warnings = str(len(record.warnings)) if record.warnings else ""
    return record.constraint.project_id, "; ".join(demands) or "nothing", warnings


def _of_instance(one: InstanceConstraint) -> list[str]:
    ways = " or ".join(phrase(InstanceAction, way) for way in one.migration_types)
    said = [
        ways,
        f"notice {one.lead_time} s ahead" if one.lead_time else "",
        f"interruption of {one.max_interruption_time} s at most"
        if one.max_interruption_time
        else "",
        "a compensating resource" if one.resource_mitigation else "",
    ]
    return [text for text in said if text]


def _of_group(group: GroupConstraint) -> list[str]:
    on_host = max(1, group.max_instances_per_host)
    said = [
        f"{on_host} on a host at most" if group.anti_affinity_group else "",
        f"{group.max_impacted_members} impacted at once at most",
        *(
            f"{line.number} impacted at once at most{_from(line)}"
            for line in group.max_impacted_by_size
        ),
        *(f"{line.number} preserved at least{_from(line)}" for line in group.min_preserved_by_size),
        f"{group.recovery_time} s to recover" if group.recovery_time else "",
        "a compensating resource" if group.resource_mitigation else "",
    ]
    return [text for text in said if text]


def _from(line: BySize) -> str:
    return f" from {line.group_size} members on" if line.group_size else ""
