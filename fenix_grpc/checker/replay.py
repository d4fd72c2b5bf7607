"""What each event changes in the checker's world. No event is refused: judging is the business of the rules.

It must not share code with the fold of the core, to which it is the second opinion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fenix_grpc.checker.world import MOVING_NOTICES, Entry, Notice, Step, World
from fenix_grpc.core import events as e
from fenix_grpc.core.model import (
    MOVING,
    HostProgress,
    HostView,
    InstanceView,
    SessionState,
    StepOutcome,
    StepVerb,
)


def apply(world: World, entry: Entry) -> None:
    """Takes in the next event."""
    world.seq = entry.seq
    _CHANGES[type(entry.event)](world, entry.event, entry)


def _created(world: World, event: e.SessionCreated, entry: Entry) -> None:
    world.created, world.state = event, SessionState.MAINTENANCE


def _observed(world: World, event: e.WorldObserved, entry: Entry) -> None:
    if event.problem:
        return
    world.hosts.update({view.host: view for view in event.hosts})
    for view in event.hosts:
        _reports(world, view, entry)
        _stranded(world, view)
    for host in event.gone_hosts:
        world.hosts.pop(host, None)
    world.groups.update({view.group_id: view for view in event.groups})
    world.listening.update(event.listening)
    world.listening.difference_update(event.not_listening)
    _constraints_observed(world, event)
    for instance_id in event.gone_instances:
        world.remove(instance_id)
    for instance in event.instances:
        world.instances[instance.instance_id] = instance
        _put_as_seen(world, instance)
        world.regroup(instance.instance_id)
    _clear_up(world, entry, max(world.looked, event.looked_after_seq))


def _reports(world: World, view: HostView, entry: Entry) -> None:
    if view.up:
        world.down.pop(view.host, None)
        world.evacuated.pop(view.host, None)
    else:
        world.down.setdefault(view.host, entry.at)


def _stranded(world: World, view: HostView) -> None:
    """What moved away from a host when that died goes nowhere."""
    for instance_id, step in world.lost.items():
        known = instance_id in world.instances and instance_id not in world.moving
        if known and not view.up and step.started.host == view.host:
            world.put(instance_id, (world.instances[instance_id].host,))


def _others_observed(world: World, event: e.OthersObserved, entry: Entry) -> None:
    for held in event.held_hosts:
        if held.session_id:
            world.held[held.host] = held
        else:
            world.held.pop(held.host, None)
    for impact in event.impacts:
        world.impacts[impact.instance_id] = impact
    for instance_id in event.gone_impacts:
        world.impacts.pop(instance_id, None)


def _constraints_observed(world: World, event: e.WorldObserved) -> None:
    for instance_id in event.gone_instance_constraints:
        world.instance_constraints.pop(instance_id, None)
        world.regroup(instance_id)
    for demand in event.instance_constraints:
        world.instance_constraints[demand.instance_id] = demand
        world.regroup(demand.instance_id)
    for group_id in event.gone_group_constraints:
        world.group_constraints.pop(group_id, None)
    world.group_constraints.update({demand.group_id: demand for demand in event.group_constraints})


def _put_as_seen(world: World, view: InstanceView) -> None:
    """Where it was seen; both ends of a move stay booked that runs or that the cloud was seen to go on with."""
    step = world.moving.get(view.instance_id) or _adrift(world, view)
    ends = (step.started.host, step.started.target) if step else ()
    world.put(view.instance_id, {view.host, *ends})


def _adrift(world: World, view: InstanceView) -> Step | None:
    """The move of unknown outcome by which the instance still leaves its host."""
    step = world.lost.get(view.instance_id)
    if step is None or step.started.host != view.host or view.host in world.down:
        return None
    return step if view.status in ("MIGRATING", "RESIZE") else None


def _clear_up(world: World, entry: Entry, looked: int) -> None:
    """A look settles where the instances are whose move had an unknown outcome."""
    for instance_id, step in world.lost.items():
        settled = world.looked < step.ended_seq <= looked
        if settled and instance_id in world.instances and instance_id not in world.moving:
            _put_as_seen(world, world.instances[instance_id])
            world.moved_at[instance_id] = entry.at
    world.looked = looked


def _selected(world: World, event: e.HostsSelected, entry: Entry) -> None:
    world.selected = frozenset(event.hosts)


def _state_entered(world: World, event: e.StateEntered, entry: Entry) -> None:
    world.state = event.state


def _asked(world: World, event: e.ProjectAsked, entry: Entry) -> None:
    known = world.instances
    notice = Notice(
        asked=event,
        seq=entry.seq,
        at=entry.at,
        hosts={i: known[i].host for i in event.instance_ids if i in known},
    )
    world.notices[event.notice_id] = notice
    if event.kind in MOVING_NOTICES:
        world.announced.update(dict.fromkeys(event.instance_ids, notice))


def _answered(world: World, event: e.ProjectReplied | e.ProjectDefaulted, entry: Entry) -> None:
    notice = world.notices.get(event.notice_id)
    if notice is not None:
        notice.reply = event


def _unchanged(world: World, event: e.Event, entry: Entry) -> None:
    """Words only: of plans, and to projects of what has happened before."""


def _action_replaced(world: World, event: e.ActionReplaced, entry: Entry) -> None:
    notice = world.announced.get(event.instance_id)
    if notice is not None:
        notice.replaced[event.instance_id] = event.action


def _host_changed(world: World, event: e.HostChanged, entry: Entry) -> None:
    world.work[event.host].progress = event.progress
    if event.progress is HostProgress.HOST_REMOVED:
        world.work[event.host].ours = False


def _set_aside(world: World, event: e.HostSetAside, entry: Entry) -> None:
    world.aside[event.host] = entry.seq
    if event.given_back:
        world.given_back.add(event.host)


def _step_started(world: World, event: e.StepStarted, entry: Entry) -> None:
    step = Step(started=event, seq=entry.seq, at=entry.at)
    world.steps[event.step_id] = world.running[event.step_id] = step
    if event.verb is StepVerb.DISABLE_HOST:
        world.work[event.host].ours = True
    elif event.verb is StepVerb.ENABLE_HOST:
        world.work[event.host].progress = None
    elif event.verb in MOVING and event.instance_id in world.instances:
        world.moving[event.instance_id] = step
        held = world.places.get(event.instance_id, frozenset())
        world.put(event.instance_id, held | {event.target})


def _step_ended(world: World, event: e.StepEnded, entry: Entry) -> None:
    step = world.running.pop(event.step_id, None)
    if step is None:
        return
    step.outcome, step.ended_seq = event.outcome, entry.seq
    started, work = step.started, world.work[step.started.host]
    if started.verb in MOVING:
        _move_ended(world, step, event, entry)
    elif started.verb is StepVerb.DISABLE_HOST and event.outcome is StepOutcome.DONE:
        work.closed_seq = entry.seq
    elif started.verb is StepVerb.DISABLE_HOST and event.outcome is StepOutcome.FAILED:
        work.ours, work.closed_seq = False, 0
    elif started.verb is StepVerb.ENABLE_HOST and event.outcome is StepOutcome.DONE:
        work.ours, work.closed_seq = False, 0
        view = world.hosts.get(started.host)
        if view is not None:
            world.hosts[started.host] = replace(view, enabled=True, disabled_reason="")


def _move_ended(world: World, step: Step, event: e.StepEnded, entry: Entry) -> None:
    instance_id = step.started.instance_id
    world.moving.pop(instance_id, None)
    world.lost.pop(instance_id, None)
    world.moved_at[instance_id] = entry.at
    for host in {step.started.host, step.started.target, event.host} - {""}:
        world.work[host].touched_seq = entry.seq
    view = world.instances.get(instance_id)
    if view is None:
        return
    if event.outcome is StepOutcome.LOST:
        world.lost[instance_id] = step
    elif event.outcome is StepOutcome.FAILED:
        world.put(instance_id, (view.host,))
    elif event.host:
        if step.started.verb is StepVerb.EVACUATE_INSTANCE:
            world.evacuated[step.started.host] += view.size.vcpus
        world.instances[instance_id] = replace(view, host=event.host)
        world.put(instance_id, (event.host,))
    else:
        world.remove(instance_id)


def _continued(world: World, event: e.SessionContinued, entry: Entry) -> None:
    world.state = event.state
    world.continued_seq = entry.seq
    world.aside.clear()
    world.given_back.clear()


def _deleted(world: World, event: e.SessionDeleted, entry: Entry) -> None:
    world.deleted = True


def _closed(world: World, event: e.SessionClosed, entry: Entry) -> None:
    world.closed = True


_CHANGES: Mapping[type[e.Event], Callable[[World, Any, Entry], None]] = {
    e.SessionCreated: _created,
    e.WorldObserved: _observed,
    e.OthersObserved: _others_observed,
    e.HostsSelected: _selected,
    e.PlanMade: _unchanged,
    e.StateEntered: _state_entered,
    e.ProjectAsked: _asked,
    e.ProjectReplied: _answered,
    e.ProjectDefaulted: _answered,
    e.InstanceActionDone: _unchanged,
    e.SessionVerified: _unchanged,
    e.ActionReplaced: _action_replaced,
    e.HostChanged: _host_changed,
    e.HostSetAside: _set_aside,
    e.StepStarted: _step_started,
    e.StepEnded: _step_ended,
    e.SessionContinued: _continued,
    e.SessionDeleted: _deleted,
    e.SessionClosed: _closed,
}
