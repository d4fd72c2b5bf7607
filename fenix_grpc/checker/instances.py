"""Rules about instances: they survive, and are interrupted no longer than they can bear."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fenix_grpc.checker.rule import Rule, seconds
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import ProjectAsked, StepEnded, WorldObserved
from fenix_grpc.core.model import (
    MOVING,
    InstanceAction,
    NoticeKind,
    Policy,
    SlowLive,
    StepOutcome,
)


class Interruption(Rule):
    """Live migrations are short enough. The journal knows how long they took, which is more than they interrupted: a
    longer one is found, a shorter one is proven. Where policy aborts those that take too long, one that failed has kept
    the promise however long its end took."""

    name = "interruption"
    means = "a live migration takes no longer than the interruption that its instance can bear"
    sees = (StepEnded,)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        step = world.running.get(event.step_id) if isinstance(event, StepEnded) else None
        if step is None or step.started.how is not InstanceAction.LIVE_MIGRATE:
            return
        demand = world.instance_constraints.get(step.started.instance_id)
        if demand is None or not demand.max_interruption_time:
            return
        self.checked += 1
        policy = world.created.policy if world.created else Policy()
        failed = isinstance(event, StepEnded) and event.outcome is StepOutcome.FAILED
        if failed and policy.slow_live is not SlowLive.WAIT:
            return
        took = seconds(entry.at - step.at)
        text = f"instance {demand.instance_id} was migrated live for {took:g} s, "
        text += f"it bears an interruption of {demand.max_interruption_time} s"
        self.measure(demand.max_interruption_time - took, entry, text)
        if took > demand.max_interruption_time:
            self.saw(entry, text, step.seq)


class Existence(Rule):
    """No instance is lost.

    A journal does not tell who deletes an instance. One that disappears while the session moves it counts as lost; one
    that disappears otherwise was removed by its project or somebody else.
    """

    name = "existence"
    means = "no instance disappears in a move unless its project was to scale in, replaced it or removed it"
    sees = (WorldObserved, StepEnded, ProjectAsked)

    def __init__(self, removed: AbstractSet[str]) -> None:
        super().__init__()
        self._removed = removed
        #: Projects that were asked to scale in.
        self._releasing: set[str] = set()

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if isinstance(event, ProjectAsked) and event.kind is NoticeKind.SCALE_IN:
            self._releasing.add(event.project_id)
        elif isinstance(event, WorldObserved):
            new = {view.instance_id for view in event.instances}
            self.checked += len(new.difference(world.instances))
            for instance_id in event.gone_instances:
                self._gone(instance_id, entry, world)
        elif isinstance(event, StepEnded) and event.outcome is StepOutcome.DONE and not event.host:
            step = world.running.get(event.step_id)
            if step is not None and step.started.verb in MOVING:
                self._gone(step.started.instance_id, entry, world)

    def _gone(self, instance_id: str, entry: Entry, world: World) -> None:
        view, notice = world.instances.get(instance_id), world.announced.get(instance_id)
        if view is None or instance_id in self._removed or view.project_id in self._releasing:
            return
        if notice is not None and notice.chosen(instance_id) is InstanceAction.OWN_ACTION:
            return
        text = f"instance {instance_id} of project {view.project_id} disappeared"
        if world.in_hand(instance_id):
            step = world.moving.get(instance_id) or world.lost[instance_id]
            self.broken(entry, f"{text} while it was moved", step.seq)
        else:
            self.saw(entry, f"{text} while nothing was done with it")
