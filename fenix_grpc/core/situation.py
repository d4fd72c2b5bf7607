"""One moment of a session as the safety rules see it: who moves, recovers or is down, what is free, what is booked.

Made once per decision and shared by all rules; what is worked out is worked out when first asked for. `book` takes a
move in, so that the moves that one decision starts are weighed together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from fenix_grpc.core.capacity import groups_of, total, usable
from fenix_grpc.core.constraints import InstanceConstraint
from fenix_grpc.core.evolve import LEAVING
from fenix_grpc.core.model import InstanceAction, InstanceView, Resources, StepVerb
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
        #: Hosts that are being closed by this very decision.
        self.closing: set[str] = set()
        #: Instances whose projects are being told by this very decision.
        self.told: set[str] = set()
        self._free: dict[str, Resources] = {}
        self._members_on: dict[str, Counter[str]] = {}
        for step in session.open():
            instance = session.instances.get(step.instance_id)
            if step.verb is StepVerb.MOVE_INSTANCE and instance is not None:
                self.book(Move(instance=instance, target=step.target))

    def book(self, move: Move) -> None:
        """The move counts from now on, on both ends."""
        self.moving[move.instance.instance_id] = move
        self.leaving[move.instance.host] += 1
        self.arriving[move.target] += 1
        for cache in (self._free, self._members_on):
            cache.pop(move.target, None)

    def arrivals(self, host: str) -> tuple[InstanceView, ...]:
        """Instances on their way to a host."""
        if not self.arriving[host]:
            return ()
        return tuple(m.instance for m in self.moving.values() if m.target == host)

    def free(self, host: str) -> Resources:
        """What is neither used nor booked."""
        if host not in self._free:
            there = (*self.session.instances_on(host), *self.arrivals(host))
            capacity = self.session.hosts[host].view.capacity
            self._free[host] = capacity - total(i.size for i in there)
        return self._free[host]

    def members_on(self, host: str, group_id: str) -> int:
        """Members of a group on a host or on their way there."""
        if host not in self._members_on:
            there = (*self.session.instances_on(host), *self.arrivals(host))
            groups = (g for i in there for g in groups_of(self.session, i))
            self._members_on[host] = Counter(groups)
        return self._members_on[host][group_id]

    def takes_new(self, host: str) -> bool:
        """New instances may go there."""
        known = self.session.hosts.get(host)
        return known is not None and usable(known) and host not in self.closing

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
        ask = self._asks.get(instance.instance_id)
        here = ask is not None and ask.hosts.get(instance.instance_id) == instance.host
        return ask if here else None

    def agreed(self, instance: InstanceView) -> Agreed | None:
        """What was agreed for it on the host that it is on."""
        agreed = self.session.agreed.get(instance.instance_id)
        valid = agreed is not None and not agreed.done and agreed.from_host == instance.host
        return agreed if valid else None

    def members(self, group_id: str) -> tuple[InstanceView, ...]:
        """All members of a group."""
        return self._members.get(group_id, ())

    def impacted(self, group_id: str, recovery: timedelta) -> dict[str, datetime | None]:
        """Members that are out of service, with the time at which that ends where it is known."""
        out: dict[str, datetime | None] = {}
        for gone, at in self._replaced.get(group_id, {}).items():
            if self.now < at + recovery:
                out[gone] = at + recovery
        for member in self.members(group_id):
            name = member.instance_id
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
        told = instance.instance_id in self.told or (ask is not None and not ask.settled)
        return told and self.acts_itself(instance.instance_id)

    @cached_property
    def _asks(self) -> Mapping[str, Ask]:
        asks = self.session.asks.values()
        return {i: ask for ask in asks if ask.kind in LEAVING for i in ask.instance_ids}

    @cached_property
    def _members(self) -> Mapping[str, tuple[InstanceView, ...]]:
        index: dict[str, list[InstanceView]] = {}
        for instance in self.session.instances.values():
            for group_id in groups_of(self.session, instance):
                index.setdefault(group_id, []).append(instance)
        return {group_id: tuple(members) for group_id, members in index.items()}

    @cached_property
    def _replaced(self) -> Mapping[str, Mapping[str, datetime]]:
        """Per group, members that are gone since their manager replaced them, and when that was."""
        found: dict[str, dict[str, datetime]] = {}
        for instance_id, agreed in self.session.agreed.items():
            if agreed.action is InstanceAction.OWN_ACTION and agreed.done_at is not None:
                for group_id in agreed.groups:
                    found.setdefault(group_id, {})[instance_id] = agreed.done_at
        return found
