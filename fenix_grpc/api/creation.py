"""What a CreateSession request may hold, and the first event of a session that it becomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from urllib.parse import parse_qs

import msgspec
from google.protobuf.struct_pb2 import Struct

from fenix_grpc.api.convert import from_number, from_struct, from_timestamp, to_timestamp
from fenix_grpc.api.validate import LONGEST_ID, check_text, check_unique
from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.events import SessionCreated
from fenix_grpc.core.model import (
    ActionSpec,
    ActionType,
    FailedLive,
    HostDown,
    Package,
    Policy,
    Preference,
    SessionState,
    SlowLive,
)
from fenix_grpc.plugins import Allowed
from fenix_grpc.ports import Action, Packages
from fenix_grpc.v1 import session_service_pb2 as pb
from fenix_grpc.v1 import types_pb2 as t

#: Name of the workflow of a session that names none.
DEFAULT_WORKFLOW = "default"

#: Hosts that a session may name, unless told otherwise.
MOST_HOSTS = 10_000
_MOST_ACTIONS = 100
_MOST_PACKAGES = 20
_LONGEST_URL = 2048
_MOST_AT_ONCE = 10_000
_MOST_S = 86_400_000.0
_MOST_METADATA_BYTES = 64 * 1024
#: Protobuf readers refuse messages nested deeper than 100, and a level of JSON takes up to three.
_MOST_METADATA_LEVELS = 16
#: Clocks differ, and requests take their time.
_PAST = timedelta(seconds=60)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class Creation:
    """Checks requests against what this server allows."""

    def __init__(
        self,
        *,
        workflows: Allowed[Workflow],
        actions: Allowed[Action],
        policy: Policy,
        most_hosts: int = MOST_HOSTS,
        packages: Packages | None = None,
    ) -> None:
        self._workflows = workflows
        self._actions = actions
        self._policy = policy
        self._most_hosts = most_hosts
        self._packages = packages

    def created(
        self, request: pb.CreateSessionRequest, *, by: str, now: datetime
    ) -> SessionCreated:
        """The event. Raises InvalidRequest that names the field."""
        workflow = request.workflow or DEFAULT_WORKFLOW
        self._workflows.named(workflow)
        state = from_number(SessionState, request.state, "state")
        if state not in (None, SessionState.MAINTENANCE):
            raise InvalidRequest("state", f"a session begins in MAINTENANCE, not in {state}")
        brought = self._brought(request)
        return SessionCreated(
            hosts=_hosts("hosts", request.hosts, self._most_hosts),
            workflow=workflow,
            maintenance_at=_maintenance_at(request, now),
            metadata=_metadata("metadata", request.metadata),
            actions=self._specs(request),
            created_by=by,
            policy=_policy(self._policy, request.options),
            window_end=window_end(request.options, "options.window_end", now),
            packages=brought,
            retire=_retired(request, self._most_hosts),
        )

    def imagined(
        self, request: pb.CreateSessionRequest, *, by: str, now: datetime
    ) -> SessionCreated:
        """The event of a dry run: the same checks, but without a time it begins now."""
        asked = pb.CreateSessionRequest()
        asked.CopyFrom(request)
        if not asked.HasField("maintenance_at"):
            asked.maintenance_at.CopyFrom(to_timestamp(now))
        return self.created(asked, by=by, now=now)

    def _specs(self, request: pb.CreateSessionRequest) -> tuple[ActionSpec, ...]:
        """In the order of execution within each type: by name of plug-in."""
        if len(request.actions) > _MOST_ACTIONS:
            raise InvalidRequest("actions", f"at most {_MOST_ACTIONS}, not {len(request.actions)}")
        specs = [self._spec(n, action) for n, action in enumerate(request.actions)]
        return tuple(sorted(specs, key=lambda spec: spec.plugin))

    def _brought(self, request: pb.CreateSessionRequest) -> tuple[Package, ...]:
        """The packages; a digest may stand in the fragment of the URL, which is never sent."""
        if len(request.packages) > _MOST_PACKAGES:
            raise InvalidRequest(
                "packages", f"at most {_MOST_PACKAGES}, not {len(request.packages)}"
            )
        named = [action.plugin for action in request.actions if "/" in action.plugin]
        brought = tuple(_package(n, each, named) for n, each in enumerate(request.packages))
        known = {f"{each.name}/{plugin}" for each in brought for plugin in each.plugins}
        for plugin in named:
            if plugin not in known:
                raise InvalidRequest("actions", f"{plugin}: the session brings no such package")
        if brought and self._packages is None:
            raise InvalidRequest("packages", "this server takes none: [packages] has no directory")
        if self._packages is not None:
            self._packages.check(brought)
        return brought

    def _spec(self, number: int, action: t.ActionSpec) -> ActionSpec:
        field = f"actions[{number}]"
        kind = from_number(ActionType, action.type, f"{field}.type")
        if kind is None:
            raise InvalidRequest(f"{field}.type", f"must be one of {', '.join(ActionType)}")
        if not action.plugin:
            raise InvalidRequest(f"{field}.plugin", "must be set")
        check_text(f"{field}.plugin", action.plugin, LONGEST_ID)
        metadata = _metadata(f"{field}.metadata", action.metadata)
        if "/" in action.plugin:  # a package brings it: never run twice without an operator's word
            if kind is ActionType.CHECK:
                raise InvalidRequest(f"{field}.type", "a package cannot bring a check")
            return ActionSpec(plugin=action.plugin, type=kind, metadata=metadata)
        configured = self._actions.configured(action.plugin)
        idempotent = self._actions.named(action.plugin).idempotent
        if kind is ActionType.CHECK and not idempotent:
            raise InvalidRequest(
                f"{field}.plugin",
                f"{action.plugin} is not declared idempotent, and a check is tried again and again",
            )
        return ActionSpec(
            plugin=action.plugin,
            type=kind,
            metadata=metadata,
            idempotent=idempotent,
            timeout_s=configured.timeout_s,
            attempts=configured.attempts,
        )


def _retired(request: pb.CreateSessionRequest, most: int) -> tuple[str, ...]:
    """Hosts that are to leave the cloud. Which hosts a session works on that names none is known later."""
    names = _hosts("options.retire", request.options.retire, most)
    others = [name for name in names if request.hosts and name not in request.hosts]
    if others:
        raise InvalidRequest("options.retire", f"not among the hosts of the session: {others[0]}")
    return names


def _package(number: int, said: t.Package, named: Collection[str]) -> Package:
    field = f"packages[{number}].url"
    check_text(field, said.url, _LONGEST_URL)
    url, _, fragment = said.url.partition("#")
    found = parse_qs(fragment, keep_blank_values=True)
    if found.keys() - {"sha256"}:
        raise InvalidRequest(field, "nothing but sha256=DIGEST may follow the #")
    digests = {each.lower() for each in (said.sha256, *found.get("sha256", ())) if each}
    if len(digests) > 1:
        raise InvalidRequest(f"packages[{number}].sha256", "is not the one in the URL")
    package = Package(url=url, sha256=next(iter(digests), ""))
    brought = {name.removeprefix(f"{package.name}/") for name in named} - set(named)
    return replace(package, plugins=tuple(sorted(brought)))


def _hosts(field: str, names: Sequence[str], most: int) -> tuple[str, ...]:
    if len(names) > most:
        raise InvalidRequest(field, f"at most {most}, not {len(names)}")
    for name in names:
        check_text(field, name, LONGEST_ID)
    check_unique(field, names)
    return tuple(names)


def _maintenance_at(request: pb.CreateSessionRequest, now: datetime) -> datetime:
    at = from_timestamp(request.maintenance_at, "maintenance_at")
    if at < now - _PAST:
        raise InvalidRequest("maintenance_at", f"{at:%Y-%m-%dT%H:%M:%SZ} is past")
    if at >= _LATEST:
        raise InvalidRequest("maintenance_at", f"must be before the year {_LATEST.year}")
    return at


def window_end(
    said: t.SessionOptions | pb.UpdateSessionRequest, field: str, now: datetime
) -> datetime | None:
    """The end of the window that a request names; None where it names none."""
    if not said.HasField("window_end"):
        return None
    end = from_timestamp(said.window_end, field)
    if end <= now:
        raise InvalidRequest(field, f"{end:%Y-%m-%dT%H:%M:%SZ} is past")
    return end


def _policy(configured: Policy, options: t.SessionOptions) -> Policy:
    """The configured one with what the request chooses."""
    chosen: dict[str, Any] = {}
    for field in ("parallel_hosts", "parallel_moves"):
        number = getattr(options, field)
        if not 0 <= number <= _MOST_AT_ONCE:
            raise InvalidRequest(f"options.{field}", f"at least 1 and at most {_MOST_AT_ONCE}")
        if number:
            chosen[field] = number
    if options.HasField("failure_budget"):
        if not 0 <= options.failure_budget <= MOST_HOSTS:
            raise InvalidRequest("options.failure_budget", f"at least 0 and at most {MOST_HOSTS}")
        chosen["failure_budget"] = options.failure_budget
    if options.fill_limit:
        if not 0 < options.fill_limit <= 1:
            raise InvalidRequest("options.fill_limit", "must be above 0 and at most 1")
        chosen["fill_limit"] = options.fill_limit
    preference = from_number(Preference, options.preference, "options.preference")
    if preference is not None:
        chosen["preference"] = preference
    return replace(configured, **chosen, **_difficult(options))


def _difficult(options: t.SessionOptions) -> dict[str, Any]:
    """What the request chooses for migrations and hosts that do not go their way."""
    chosen: dict[str, Any] = {}
    for field in ("live_s", "host_down_s", "check_s"):
        if options.HasField(field):
            value = getattr(options, field)
            if not 0 <= value <= _MOST_S:
                raise InvalidRequest(f"options.{field}", f"at least 0 and at most {_MOST_S:g}")
            chosen[field] = value
    if (slow := from_number(SlowLive, options.slow_live, "options.slow_live")) is not None:
        chosen["slow_live"] = slow
    if (down := from_number(HostDown, options.host_down, "options.host_down")) is not None:
        chosen["host_down"] = down
    if options.failed_live:
        ways = [from_number(FailedLive, w, "options.failed_live") for w in options.failed_live]
        if None in ways or len(set(ways)) < len(ways):
            raise InvalidRequest("options.failed_live", f"each of {', '.join(FailedLive)} once")
        chosen["failed_live"] = tuple(ways)
    return chosen


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
