"""The nouns of a session, frozen.

Names equal those of proto/fenix/v1/types.proto; enum values are the proto names without their prefix, which are also
the words of the v1 REST API. Times are aware UTC datetimes. Nothing here knows how it is stored or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class SessionState(StrEnum):
    """States of a session (mission: v1 workflow states)."""

    MAINTENANCE = "MAINTENANCE"
    SCALE_IN = "SCALE_IN"
    PREPARE_MAINTENANCE = "PREPARE_MAINTENANCE"
    START_MAINTENANCE = "START_MAINTENANCE"
    PLANNED_MAINTENANCE = "PLANNED_MAINTENANCE"
    MAINTENANCE_COMPLETE = "MAINTENANCE_COMPLETE"
    MAINTENANCE_DONE = "MAINTENANCE_DONE"
    MAINTENANCE_FAILED = "MAINTENANCE_FAILED"


class NoticeKind(StrEnum):
    """What a project is told; see `ASKING` for those that want a reply."""

    MAINTENANCE = "MAINTENANCE"
    SCALE_IN = "SCALE_IN"
    PREPARE_MAINTENANCE = "PREPARE_MAINTENANCE"
    PLANNED_MAINTENANCE = "PLANNED_MAINTENANCE"
    MAINTENANCE_COMPLETE = "MAINTENANCE_COMPLETE"
    INSTANCE_ACTION_DONE = "INSTANCE_ACTION_DONE"
    MAINTENANCE_FAILED = "MAINTENANCE_FAILED"
    SESSION_DELETED = "SESSION_DELETED"


ASKING = frozenset(
    {
        NoticeKind.MAINTENANCE,
        NoticeKind.SCALE_IN,
        NoticeKind.PREPARE_MAINTENANCE,
        NoticeKind.PLANNED_MAINTENANCE,
        NoticeKind.MAINTENANCE_COMPLETE,
    }
)


class Answer(StrEnum):
    """A project's answer."""

    ACK = "ACK"
    NACK = "NACK"


class InstanceAction(StrEnum):
    """How an instance leaves its host."""

    MIGRATE = "MIGRATE"
    LIVE_MIGRATE = "LIVE_MIGRATE"
    OWN_ACTION = "OWN_ACTION"


class HostKind(StrEnum):
    """What kind of host it is; one that runs instances is COMPUTE whatever else it runs."""

    COMPUTE = "COMPUTE"
    CONTROLLER = "CONTROLLER"
    OTHER = "OTHER"


class HostProgress(StrEnum):
    """States of `maintenance.host` (mission: admin events)."""

    IN_MAINTENANCE = "IN_MAINTENANCE"
    MAINTENANCE_COMPLETE = "MAINTENANCE_COMPLETE"


class ActionType(StrEnum):
    """When an action plug-in runs."""

    PRE = "PRE"
    HOST = "HOST"
    COMPUTE = "COMPUTE"
    CONTROLLER = "CONTROLLER"
    POST = "POST"


class StepVerb(StrEnum):
    """The few things fenix does to a cloud."""

    DISABLE_HOST = "DISABLE_HOST"
    ENABLE_HOST = "ENABLE_HOST"
    MOVE_INSTANCE = "MOVE_INSTANCE"
    RUN_ACTION = "RUN_ACTION"


class StepOutcome(StrEnum):
    """How a step ended; LOST means unknown, never failed."""

    DONE = "DONE"
    FAILED = "FAILED"
    LOST = "LOST"


