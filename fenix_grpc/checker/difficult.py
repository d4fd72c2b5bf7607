"""Rules about difficult migrations: agreed actions are replaced, hosts are given up for dead, only as policy says."""

from __future__ import annotations

from fenix_grpc.checker.rule import Rule, seconds
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import ActionReplaced, StepStarted
from fenix_grpc.core.model import (
    FailedLive,
    HostDown,
    InstanceAction,
    Policy,
    StepOutcome,
    StepVerb,
)


class Replacement(Rule):
    """Another action takes the place of the agreed one only when that has failed, as far as everybody allows."""

    name = "fallback"
    means = (
        "an agreed live migration is replaced only by a cold one, after it failed as often as policy says, and where "
        "policy and the instance's constraint allow that"
    )
    sees = (ActionReplaced,)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if not isinstance(event, ActionReplaced):
            return
        self.checked += 1
        notice = world.announced.get(event.instance_id)
        for problem in _unfounded(event, world):
            text = f"the action of instance {event.instance_id} is replaced: {problem}"
            self.broken(entry, text, notice.seq if notice else 0)


def _unfounded(event: ActionReplaced, world: World) -> list[str]:
    policy = world.created.policy if world.created else Policy()
    problems = []
    if FailedLive.COLD not in policy.failed_live:
        problems.append("policy does not say so")
    if event.action is not InstanceAction.MIGRATE:
        problems.append(f"{event.action} is no fallback")
    demand = world.instance_constraints.get(event.instance_id)
    if demand and demand.migration_types and event.action not in demand.migration_types:
        problems.append(f"its constraint does not name {event.action}")
    failed = [
        step
        for step in world.steps.values()
        if step.started.instance_id == event.instance_id
        and step.started.how is InstanceAction.LIVE_MIGRATE
        and step.outcome is StepOutcome.FAILED
        and step.seq > world.continued_seq
    ]
    if len(failed) < policy.move_attempts:
        problems.append(f"it failed {len(failed)} times, not {policy.move_attempts}")
    return problems


class Evacuation(Rule):
    """An instance is built again elsewhere only when its host is dead, by all that is seen, and policy vouches."""

    name = "evacuation"
    means = (
        "an instance is evacuated only off a host that the session has closed and that has not reported for as long as "
        "policy says, and where policy says so"
    )
    sees = (StepStarted,)

    def before(self, entry: Entry, world: World) -> None:
        event = entry.event
        if not isinstance(event, StepStarted) or event.verb is not StepVerb.EVACUATE_INSTANCE:
            return
        if world.brings_to_end(event):  # it was built again already; its host may be back since
            return
        self.checked += 1
        policy = world.created.policy if world.created else Policy()
        text = f"instance {event.instance_id} is evacuated from host {event.host}"
        if policy.host_down is not HostDown.EVACUATE:
            self.broken(entry, f"{text}: policy does not say so")
        if not world.work[event.host].ours:
            self.broken(entry, f"{text}: the session has not closed it")
        since = world.down.get(event.host)
        if since is None:
            self.broken(entry, f"{text}, which reports")
            return
        silent_s = seconds(entry.at - since)
        text += f", which has not reported for {silent_s:g} s, {policy.host_down_s:g} s are awaited"
        self.measure(silent_s - policy.host_down_s, entry, text)
        if silent_s < policy.host_down_s:
            self.broken(entry, text)
