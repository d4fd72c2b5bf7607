"""Rules about places: an instance goes only where there is room for it and where its groups allow it.

A move holds room on both ends until it has ended. Only what the session did is judged; an overfull host or a group that
stood too close before, or was brought there by somebody else, is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import StepEnded, StepStarted, WorldObserved
from fenix_grpc.core.model import MOVING, Resources, StepOutcome


def arrival(entry: Entry, world: World) -> tuple[str, str]:
    """The instance that the event sends to a host and the host: when a move starts to a named host, and when it ends on
    one where it was not booked. Empty for other events."""
    event = entry.event
    instance_id = host = ""
    if isinstance(event, StepStarted) and event.verb in MOVING:
        instance_id, host = event.instance_id, event.target
    elif isinstance(event, StepEnded) and event.outcome is StepOutcome.DONE:
        step = world.running.get(event.step_id)
        if step is not None and step.started.verb in MOVING:
            instance_id, host = step.started.instance_id, event.host
    known = instance_id in world.instances
    if not known or not host or host in world.places.get(instance_id, frozenset()):
        return "", ""
    return instance_id, host


class Capacity(Rule):
    """No host is overfull through a move, in no dimension, with both ends of every move booked."""

    name = "capacity"
    means = "a move goes to a host with room in every dimension, counting both ends of all moves"
    sees = (StepStarted, StepEnded, WorldObserved)

    def __init__(self) -> None:
        super().__init__()
        self._overfull: set[str] = set()

    def before(self, entry: Entry, world: World) -> None:
        instance_id, host = arrival(entry, world)
        if not host:
            return
        self.checked += 1
        view = world.hosts.get(host)
        if view is None:
            self.broken(entry, f"instance {instance_id} is sent to host {host}, which is not known")
            return
        size = world.instances[instance_id].size
        left = view.capacity - world.booked(host) - size
        slack, scarcest = _scarcest(left, view.capacity)
        self.measure(slack, entry, f"host {host} keeps {scarcest}")
        if slack < 0:
            text = f"instance {instance_id} needs {size}; host {host} has {left + size} left"
            self.broken(entry, text)

    def after(self, entry: Entry, world: World) -> None:
        if not isinstance(entry.event, WorldObserved):
            return
        seen = {view.host for view in entry.event.instances}
        for host in sorted(seen.union(view.host for view in entry.event.hosts)):
            view = world.hosts.get(host)
            if view is None or host in self._overfull or not world.on[host]:
                continue
            left = view.capacity - world.booked(host)
            if _scarcest(left, view.capacity)[0] < 0:
                self._overfull.add(host)
                self.saw(entry, f"host {host} holds more than it has: {left} left")


def _scarcest(left: Resources, capacity: Resources) -> tuple[float, str]:
    """What is left of the scarcest dimension, as a share of it and in words; negative when there is too little."""
    dimensions = (
        (left.vcpus, capacity.vcpus, "vCPU"),
        (left.memory_mb, capacity.memory_mb, "MiB memory"),
        (left.disk_gb, capacity.disk_gb, "GiB disk"),
    )
    shares = [
        (part / max(whole, 1), f"{part} of {whole} {unit}")
        for part, whole, unit in dimensions
        if whole or part
    ]
    return min(shares, default=(0.0, "nothing of nothing"))


class Pools(Rule):
    """Nobody leaves its zone, or the aggregates that tell what it may need."""

    name = "pools"
    means = "a move goes to a host of the same zone and the same telling aggregates"
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        instance_id, host = arrival(entry, world)
        if not host or not isinstance(event, StepStarted):
            return
        here, there = world.hosts.get(event.host), world.hosts.get(host)
        if here is None or there is None:
            return
        self.checked += 1
        for what, old, new in (
            ("zone", here.zone, there.zone),
            ("aggregates", ", ".join(here.aggregates), ", ".join(there.aggregates)),
        ):
            if old != new:
                text = (
                    f"instance {instance_id} leaves {what} {old or '(none)'} for {new or '(none)'}"
                )
                self.broken(entry, text)


class Spread(Rule):
    """Groups stay apart as much as they must, members on their way counting on both ends."""

    name = "spread"
    means = "a move never brings more members of a group onto a host than may share one"
    sees = (StepStarted, StepEnded, WorldObserved)

    def __init__(self) -> None:
        super().__init__()
        self._too_close: set[tuple[str, str]] = set()

    def before(self, entry: Entry, world: World) -> None:
        instance_id, host = arrival(entry, world)
        if not host:
            return
        for group_id in sorted(world.groups_of.get(instance_id, frozenset())):
            for limit in _limits(group_id, world):
                self.checked += 1
                others = world.on[host] & world.members[group_id] - {instance_id}
                together = len(others) + 1
                text = f"{together} of at most {limit} members of group {group_id} on host {host}"
                self.measure(limit - together, entry, text)
                if together > limit:
                    self.broken(entry, f"instance {instance_id} makes {text}")

    def after(self, entry: Entry, world: World) -> None:
        event = entry.event
        if not isinstance(event, WorldObserved):
            return
        concerned = {group.group_id for group in event.groups}
        concerned.update(demand.group_id for demand in event.group_constraints)
        for view in event.instances:
            concerned.update(world.groups_of[view.instance_id])
        for group_id in sorted(concerned):
            limit = min(_limits(group_id, world), default=0)
            if limit:
                self._look_at(group_id, limit, entry, world)

    def _look_at(self, group_id: str, limit: int, entry: Entry, world: World) -> None:
        members = world.members[group_id]
        there = Counter(host for member in members for host in world.places[member])
        for host, together in sorted(there.items()):
            if together > limit and (group_id, host) not in self._too_close:
                self._too_close.add((group_id, host))
                text = f"{together} of at most {limit} members of group {group_id} on host {host}"
                self.saw(entry, text)


def _limits(group_id: str, world: World) -> Iterator[int]:
    """How many members may share a host: what the cloud says and what the project says, where they say something."""
    view, demand = world.groups.get(group_id), world.group_constraints.get(group_id)
    if view is not None and view.max_per_host:
        yield view.max_per_host
    if demand is not None and demand.per_host():
        yield demand.per_host()