class Fallback(StrEnum):
    """What to do for a project that cannot be asked or does not answer."""

    MIGRATE = "MIGRATE"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Resources:
    """An amount of capacity; arithmetic is per dimension."""

    vcpus: int = 0
    #: MiB
    memory_mb: int = 0
    #: GiB
    disk_gb: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            vcpus=self.vcpus + other.vcpus,
            memory_mb=self.memory_mb + other.memory_mb,
            disk_gb=self.disk_gb + other.disk_gb,
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            vcpus=self.vcpus - other.vcpus,
            memory_mb=self.memory_mb - other.memory_mb,
            disk_gb=self.disk_gb - other.disk_gb,
        )

    def fits(self, room: Resources) -> bool:
        """True when this amount fits into `room` in every dimension."""
        return (
            self.vcpus <= room.vcpus
            and self.memory_mb <= room.memory_mb
            and self.disk_gb <= room.disk_gb
        )

    def __str__(self) -> str:
        return f"{self.vcpus} vCPU, {self.memory_mb} MiB memory, {self.disk_gb} GiB disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """A host as the cloud shows it."""

    host: str
    kind: HostKind = HostKind.COMPUTE
    capacity: Resources = Resources()
    used: Resources = Resources()
    #: False while the scheduler must not use it.
    enabled: bool = True
    disabled_reason: str = ""
    #: False while its service does not report.
    up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """An instance as the cloud shows it."""

    instance_id: str
    instance_name: str = ""
    project_id: str
    #: Where it is; empty while it has no host.
    host: str
    size: Resources = Resources()
    #: The cloud's word, such as ACTIVE, SHUTOFF, ERROR, MIGRATING, VERIFY_RESIZE.
    status: str = "ACTIVE"
    #: Ids of the placement groups that it belongs to; all hold.
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A placement group as the cloud shows it (nova API: server group with anti-affinity)."""

    group_id: str
    group_name: str = ""
    #: How many members may share a host; 0 means any number.
    max_per_host: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One look at the cloud: all hosts, all instances on them, their groups."""

    hosts: tuple[HostView, ...] = ()
    instances: tuple[InstanceView, ...] = ()
    groups: tuple[GroupView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action plug-in of a session."""

    plugin: str
    type: ActionType
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: May be run again after an unknown outcome; declared by the plug-in, frozen at creation.
    idempotent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Times and limits of a session, frozen at its creation so that its journal alone decides.

    Defaults are the v1 timers where v1 has one (upstream: conf `project_maintenance_reply`, `project_scale_in_reply`).
    """

    #: Seconds a project has to reply to MAINTENANCE, PREPARE_ and PLANNED_MAINTENANCE.
    reply_s: float = 40.0
    #: Seconds a project has to reply to SCALE_IN and MAINTENANCE_COMPLETE.
    scale_reply_s: float = 60.0
    #: Seconds a project has for its own action, counted from its reply.
    own_action_s: float = 240.0
    #: Seconds one move may take.
    move_s: float = 600.0
    #: Seconds one run of an action plug-in may take.
    action_s: float = 3600.0
    #: Times a move is tried before the session stops.
    move_attempts: int = 3
    #: Seconds between two attempts.
    retry_wait_s: float = 10.0
    #: SCALE_IN rounds in a row that may have no effect before the session stops.
    scale_in_rounds: int = 3
    #: Hosts on which work may run at once.
    parallel_hosts: int = 4
    #: Moves that may run at once.
    parallel_moves: int = 4
    #: Of these, moves that may leave one host at once, and arrive at one (vnf workflow).
    moves_per_source: int = 2
    moves_per_target: int = 2
    #: What to do for a project whose manager does not listen.
    no_manager: Fallback = Fallback.MIGRATE
    #: What to do for a project whose manager listens but does not answer in time.
    silence: Fallback = Fallback.FAIL
    #: Seconds for which the cloud may give no answer before the session stops.
    cloud_away_s: float = 900.0
    #: Seconds between two looks at the cloud while something is awaited there.
    poll_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something a session waits for. Every wait has a reason; most have a deadline and what follows then."""

    #: `project:ID`, `host:NAME`, `instance:ID`, `time` or `operator`.
    subject: str
    reason: str
    since: datetime
    deadline: datetime | None = None
    then: str = ""
