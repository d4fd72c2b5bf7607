"""What a journal has told of the world so far, in dictionaries: who is where, what runs, who was asked what.

Naive on purpose: nothing is derived that could be looked up. Filled by replay.py only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fenix_grpc.core import events as e
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.model import (
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

#: Notices that announce that instances leave their host.
MOVING_NOTICES = frozenset({NoticeKind.PREPARE_MAINTENANCE, NoticeKind.PLANNED_MAINTENANCE})


class Entry(Protocol):
    """An event in its place."""

    @property
    def session_id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def event(self) -> e.Event: ...


@dataclass(slots=True, kw_only=True)
class Step:
    """A step and how it ended; `outcome` is None while it runs."""

    started: e.StepStarted
    seq: int
    at: datetime
    outcome: StepOutcome | None = None
    ended_seq: int = 0


@dataclass(slots=True, kw_only=True)
class Work:
    """What the session did with a host."""

    #: The session has taken it out of service, or may have, and has not given it back.
    ours: bool = False
    #: The event that proves it closed; 0 while it is not.
    closed_seq: int = 0
    #: The end of the last move from it or to it.
    touched_seq: int = 0
    progress: HostProgress | None = None


@dataclass(slots=True, kw_only=True)
class Notice:
    """A notice and what came of it."""

    asked: e.ProjectAsked
    seq: int
    at: datetime
    #: Where its instances were then.
    hosts: Mapping[str, str]
    reply: e.ProjectReplied | e.ProjectDefaulted | None = None
    #: Instance to the action that took the place of the agreed one.
    replaced: dict[str, InstanceAction] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        return isinstance(self.reply, e.ProjectReplied) and self.reply.answer is Answer.NACK

    def chosen(self, instance_id: str) -> InstanceAction | None:
        """What the reply, or the default, or policy afterwards, says of an instance; None when nothing does."""
        if instance_id in self.replaced:
            return self.replaced[instance_id]
        if isinstance(self.reply, e.ProjectReplied):
            return self.reply.instance_actions.get(instance_id) or self.reply.action
        return self.reply.action if self.reply else None


@dataclass(slots=True, kw_only=True)
class World:
    """Everything the journal has told so far."""

    seq: int = 0
    created: e.SessionCreated | None = None
    state: SessionState | None = None
    deleted: bool = False
    closed: bool = False
    #: The last event that a look at the cloud is known to be later than.
    looked: int = 0
    listening: set[str] = field(default_factory=set)
    selected: frozenset[str] = frozenset()
    #: The last event by which the session was continued; 0 for none.
    continued_seq: int = 0
    #: Host to when it was first seen not to report; those that do are not in it.
    down: dict[str, datetime] = field(default_factory=dict)
    #: Host to the vCPUs of the instances evacuated from it, as long as it does not report.
    evacuated: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    #: Hosts that were set aside, and the events that did so, since the session was continued last.
    aside: dict[str, int] = field(default_factory=dict)
    #: Those of them that policy gave back.
    given_back: set[str] = field(default_factory=set)
    #: By name, hosts of other sessions; by id, instances that other sessions disturb.
    held: dict[str, HeldHost] = field(default_factory=dict)
    impacts: dict[str, Impact] = field(default_factory=dict)
    hosts: dict[str, HostView] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=lambda: defaultdict(Work))
    instances: dict[str, InstanceView] = field(default_factory=dict)
    #: Instance to every host on which it holds room: two while it moves.
    places: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Host to the instances that hold room there; the same facts as `places`.
    on: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    groups: dict[str, GroupView] = field(default_factory=dict)
    instance_constraints: dict[str, InstanceConstraint] = field(default_factory=dict)
    group_constraints: dict[str, GroupConstraint] = field(default_factory=dict)
    #: Instance to its groups, those of the cloud and the one it names itself; kept when it is gone.
    groups_of: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Group to its members that exist.
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    steps: dict[str, Step] = field(default_factory=dict)
    running: dict[str, Step] = field(default_factory=dict)
    #: Instance to its running move.
    moving: dict[str, Step] = field(default_factory=dict)
    #: Instance to its last move, while the outcome of that is unknown.
    lost: dict[str, Step] = field(default_factory=dict)
    #: Instance to the time at which its last move had ended.
    moved_at: dict[str, datetime] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)
    #: Instance to the last notice that announced its leaving.
    announced: dict[str, Notice] = field(default_factory=dict)

    def is_compute(self, host: str) -> bool:
        """A host that nobody has described is taken for a compute host."""
        view = self.hosts.get(host)
        return view is None or view.kind is HostKind.COMPUTE

    def is_check(self, step: e.StepStarted) -> bool:
        """The step runs an action that only looks."""
        actions = self.created.actions if self.created else ()
        return (
            step.verb is StepVerb.RUN_ACTION
            and step.action_index < len(actions)
            and actions[step.action_index].type is ActionType.CHECK
        )

    def in_hand(self, instance_id: str) -> bool:
        """The session moves it, or does not know yet what became of a move."""
        lost = self.lost.get(instance_id)
        return instance_id in self.moving or (lost is not None and lost.ended_seq > self.looked)

    def brings_to_end(self, event: e.StepStarted) -> bool:
        """The step follows a move of unknown outcome that is known to have got somewhere."""
        lost, view = self.lost.get(event.instance_id), self.instances.get(event.instance_id)
        if lost is None or view is None:
            return False
        same = (event.host, event.target, event.how) == (
            lost.started.host,
            lost.started.target,
            lost.started.how,
        )
        return same and (view.host != event.host or view.status not in ("ACTIVE", "SHUTOFF"))

    def booked(self, host: str) -> Resources:
        """What all instances hold on a host."""
        vcpus = memory_mb = disk_gb = 0
        for instance_id in self.on[host]:
            size = self.instances[instance_id].size
            vcpus += size.vcpus
            memory_mb += size.memory_mb
            disk_gb += size.disk_gb
        return Resources(vcpus=vcpus, memory_mb=memory_mb, disk_gb=disk_gb)

    def put(self, instance_id: str, hosts: Iterable[str]) -> None:
        """From now on the instance holds room on these hosts and no others."""
        for host in self.places.get(instance_id, frozenset()):
            self.on[host].discard(instance_id)
        self.places[instance_id] = frozenset(host for host in hosts if host)
        for host in self.places[instance_id]:
            self.on[host].add(instance_id)

    def remove(self, instance_id: str) -> None:
        """The instance does not exist any more."""
        self.put(instance_id, ())
        self.places.pop(instance_id, None)
        self.instances.pop(instance_id, None)
        for group_id in self.groups_of.get(instance_id, frozenset()):
            self.members[group_id].discard(instance_id)

    def regroup(self, instance_id: str) -> None:
        """Its groups are those that the cloud and its constraint name now."""
        view = self.instances.get(instance_id)
        if view is None:
            return
        demand = self.instance_constraints.get(instance_id)
        named = {demand.group_id} if demand and demand.group_id else set()
        for group_id in self.groups_of.get(instance_id, frozenset()):
            self.members[group_id].discard(instance_id)
        self.groups_of[instance_id] = frozenset(named.union(view.groups))
        for group_id in self.groups_of[instance_id]:
            self.members[group_id].add(instance_id)
