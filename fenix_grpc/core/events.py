"""The closed set of things that can happen to a session; the journal holds nothing else.

Names equal the messages of proto/fenix/v1/events.proto. Adding one means: a type here, a message there, a branch in
evolve.py. Fields may be added with defaults; recorded journals must fold for ever (tests/journals).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.model import (
    ActionSpec,
    Answer,
    GroupView,
    HeldHost,
    HostProgress,
    HostView,
    Impact,
    InstanceAction,
    InstanceView,
    NoticeKind,
    Package,
    Policy,
    Resources,
    SessionState,
    StepOutcome,
    StepVerb,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated:
    """The session was created."""

    #: Hosts asked for; empty means all that the cloud knows.
    hosts: tuple[str, ...] = ()
    workflow: str = "default"
    maintenance_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: In the order of execution.
    actions: tuple[ActionSpec, ...] = ()
    created_by: str = ""
    policy: Policy = Policy()
    #: No host is begun that is not expected to be done by then; None for no end.
    window_end: datetime | None = None
    #: In the order of the request.
    packages: tuple[Package, ...] = ()
    #: Hosts that leave the cloud for good after the work on them.
    retire: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldObserved:
    """What a look at the cloud showed, as the difference from what was believed."""

    hosts: tuple[HostView, ...] = ()
    gone_hosts: tuple[str, ...] = ()
    instances: tuple[InstanceView, ...] = ()
    gone_instances: tuple[str, ...] = ()
    groups: tuple[GroupView, ...] = ()
    listening: tuple[str, ...] = ()
    not_listening: tuple[str, ...] = ()
    #: New or changed constraints, and the ids of those that were withdrawn.
    instance_constraints: tuple[InstanceConstraint, ...] = ()
    group_constraints: tuple[GroupConstraint, ...] = ()
    gone_instance_constraints: tuple[str, ...] = ()
    gone_group_constraints: tuple[str, ...] = ()
    #: The last event that the look is known to be later than; facts up to it are confirmed.
    looked_after_seq: int = 0
    #: Why the cloud could not be looked at; the other fields are empty then.
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OthersObserved:
    """What the sessions that run at the same time do, as the difference from what was known."""

    #: Hosts that other sessions hold, as far as that is new or changed.
    held_hosts: tuple[HeldHost, ...] = ()
    #: Instances that other sessions take out of service, as far as that is new or changed.
    impacts: tuple[Impact, ...] = ()
    #: Instances that other sessions no longer disturb in any way that counts.
    gone_impacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsSelected:
    """The hosts to work on are settled."""

    hosts: tuple[str, ...]
    #: Host to reason.
    excluded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntered:
    """The session entered a state."""

    state: SessionState
    reason: str = ""
    #: The host to be emptied in PREPARE_ and PLANNED_MAINTENANCE; empty for several.
    host: str = ""
    #: What was asked before is still to be answered.
    keeps_asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWave:
    """Hosts that are worked on at the same time."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMove:
    """Where an instance is to go."""

    instance_id: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """It was planned which hosts are emptied when, and which instance goes where; replaces an earlier plan."""

    #: In order.
    waves: tuple[PlanWave, ...] = ()
    #: Moves still to be made.
    moves: tuple[PlanMove, ...] = ()
    #: Why it was made, and what it could not plan.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAsked:
    """A project was told, and asked if `reply_at` is set."""

    notice_id: str
    project_id: str
    kind: NoticeKind
    instance_ids: tuple[str, ...] = ()
    allowed_actions: tuple[InstanceAction, ...] = ()
    actions_at: datetime | None = None
    reply_at: datetime | None = None
    needed: Resources | None = None
    #: SCALE_IN only: instances of the project whose release would be enough; empty where that is not known.
    suggested_instance_ids: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReplied:
    """A project replied to a notice."""

    notice_id: str
    project_id: str
    kind: NoticeKind
    answer: Answer
    action: InstanceAction | None = None
    instance_actions: Mapping[str, InstanceAction] = field(default_factory=dict)
    reason: str = ""
    replied_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDefaulted:
    """Policy answered in a project's place."""

    notice_id: str
    project_id: str
    kind: NoticeKind
    action: InstanceAction | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceActionDone:
    """An instance left the host it was to leave."""

    instance_id: str
    project_id: str
    action: InstanceAction
    from_host: str = ""
    to_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReplaced:
    """What was agreed for an instance could not be done, and policy puts another action in its place."""

    instance_id: str
    project_id: str
    action: InstanceAction
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChanged:
    """Work on a host began or ended well, or the host has joined the cloud, or left it for good."""

    host: str
    progress: HostProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetAside:
    """The work on a host failed, and the session goes on with others until it is continued."""

    host: str
    reason: str
    #: Policy gives it back because an instance cannot leave it; it does not count as a failure of work.
    given_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step began. Appended before it is performed, with the expected seq: so it is performed once."""

    step_id: str
    verb: StepVerb
    host: str = ""
    instance_id: str = ""
    target: str = ""
    how: InstanceAction | None = None
    action_index: int = 0
    package_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """A step ended."""

    step_id: str
    outcome: StepOutcome
    detail: str = ""
    output: str = ""
    #: Where the instance is now, when the step moved one; empty otherwise and when it is gone.
    host: str = ""
    #: What was fetched, when the step fetched a package.
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContinued:
    """An operator continued the failed session."""

    state: SessionState
    continued_by: str = ""
    #: The new end of the window; None keeps what was said before, unless that is past.
    window_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeleted:
    """An operator deleted the session."""

    deleted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """Nothing more will happen."""

    left_disabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleJudged:
    """What became of one promise."""

    name: str
    #: One word: kept, BROKEN or unused.
    verdict: str
    #: How often there was something to judge.
    checked: int = 0
    #: The moment that came closest, in words, and the event that it is about.
    tightest: str = ""
    tightest_seq: int = 0
    #: What was broken, in words with the numbers of the events.
    violations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionVerified:
    """The independent checker has judged the journal. At the end of a session this stands just before the event that
    ends it, which is judged as well."""

    ok: bool
    rules: tuple[RuleJudged, ...] = ()


Event = (
    SessionCreated
    | WorldObserved
    | OthersObserved
    | HostsSelected
    | PlanMade
    | StateEntered
    | ProjectAsked
    | ProjectReplied
    | ProjectDefaulted
    | InstanceActionDone
    | ActionReplaced
    | HostChanged
    | HostSetAside
    | StepStarted
    | StepEnded
    | SessionContinued
    | SessionDeleted
    | SessionClosed
    | SessionVerified
)

#: Name in the journal to type.
KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        SessionCreated,
        WorldObserved,
        OthersObserved,
        HostsSelected,
        PlanMade,
        StateEntered,
        ProjectAsked,
        ProjectReplied,
        ProjectDefaulted,
        InstanceActionDone,
        ActionReplaced,
        HostChanged,
        HostSetAside,
        StepStarted,
        StepEnded,
        SessionContinued,
        SessionDeleted,
        SessionClosed,
        SessionVerified,
    )
}
