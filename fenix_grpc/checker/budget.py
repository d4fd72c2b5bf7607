"""The rule about how much of an application may be out of service at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import MOVING_NOTICES, Entry, World
from fenix_grpc.core.constraints import GroupConstraint
from fenix_grpc.core.events import (
    InstanceActionDone,
    ProjectAsked,
    ProjectReplied,
    StepStarted,
)
from fenix_grpc.core.model import MOVING, Answer, InstanceAction

OWN = InstanceAction.OWN_ACTION
#: A notice and one of its instances.
Announced = tuple[str, str]


def own_actions(entries: Iterable[Entry]) -> frozenset[Announced]:
    """What projects took into their own hands. Found before the replay, because it counts from the notice on and only
    the reply or the end of the action tells."""
    asked: dict[str, ProjectAsked] = {}
    last: dict[str, str] = {}
    own: set[Announced] = set()
    for entry in entries:
        event = entry.event
        if isinstance(event, ProjectAsked) and event.kind in MOVING_NOTICES:
            asked[event.notice_id] = event
            last.update(dict.fromkeys(event.instance_ids, event.notice_id))
        elif isinstance(event, ProjectReplied) and event.notice_id in asked:
            for instance_id in asked[event.notice_id].instance_ids:
                action = event.instance_actions.get(instance_id) or event.action
                if action is OWN and event.answer is Answer.ACK:
                    own.add((event.notice_id, instance_id))
        elif isinstance(event, InstanceActionDone) and event.action is OWN:
            own.add((last.get(event.instance_id, ""), event.instance_id))
    return frozenset(own)


def _registered_move(instance_id: str, world: World) -> bool:
    """Its project wanted it to be moved by the session: nobody could know before the reply that it acts itself."""
    demand = world.instance_constraints.get(instance_id)
    ways = demand.migration_types if demand else ()
    return bool(ways) and ways[0] is not OWN


class GroupBudget(Rule):
    """No more members of a group are out of service than it allows, whatever the cause."""

    name = "group budget"
    means = (
        "a member is moved, or announced for its own action, only while those moving, recovering or down for "
        "another reason are, with it, no more than its group allows"
    )
    sees = (StepStarted, ProjectAsked, ProjectReplied, InstanceActionDone)

    def __init__(self, own: frozenset[Announced]) -> None:
        super().__init__()
        self._announced = own
        #: Instances whose own action is announced and not done.
        self._acting: set[str] = set()
        #: By group, when a member's own action was done; the member itself may have been replaced.
        self._acted: defaultdict[str, dict[str, datetime]] = defaultdict(dict)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if isinstance(event, StepStarted) and event.verb in MOVING:
            if not world.brings_to_end(event):  # it was judged when it began
                self._judge(event.instance_id, entry, world)
        elif isinstance(event, InstanceActionDone) and event.action is OWN:
            self._acting.discard(event.instance_id)
            for group_id in world.groups_of.get(event.instance_id, frozenset()):
                self._acted[group_id][event.instance_id] = entry.at
        elif isinstance(event, ProjectAsked) and event.kind in MOVING_NOTICES:
            for instance_id in event.instance_ids:
                self._acting.discard(instance_id)
                if (event.notice_id, instance_id) in self._announced and not _registered_move(
                    instance_id, world
                ):
                    self._judge(instance_id, entry, world)
                    self._acting.add(instance_id)
        elif isinstance(event, ProjectReplied) and event.notice_id in world.notices:
            self._replied(event, entry, world)

    def _replied(self, event: ProjectReplied, entry: Entry, world: World) -> None:
        """One that was to be moved by the session, as its project had registered, acts itself from its reply on."""
        for instance_id in world.notices[event.notice_id].asked.instance_ids:
            announced = (event.notice_id, instance_id) in self._announced
            if announced and instance_id not in self._acting and instance_id in world.instances:
                text = f"instance {instance_id} is replaced by its project, which had registered a move"
                self.saw(entry, text, world.notices[event.notice_id].seq)
                self._acting.add(instance_id)

    def _judge(self, instance_id: str, entry: Entry, world: World) -> None:
        for group_id in sorted(world.groups_of.get(instance_id, frozenset())):
            demand = world.group_constraints.get(group_id)
            if demand is None:
                continue
            self.checked += 1
            size = len(world.members[group_id])
            allowed = demand.budget(size)
            others = self._impacted(demand, entry, world) - {instance_id}
            impacted = len(others) + 1
            text = f"{impacted} of {size} members of group {group_id} out of service, {allowed} allowed"
            self.measure(allowed - impacted, entry, text)
            if impacted > allowed:
                beside = f", beside {', '.join(sorted(others))}" if others else ""
                self._over(instance_id, f"instance {instance_id}{beside}: {text}", entry, world)

    def _over(self, instance_id: str, text: str, entry: Entry, world: World) -> None:
        """One that is down already is not made worse by being moved."""
        view = world.instances.get(instance_id)
        if view is not None and view.status != "ACTIVE" and not world.in_hand(instance_id):
            self.saw(entry, text)
        else:
            self.broken(entry, text)

    def _impacted(self, demand: GroupConstraint, entry: Entry, world: World) -> set[str]:
        """Members out of service just before the event."""
        recovery = timedelta(seconds=demand.recovery_time)
        ended = dict(self._acted[demand.group_id])
        out = {i for i in self._acting if demand.group_id in world.groups_of.get(i, ())}
        for instance_id in world.members[demand.group_id]:
            if world.instances[instance_id].status != "ACTIVE" or world.in_hand(instance_id):
                out.add(instance_id)
            if instance_id in world.moved_at:
                ended[instance_id] = world.moved_at[instance_id]
        for impact in world.impacts.values():
            if demand.group_id not in impact.groups:
                continue
            if impact.ended_at is None:
                out.add(impact.instance_id)
            else:
                ended[impact.instance_id] = max(
                    impact.ended_at, ended.get(impact.instance_id, impact.ended_at)
                )
        return out.union(i for i, at in ended.items() if entry.at < at + recovery)
