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
from urllib.parse import unquote, urlsplit

#: Endings of packages that are unpacked.
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")


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
    INSTANCE_ACTION_FALLBACK = "INSTANCE_ACTION_FALLBACK"


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
    #: No progress of work: the host has joined the cloud meanwhile, or has left it for good.
    HOST_ADDED = "HOST_ADDED"
    HOST_REMOVED = "HOST_REMOVED"


class ActionType(StrEnum):
    """When an action plug-in runs."""

    PRE = "PRE"
    HOST = "HOST"
    COMPUTE = "COMPUTE"
    CONTROLLER = "CONTROLLER"
    POST = "POST"
    CHECK = "CHECK"


class StepVerb(StrEnum):
    """The few things fenix does to a cloud."""

    DISABLE_HOST = "DISABLE_HOST"
    ENABLE_HOST = "ENABLE_HOST"
    MOVE_INSTANCE = "MOVE_INSTANCE"
    RUN_ACTION = "RUN_ACTION"
    FETCH_PACKAGE = "FETCH_PACKAGE"
    EVACUATE_INSTANCE = "EVACUATE_INSTANCE"
    REMOVE_HOST = "REMOVE_HOST"


#: Those that take an instance off its host.
MOVING = frozenset({StepVerb.MOVE_INSTANCE, StepVerb.EVACUATE_INSTANCE})
#: Words for an instance on which an operation is open (nova API: server status).
BETWIXT = frozenset({"MIGRATING", "RESIZE", "VERIFY_RESIZE"})


class StepOutcome(StrEnum):
    """How a step ended; LOST means unknown, never failed."""

    DONE = "DONE"
    FAILED = "FAILED"
    LOST = "LOST"


class Fallback(StrEnum):
    """What to do for a project that cannot be asked or does not answer."""

    MIGRATE = "MIGRATE"
    FAIL = "FAIL"


class SlowLive(StrEnum):
    """What is done about a live migration that takes too long."""

    WAIT = "WAIT"
    FORCE = "FORCE"
    ABORT = "ABORT"


class FailedLive(StrEnum):
    """What follows when an instance could not be migrated live."""

    COLD = "COLD"
    ASK = "ASK"
    GIVE_BACK = "GIVE_BACK"
    STOP = "STOP"


class HostDown(StrEnum):
    """What is done about instances on a host that dies while it is emptied."""

    STOP = "STOP"
    EVACUATE = "EVACUATE"


class Preference(StrEnum):
    """Which of several good plans is followed."""

    BALANCED = "BALANCED"
    FASTEST = "FASTEST"
    FEWEST_MOVES = "FEWEST_MOVES"


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

    def or_more(self, other: Resources) -> Resources:
        """The greater amount in every dimension."""
        return Resources(
            vcpus=max(self.vcpus, other.vcpus),
            memory_mb=max(self.memory_mb, other.memory_mb),
            disk_gb=max(self.disk_gb, other.disk_gb),
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
    #: Its availability zone; empty where the cloud has none.
    zone: str = ""
    #: Aggregates that say more of it than its zone, in order of name: instances may depend on what they say.
    aggregates: tuple[str, ...] = ()
    #: What else is wrong with it though its service reports, in words: it is no place for instances then.
    trouble: str = ""

    @property
    def healthy(self) -> bool:
        """It can do all that a host is there for."""
        return self.up and not self.trouble

    @property
    def pool(self) -> str:
        """Instances never leave the hosts of one pool: the same zone, the same aggregates."""
        return "/".join((self.zone, *self.aggregates))


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
class HeldHost:
    """A host that another session holds: one host belongs to one session at a time."""

    host: str
    #: Empty when it is free again.
    session_id: str = ""
    #: Work is running on it.
    in_work: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """An instance that another session takes out of service, or took: it counts in the budgets of its groups."""

    instance_id: str
    session_id: str
    groups: tuple[str, ...] = ()
    #: When that ended; None while it goes on.
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Something that a session brings for its actions."""

    url: str
    #: SHA-256 that is demanded, in hexadecimal digits; empty where a signature has to do.
    sha256: str = ""
    #: Actions of the session that it brings, by their names in it; such a package must be signed.
    plugins: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """What its URL ends with."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]

    @property
    def ending(self) -> str:
        """The ending by which it is an archive; empty for none."""
        return next((e for e in ARCHIVES if self.file_name.lower().endswith(e)), "")

    @property
    def name(self) -> str:
        """What it is called among the packages of its session."""
        return self.file_name[: len(self.file_name) - len(self.ending)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action plug-in of a session."""

    plugin: str
    type: ActionType
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: May be run again after an unknown outcome; declared by the plug-in, frozen at creation.
    idempotent: bool = False
    #: Seconds one run may take; 0 leaves it to the policy. Like the next, as configured at creation.
    timeout_s: float = 0.0
    #: Times it is tried on a host before it counts as failed.
    attempts: int = 1


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
    #: Which plan is followed (vnf workflow).
    preference: Preference = Preference.BALANCED
    #: Share of each dimension of a host up to which moves fill it, above 0 and up to 1 (vnf workflow).
    fill_limit: float = 1.0
    #: Seconds that a move, and the work on a host, is expected to take as long as none was measured.
    expected_move_s: float = 60.0
    expected_work_s: float = 1800.0
    #: What to do for a project whose manager does not listen.
    no_manager: Fallback = Fallback.MIGRATE
    #: What to do for a project whose manager listens but does not answer in time.
    silence: Fallback = Fallback.FAIL
    #: Seconds for which the cloud may give no answer before the session stops.
    cloud_away_s: float = 900.0
    #: Seconds between two looks at the cloud while something is awaited there.
    poll_s: float = 5.0
    #: Hosts whose work may fail before the session stops; they are set aside and the others go on.
    failure_budget: int = 0
    #: Seconds after the work on a host within which its services must report again.
    up_s: float = 600.0
    #: Seconds within which a check must pass before a host is begun, and again after the work on it.
    check_s: float = 300.0
    #: Seconds after the work on a host that is retired within which its service must be stopped.
    retire_s: float = 600.0
    #: Seconds after which a live migration counts as slow; 0: never. What is done about it is in core/live.py.
    live_s: float = 0.0
    slow_live: SlowLive = SlowLive.WAIT
    #: What follows, in this order, when an instance could not be migrated live; after that the session stops.
    failed_live: tuple[FailedLive, ...] = ()
    #: What is done when a host that is being emptied does not report for `host_down_s` seconds.
    host_down: HostDown = HostDown.STOP
    host_down_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something a session waits for. Every wait has a reason; most have a deadline and what follows then."""

    #: `project:ID`, `host:NAME`, `instance:ID`, `time` or `operator`.
    subject: str
    reason: str
    since: datetime
    deadline: datetime | None = None
    then: str = ""
