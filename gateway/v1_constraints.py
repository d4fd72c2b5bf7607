"""Constraints as v1 clients write and read them (E10 to E15).

Tacker's own sample has values such as `"60,"` and `"True,"` where numbers and truths belong, and a refusal would be
dropped silently (D23). So whatever can be meant in one way only is read that way, and a warning is kept with the
constraint. Everything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fenix_grpc.v1 import constraint_service_pb2 as constraint_pb
from fenix_grpc.v1 import types_pb2 as pb
from gateway import words
from gateway.errors import invalid
from gateway.transcode import Fields
from gateway.v1_requests import instance_action

Json = dict[str, Any]
T = TypeVar("T")

#: At most 18 digits always fit; a fraction of zeros is what some JSON writers add.
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_LARGEST = 10**18 - 1
_TRUTHS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
#: What Tacker takes for its project when Heat is reached on a port of its own.
_NO_PROJECT = "stacks"
#: Keys of responses: a client may send back what it got.
_OURS = frozenset({"warnings", "created_at", "updated_at", "request_id"})
#: How much of a value or a key a warning repeats.
_QUOTED_CHARS = 80
#: Unknown keys that a warning names.
_NAMED_KEYS = 10


class _Body:
    """The body of a PUT, read key by key; `warnings` collects what had to be corrected."""

    def __init__(self, said: Any) -> None:
        if not isinstance(said, dict) or not said:
            raise invalid("body", "must be a JSON object with the constraint")
        self._said = said
        self._read = set(_OURS)
        self.warnings: list[str] = []

    def get(self, key: str) -> Any:
        """As it is; None for null and for what is not there."""
        self._read.add(key)
        return self._said.get(key)

    def text(self, key: str) -> str | None:
        """A number is a text, too."""
        said = self.get(key)
        if isinstance(said, int | float) and not isinstance(said, bool):
            return self._corrected(key, said, str(said))
        if not isinstance(said, str | None):
            raise invalid(key, "must be a string")
        return said

    def project(self) -> str | None:
        """None where the word cannot be a project."""
        said = self.text("project_id")
        if said == _NO_PROJECT:
            self.warnings.append(f"project_id: {said} is no project and was passed over")
            return None
        return said

    def number(self, key: str) -> int | None:
        """A whole number."""
        said = self.get(key)
        if said is None or (type(said) is int and abs(said) <= _LARGEST):
            return said
        text = _stripped(str(said)) if isinstance(said, str | float) else ""
        if not _NUMBER.fullmatch(text):
            raise invalid(key, f"must be a whole number, not {said!r}")
        return self._corrected(key, said, int(text.partition(".")[0]))

    def truth(self, key: str) -> bool | None:
        """True or false."""
        said = self.get(key)
        if isinstance(said, bool | None):
            return said
        text = _stripped(str(said)).lower() if isinstance(said, str | int) else ""
        if text not in _TRUTHS:
            raise invalid(key, f"must be true or false, not {said!r}")
        return self._corrected(key, said, _TRUTHS[text])

    def ways(self) -> list[str]:
        """`migration_type` first, then what `migration_types` (which v1 does not know) adds."""
        first, others = self.get("migration_type"), self.get("migration_types") or []
        if not isinstance(others, list):
            raise invalid("migration_types", "must be a list")
        chosen = [self._way("migration_type", first)] if first not in (None, "") else []
        chosen += [self._way("migration_types", other) for other in others]
        return list(dict.fromkeys(chosen))

    def close(self) -> list[str]:
        """All warnings, also of keys that nobody asked for."""
        unknown = sorted(self._said.keys() - self._read)
        if unknown:
            named = ", ".join(key[:_QUOTED_CHARS] for key in unknown[:_NAMED_KEYS])
            more = ", ..." if len(unknown) > _NAMED_KEYS else ""
            self.warnings.append(f"unknown keys were passed over: {named}{more}")
        return self.warnings

    def _way(self, key: str, said: Any) -> str:
        text = said
        if isinstance(said, str) and _stripped(said).upper() != said:
            text = self._corrected(key, said, _stripped(said).upper())
        return instance_action(key, text)

    def _corrected(self, key: str, said: Any, meant: T) -> T:
        self.warnings.append(f"{key}: {repr(said)[:_QUOTED_CHARS]} was read as {meant!r}")
        return meant


def set_instance(said: Fields) -> Fields:
    """E11. Raises RpcError INVALID_ARGUMENT."""
    body = _Body(said.get("constraint"))
    return _request(
        said,
        body,
        {
            "instance_id": body.text("instance_id"),
            "project_id": body.project(),
            "group_id": body.text("group_id"),
            "instance_name": body.text("instance_name"),
            "max_interruption_time": body.number("max_interruption_time"),
            "migration_types": body.ways(),
            "resource_mitigation": body.truth("resource_mitigation"),
            "lead_time": body.number("lead_time"),
        },
    )


def set_group(said: Fields) -> Fields:
    """E14. Raises RpcError INVALID_ARGUMENT."""
    body = _Body(said.get("constraint"))
    return _request(
        said,
        body,
        {
            "group_id": body.text("group_id"),
            "project_id": body.project(),
            "group_name": body.text("group_name"),
            "anti_affinity_group": body.truth("anti_affinity_group"),
            "max_instances_per_host": body.number("max_instances_per_host"),
            "max_impacted_members": body.number("max_impacted_members"),
            "max_impacted_by_size": body.get("max_impacted_by_size"),
            "min_preserved_by_size": body.get("min_preserved_by_size"),
            "recovery_time": body.number("recovery_time"),
            "resource_mitigation": body.truth("resource_mitigation"),
        },
    )


def instance(response: Any, _body: Any) -> Json:
    """E10 and E11."""
    return _instance(response.record)


def instances(response: constraint_pb.ListInstanceConstraintsResponse, _body: Any) -> Json:
    """All of them."""
    return _listed("instances", response, _instance)


def group(response: Any, _body: Any) -> Json:
    """E13 and E14."""
    return _group(response.record)


def groups(response: constraint_pb.ListGroupConstraintsResponse, _body: Any) -> Json:
    """All of them."""
    return _listed("instance_groups", response, _group)


def _request(said: Fields, body: _Body, constraint: Mapping[str, Any]) -> Fields:
    fields = {
        **said,
        "constraint": {key: value for key, value in constraint.items() if value is not None},
        "warnings": body.close(),
    }
    request_id = body.text("request_id")
    return fields if request_id is None else {**fields, "request_id": request_id}


def _listed(key: str, response: Any, shown: Callable[[Any], Json]) -> Json:
    listing: Json = {key: [shown(record) for record in response.records]}
    if response.next_page_token:
        listing["next_page_token"] = response.next_page_token
    return listing


def _instance(record: constraint_pb.InstanceConstraintRecord) -> Json:
    constraint = record.constraint
    ways = [words.INSTANCE_ACTION.word(way) for way in constraint.migration_types]
    return {
        "instance_id": constraint.instance_id,
        "project_id": constraint.project_id,
        "group_id": constraint.group_id,
        "instance_name": constraint.instance_name,
        "max_interruption_time": constraint.max_interruption_time,
        "migration_type": ways[0] if ways else None,
        "migration_types": ways,
        "resource_mitigation": constraint.resource_mitigation,
        "lead_time": constraint.lead_time,
        **_record(record),
    }


def _group(record: constraint_pb.GroupConstraintRecord) -> Json:
    constraint = record.constraint
    return {
        "group_id": constraint.group_id,
        "project_id": constraint.project_id,
        "group_name": constraint.group_name,
        "anti_affinity_group": constraint.anti_affinity_group,
        "max_instances_per_host": constraint.max_instances_per_host,
        "max_impacted_members": constraint.max_impacted_members,
        "max_impacted_by_size": _lines(constraint.max_impacted_by_size),
        "min_preserved_by_size": _lines(constraint.min_preserved_by_size),
        "recovery_time": constraint.recovery_time,
        "resource_mitigation": constraint.resource_mitigation,
        **_record(record),
    }


def _lines(lines: Iterable[pb.BySize]) -> list[Json]:
    return [{"group_size": line.group_size, "number": line.number} for line in lines]


def _record(record: Any) -> Json:
    return {
        "warnings": list(record.warnings),
        "created_at": record.created_at.ToJsonString(),
        "updated_at": record.updated_at.ToJsonString(),
    }


def _stripped(text: str) -> str:
    """Without blanks around it and a comma at its end."""
    return text.strip().removesuffix(",").strip()
