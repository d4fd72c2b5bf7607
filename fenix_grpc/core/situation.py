"""One moment of a session as the safety rules see it: who moves, recovers or is down, what is free, what is booked.

Made once per decision and shared by all rules; what is worked out is worked out when first asked for. `book` takes a
move in, so that the moves that one decision starts are weighed together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from fenix_grpc.core.capacity import free_on, groups_of, mitigated, usable
from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.model import Impact, InstanceAction, InstanceView, Resources
from fenix_grpc.core.session import Agreed, Ask, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An instance that is to leave its host for another."""

    instance: InstanceView
    target: str


class Situation:
    """See the module."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.moving: dict[str, Move] = {}
        self.leaving: Counter[str] = Counter()
        self.arriving: Counter[str] = Counter()
        #: Moves for whose instances room for a substitute must be free.
        self.mitigated: list[Move] = []
        #: Hosts that are being closed by this very decision.
        self.closing: set[str] = set()
        self._arrivals: defaultdict[str, list[InstanceView]] = defaultdict(list)
        #: Instances whose projects are being told by this very decision.
        self._told: set[str] = set()
        self._impacted: dict[str, dict[str, datetime | None]] = {}
        self._free: dict[str, Resources] = {}
        self._members_on: dict[str, Counter[str]] = {}
        for step in session.moves():
            instance = session.instances[step.instance_id]
            if step.outcome is None:
                self.book(Move(instance=instance, target=step.target))
            else:  # it may yet arrive, but nothing of ours waits for it
                self._arrivals[step.target].append(instance)

    def book(self, move: Move) -> None:
        """The move counts from now on, on both ends."""
        self.moving[move.instance.instance_id] = move
        self.leaving[move.instance.host] += 1
        self.arriving[move.target] += 1
        self._arrivals[move.target].append(move.instance)
        if mitigated(self.session, move.instance):
            self.mitigated.append(move)
        for cache in (self._free, self._members_on):
            cache.pop(move.target, None)
        self._disturbed(move.instance)

    def tell(self, instance: InstanceView) -> None:
        """Its project is being told that it has to leave."""
        self._told.add(instance.instance_id)
        self._disturbed(instance)

    def _disturbed(self, instance: InstanceView) -> None:
        for group_id in groups_of(self.session, instance) if self._impacted else ():
            self._impacted.pop(group_id, None)

    def _there(self, host: str) -> tuple[InstanceView, ...]:
        """Instances on a host and on their way to it."""
        return (*self.session.instances_on(host), *self._arrivals.get(host, ()))

    def free(self, host: str) -> Resources:
        """What is neither used nor booked."""
        if host not in self._free:
            self._free[host] = free_on(self.session.hosts[host], self._there(host))
        return self._free[host]

    def members_on(self, host: str, group_id: str) -> int:
        """Members of a group on a host or on their way there."""
        if host not in self._members_on:
            groups = (g for i in self._there(host) for g in groups_of(self.session, i))
            self._members_on[host] = Counter(groups)
        return self._members_on[host][group_id]

    def takes_new(self, host: str) -> bool:
        """New instances may go there."""
        known = self.session.hosts.get(host)
        held = self.session.held_hosts.get(host)
        shut = host in self.closing or (held is not None and held.in_work)
        return known is not None and usable(known) and not shut

    def demand(self, instance_id: str) -> InstanceConstraint | None:
        """What the instance demands."""
        return self.session.instance_constraints.get(instance_id)

    def acts_itself(self, instance_id: str) -> bool:
        """Its manager may take a notice as the sign to replace it: it never said that fenix is to move it."""
        demand = self.demand(instance_id)
        first = next(iter(demand.migration_types if demand else ()), InstanceAction.OWN_ACTION)
        return first is InstanceAction.OWN_ACTION

    def lead_time(self, instance_id: str) -> timedelta:
        """The time that it needs between its notice and its move."""
        demand = self.demand(instance_id)
        return timedelta(seconds=demand.lead_time if demand else 0)

    def ask(self, instance: InstanceView) -> Ask | None:
        """The last notice that it has to leave the host that it is on."""
        notice_id = self.session.index.leave_asks.get(instance.instance_id, "")
        ask = self.session.asks.get(notice_id)
        here = ask is not None and ask.hosts.get(instance.instance_id) == instance.host
        return ask if here else None

    def agreed(self, instance: InstanceView) -> Agreed | None:
        """What was agreed for it on the host that it is on."""
        agreed = self.session.agreed.get(instance.instance_id)
        valid = agreed is not None and not agreed.done and agreed.from_host == instance.host
        return agreed if valid else None

    def members(self, group_id: str) -> frozenset[str]:
        """Ids of all members of a group."""
        return self.session.index.members.get(group_id, frozenset())

    def impacted(self, group_id: str, recovery: timedelta) -> dict[str, datetime | None]:
        """Members that are out of service, with the time at which that ends where it is known."""
        if group_id not in self._impacted:
            self._impacted[group_id] = self._find_impacted(group_id, recovery)
        return dict(self._impacted[group_id])

    def _find_impacted(self, group_id: str, recovery: timedelta) -> dict[str, datetime | None]:
        out: dict[str, datetime | None] = {}
        for impact in self._beside.get(group_id, ()):
            until = impact.ended_at and impact.ended_at + recovery
            if until is None or self.now < until:
                out[impact.instance_id] = until
        for gone, at in self.session.index.replaced.get(group_id, {}).items():
            if self.now < at + recovery:
                out[gone] = at + recovery
        for name in self.members(group_id):
            member = self.session.instances[name]
            moved = self.session.moved.get(name)
            if name in self.moving or self.replacing(member) or member.status != "ACTIVE":
                out[name] = None
            elif moved is not None and self.now < moved + recovery:
                out[name] = moved + recovery
        return out

    def replacing(self, instance: InstanceView) -> bool:
        """Its manager replaces it, or may do so as it has been told to leave."""
        agreed = self.agreed(instance)
        if agreed is not None:
            return agreed.action is InstanceAction.OWN_ACTION
        ask = self.ask(instance)
        told = instance.instance_id in self._told or (ask is not None and not ask.settled)
        return told and self.acts_itself(instance.instance_id)

    @property
    def demanding(self) -> frozenset[str]:
        """See the session."""
        return self.session.demanding

    @cached_property
    def _beside(self) -> Mapping[str, tuple[Impact, ...]]:
        """Per group, what other sessions do to members."""
        index: dict[str, list[Impact]] = {}
        for impact in self.session.impacts.values():
            for group_id in impact.groups:
                index.setdefault(group_id, []).append(impact)
        return {group_id: tuple(impacts) for group_id, impacts in index.items()}
