"""What a CreateSession request may hold, and the first event of a session that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import msgspec
from google.protobuf.struct_pb2 import Struct

from fenix_grpc.api.convert import from_number, from_struct, from_timestamp
from fenix_grpc.api.validate import LONGEST_ID, check_text, check_unique
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import ActionSpec, ActionType, Policy, SessionState
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Action
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import types_pb2 as t

#: Name of the workflow of a session that names none.
DEFAULT_WORKFLOW = "default"

_MOST_HOSTS = 10_000
_MOST_ACTIONS = 100
_MOST_METADATA_BYTES = 64 * 1024
#: Protobuf readers refuse messages nested deeper than 100, and a level of JSON takes up to three.
_MOST_METADATA_LEVELS = 16
#: Clocks differ, and requests take their time.
_PAST = timedelta(seconds=60)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class Creation:
    """Checks requests against what this server allows."""

    def __init__(
        self, *, workflows: Allowed[Workflow], actions: Allowed[Action], policy: Policy
    ) -> None:
        self._workflows = workflows
        self._actions = actions
        self._policy = policy

    def created(
        self, request: pb.CreateSessionRequest, *, by: str, now: datetime
    ) -> SessionCreated:
        """The event. Raises InvalidRequest that names the field."""
        workflow = request.workflow or DEFAULT_WORKFLOW
        self._workflows.named(workflow)
        state = from_number(SessionState, request.state, "state")
        if state not in (None, SessionState.MAINTENANCE):
            raise InvalidRequest("state", f"a session begins in MAINTENANCE, not in {state}")
        return SessionCreated(
            hosts=_hosts(request),
            workflow=workflow,
            maintenance_at=_maintenance_at(request, now),
            metadata=_metadata("metadata", request.metadata),
            actions=self._specs(request),
            created_by=by,
            policy=self._policy,
        )

    def _specs(self, request: pb.CreateSessionRequest) -> tuple[ActionSpec, ...]:
        """In the order of execution within each type: by name of plug-in."""
        if len(request.actions) > _MOST_ACTIONS:
            raise InvalidRequest("actions", f"at most {_MOST_ACTIONS}, not {len(request.actions)}")
        specs = [self._spec(n, action) for n, action in enumerate(request.actions)]
        return tuple(sorted(specs, key=lambda spec: spec.plugin))

    def _spec(self, number: int, action: t.ActionSpec) -> ActionSpec:
        field = f"actions[{number}]"
        kind = from_number(ActionType, action.type, f"{field}.type")
        if kind is None:
            raise InvalidRequest(f"{field}.type", f"must be one of {', '.join(ActionType)}")
        if not action.plugin:
            raise InvalidRequest(f"{field}.plugin", "must be set")
        check_text(f"{field}.plugin", action.plugin, LONGEST_ID)
        return ActionSpec(
            plugin=action.plugin,
            type=kind,
            metadata=_metadata(f"{field}.metadata", action.metadata),
            idempotent=self._actions.named(action.plugin).idempotent,
        )


def _hosts(request: pb.CreateSessionRequest) -> tuple[str, ...]:
    if len(request.hosts) > _MOST_HOSTS:
        raise InvalidRequest("hosts", f"at most {_MOST_HOSTS}, not {len(request.hosts)}")
    for host in request.hosts:
        check_text("hosts", host, LONGEST_ID)
    check_unique("hosts", request.hosts)
    return tuple(request.hosts)


def _maintenance_at(request: pb.CreateSessionRequest, now: datetime) -> datetime:
    at = from_timestamp(request.maintenance_at, "maintenance_at")
    if at < now - _PAST:
        raise InvalidRequest("maintenance_at", f"{at:%Y-%m-%dT%H:%M:%SZ} is past")
    if at >= _LATEST:
        raise InvalidRequest("maintenance_at", f"must be before the year {_LATEST.year}")
    return at


def _metadata(field: str, struct: Struct) -> Mapping[str, Any]:
    metadata = from_struct(struct)
    _check_values(field, metadata)
    size = len(msgspec.json.encode(metadata))
    if size > _MOST_METADATA_BYTES:
        raise InvalidRequest(field, f"at most {_MOST_METADATA_BYTES} bytes as JSON, not {size}")
    return metadata


def _check_values(field: str, value: Any, level: int = 0) -> None:
    """JSON has no word for infinity and the like, and what is nested too deeply could never be read again."""
    if level > _MOST_METADATA_LEVELS:
        raise InvalidRequest(field, f"at most {_MOST_METADATA_LEVELS} levels, one inside the other")
    if isinstance(value, float) and not isfinite(value):
        raise InvalidRequest(field, f"{value} is not a number that JSON knows")
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _check_values(field, inner, level + 1)
