"""What is known of a session: the fold of its journal, and questions that any reader may ask of it.

Made by evolve.py only. Everything here is derived; nothing is stored but the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.events import PlanMade, SessionCreated, SessionVerified
from fenix_grpc.core.index import Index
from fenix_grpc.core.model import (
    BETWIXT,
    MOVING,
    ActionType,
    Answer,
    GroupView,
    HeldHost,
    HostKind,
    HostProgress,
    HostView,
    Impact,
    InstanceAction,
    InstanceView,
    NoticeKind,
    Resources,
    SessionState,
    StepOutcome,
    StepVerb,
)

TERMINAL = frozenset({SessionState.MAINTENANCE_DONE, SessionState.MAINTENANCE_FAILED})


#: With the id of its session, what is written to a host that is kept out of service: sessions know their own again.
MARK = "fenix session "


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host and what this session did with it."""

    view: HostView
    #: The session works on it.
    selected: bool = False
    #: Why the session leaves it alone.
    excluded: str = ""
    #: This session has disabled it, or may have: it owes to enable it again.
    disabled: bool = False
    #: Seq of the event that closed it to new instances; 0 while it is open.
    closed_seq: int = 0
    #: Seq of the last event that may have changed what is on it; only a later look proves anything.
    touched_seq: int = 0
    progress: HostProgress | None = None
    #: All work done and back in service, or gone for good as it was to be.
    maintained: bool = False
    #: It leaves the cloud for good after its work, and takes no instances any more.
    retired: bool = False
    #: It has left the cloud.
    removed: bool = False
    #: The cloud does not show it any more, though it was not to leave: somebody else has removed it.
    gone: bool = False
    #: It joined the cloud after the session had chosen its hosts.
    added: bool = False
    #: Numbers of the actions that ended well on it.
    actions_done: frozenset[int] = frozenset()
    #: Why the work on it was given up while others go on; empty otherwise.
    set_aside: str = ""
    #: That was because an instance cannot leave it, and policy gives such hosts back.
    given_back: bool = False
    #: Since when its service is seen not to report; None while it does.
    down_since: datetime | None = None
    #: What those instances held that were evacuated from it: it is booked there until its service reports again.
    evacuated: Resources = Resources()

    @property
    def name(self) -> str:
        return self.view.host

    @property
    def todo(self) -> bool:
        """It is to be worked on, is not done and was not given up."""
        return self.selected and not self.maintained and not self.set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that is running (`outcome` is None) or has ended."""

    step_id: str
    verb: StepVerb
    host: str = ""
    instance_id: str = ""
    target: str = ""
    how: InstanceAction | None = None
    action_index: int = 0
    package_index: int = 0
    started_at: datetime
    #: Number of `SessionContinued` events before it; failures of an earlier try do not count any more.
    run: int = 0
    outcome: StepOutcome | None = None
    detail: str = ""
    output: str = ""
    ended_at: datetime | None = None
    ended_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A notice that wants a reply, and what came of it."""

    notice_id: str
    project_id: str
    kind: NoticeKind
    instance_ids: tuple[str, ...]
    #: Where each of them was then.
    hosts: Mapping[str, str] = field(default_factory=dict)
    asked_at: datetime
    reply_at: datetime | None
    actions_at: datetime | None = None
    needed: Resources | None = None
    suggested_instance_ids: tuple[str, ...] = ()
    #: What may be chosen; empty where nothing is, or anything.
    allowed_actions: tuple[InstanceAction, ...] = ()
    reason: str = ""
    answer: Answer | None = None
    answered_at: datetime | None = None
    answer_reason: str = ""
    #: Why policy answered in the project's place.
    defaulted: str = ""
    action: InstanceAction | None = None
    instance_actions: Mapping[str, InstanceAction] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Nothing is awaited any more."""
        return self.answer is not None or bool(self.defaulted)

    @property
    def refused(self) -> bool:
        return self.answer is Answer.NACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """How an instance is to leave a host."""

    action: InstanceAction
    project_id: str
    from_host: str
    #: When it was agreed.
    at: datetime
    #: The groups that it belonged to then.
    groups: tuple[str, ...] = ()
    #: It has left, and when that was told.
    done: bool = False
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything known of a session at `seq`."""

    session_id: str
    seq: int = 0
    created: SessionCreated
    created_at: datetime
    updated_at: datetime
    state: SessionState = SessionState.MAINTENANCE
    prev_state: SessionState | None = None
    reason: str = ""
    entered_at: datetime
    #: The host that is being emptied, in PREPARE_ and PLANNED_MAINTENANCE.
    current_host: str = ""
    hosts: Mapping[str, Host] = field(default_factory=dict)
    selected: bool = False
    instances: Mapping[str, InstanceView] = field(default_factory=dict)
    #: Host to the ids of the instances on it; the same facts as `instances`, indexed.
    on_host: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, GroupView] = field(default_factory=dict)
    #: What applications demand, by instance and by group.
    instance_constraints: Mapping[str, InstanceConstraint] = field(default_factory=dict)
    group_constraints: Mapping[str, GroupConstraint] = field(default_factory=dict)
    #: By name, the hosts that other sessions hold.
    held_hosts: Mapping[str, HeldHost] = field(default_factory=dict)
    #: By id, the instances that other sessions take out of service, or took.
    impacts: Mapping[str, Impact] = field(default_factory=dict)
    #: When any of that changed last.
    others_at: datetime | None = None
    #: No host is begun that is not expected to be done by then.
    window_end: datetime | None = None
    #: Projects that were ever affected, in order of appearance.
    projects: tuple[str, ...] = ()
    listening: frozenset[str] = frozenset()
    #: By notice id, what was asked in this state.
    asks: Mapping[str, Ask] = field(default_factory=dict)
    #: Number of notices sent so far.
    notices: int = 0
    #: Per project, every kind it was ever asked; stale replies are told from premature ones by it.
    asked_kinds: Mapping[str, frozenset[NoticeKind]] = field(default_factory=dict)
    #: Per instance, what was last agreed for it.
    agreed: Mapping[str, Agreed] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    #: Instance to the end of its last move, however that ended.
    moved: Mapping[str, datetime] = field(default_factory=dict)
    #: The last plan that was made, and its seq.
    plan: PlanMade | None = None
    plan_seq: int = 0
    #: Ids of the steps that are running.
    open_steps: frozenset[str] = frozenset()
    #: Instance to its last move, where the outcome of that is unknown: it may have left half an operation behind.
    lost_moves: Mapping[str, Step] = field(default_factory=dict)
    #: Numbers of the pre and post actions that ended well.
    actions_done: frozenset[int] = frozenset()
    #: Number to SHA-256 of the packages that were fetched.
    fetched: Mapping[int, str] = field(default_factory=dict)
    #: Load of the cloud at the entry of each SCALE_IN round.
    scale_in_loads: tuple[Resources, ...] = ()
    #: The last event that a look at the cloud is known to be later than.
    looked_seq: int = 0
    looked_at: datetime | None = None
    #: The last event after which the cloud may differ from what is believed.
    dirty_seq: int = 0
    #: The last look that showed a difference.
    changed_seq: int = 0
    #: Why the cloud could not be looked at, and since when; empty while it answers.
    cloud_problem: str = ""
    cloud_problem_since: datetime | None = None
    continued: int = 0
    continued_at: datetime | None = None
    #: It has gone past MAINTENANCE: its hosts are its own from then on.
    started: bool = False
    #: What the independent checker said last.
    verified: SessionVerified | None = None
    deleted: bool = False
    closed: bool = False
    #: The same facts, ready to be asked.
    index: Index = Index()
    #: Answers worked out before, of this very session.
    _known: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def settled(self) -> bool:
        """No engine needs to care for it: nothing runs and nothing can be decided until somebody calls."""
        if self.deleted:
            return self.closed
        return self.terminal and not self.open_steps

    @property
    def ended(self) -> bool:
        """Nothing more will ever be appended, short of a delete."""
        return self.closed or (self.state is SessionState.MAINTENANCE_DONE and not self.deleted)

    @property
    def percent_done(self) -> int:
        """Share of the selected hosts that are maintained; 100 only when the session is done."""
        if self.state is SessionState.MAINTENANCE_DONE:
            return 100
        chosen = [host for host in self.hosts.values() if host.selected]
        if not chosen:
            return 0
        return min(99, 100 * sum(host.maintained for host in chosen) // len(chosen))

    @property
    def demanding(self) -> frozenset[str]:
        """Projects that registered demands: they are told of each instance by itself."""
        if "demanding" not in self._known:
            of_instances = (c.project_id for c in self.instance_constraints.values())
            of_groups = (c.project_id for c in self.group_constraints.values())
            self._known["demanding"] = frozenset(of_instances).union(of_groups)
        found: frozenset[str] = self._known["demanding"]
        return found

    @property
    def owed_hosts(self) -> tuple[str, ...]:
        """Hosts out of service on behalf of this session. One that is gone cannot be given back."""
        owed = (name for name, host in self.hosts.items() if host.disabled and not host.gone)
        return tuple(sorted(owed))

    @property
    def set_aside(self) -> tuple[Host, ...]:
        """Hosts on which work was given up, in order of name."""
        aside = (host for host in self.hosts.values() if host.set_aside)
        return tuple(sorted(aside, key=lambda host: host.view.host))

    @property
    def fresh(self) -> bool:
        """The cloud was looked at after the last event that may have changed it."""
        return self.looked_seq >= max(1, self.dirty_seq)

    def waited_since(self, since: datetime) -> datetime:
        """Patience begins anew when the operator continues the session."""
        return max(since, self.continued_at or since)

    def asks_of(self, project_id: str) -> tuple[Ask, ...]:
        """What a project was asked in this state, in order."""
        return tuple(ask for ask in self.asks.values() if ask.project_id == project_id)

    def open(self) -> Iterable[Step]:
        """Running steps in order of their ids."""
        return (self.steps[step_id] for step_id in sorted(self.open_steps))

    def moves(self) -> Iterator[Step]:
        """Moves of known instances that are under way: those that run, and those of unknown outcome that the cloud was
        seen to go on with. They may yet arrive."""
        running = {s.instance_id: s for s in self.open() if s.verb in MOVING}
        yield from (step for step in running.values() if step.instance_id in self.instances)
        for instance_id, step in sorted(self.lost_moves.items()):
            seen, source = self.instances.get(instance_id), self.hosts.get(step.host)
            adrift = seen is not None and seen.status in BETWIXT and seen.host == step.host
            if adrift and source is not None and source.view.up and instance_id not in running:
                yield step

    def instances_on(self, host: str) -> tuple[InstanceView, ...]:
        """Instances believed to be on a host, in order of id."""
        return tuple(self.instances[i] for i in sorted(self.on_host.get(host, frozenset())))

    def instances_of(self, project_id: str) -> tuple[InstanceView, ...]:
        """A project's instances on the hosts that are worked on, in order of id."""
        return tuple(
            instance
            for _, instance in sorted(self.instances.items())
            if instance.project_id == project_id
            and (host := self.hosts.get(instance.host)) is not None
            and host.selected
        )

    def todo(self, kind: HostKind | None = None) -> tuple[Host, ...]:
        """Hosts still to be worked on, in order of name."""
        known: dict[HostKind | None, tuple[Host, ...]] = self._known.setdefault("todo", {})
        if None not in known:
            left = [host for host in self.hosts.values() if host.todo]
            known[None] = tuple(sorted(left, key=lambda host: host.view.host))
        if kind not in known:
            known[kind] = tuple(host for host in known[None] if host.view.kind is kind)
        return known[kind]

    def is_check(self, step: Step) -> bool:
        """The step runs an action that only looks."""
        return (
            step.verb is StepVerb.RUN_ACTION
            and self.created.actions[step.action_index].type is ActionType.CHECK
        )

    def action_order(self, *types: ActionType) -> tuple[int, ...]:
        """Numbers of the actions of these types, in order of type and within it as created (alphabetical)."""
        return tuple(
            index
            for wanted in types
            for index, action in enumerate(self.created.actions)
            if action.type is wanted
        )

    def proven_empty(self, host: Host) -> bool:
        """Nothing is on a closed host: no instance listed, nothing booked, and the look came after it was closed and
        after the last thing that could have changed it."""
        return (
            host.disabled
            and host.closed_seq > 0
            and self.looked_seq >= max(host.closed_seq, host.touched_seq)
            and not self.on_host.get(host.name)
            and host.view.used.vcpus <= (0 if host.view.up else host.evacuated.vcpus)
        )
