"""Pieces that every workflow puts together: entering a state, working on a host, emptying one, giving back what is due.

Each is a pure function from a session to a Decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from fenix_grpc.core.capacity import pack
from fenix_grpc.core.decision import Decision, merged
from fenix_grpc.core.events import (
    HostChanged,
    HostsSelected,
    InstanceActionDone,
    SessionClosed,
    StateEntered,
    StepStarted,
)
from fenix_grpc.core.model import (
    ActionType,
    HostKind,
    HostProgress,
    InstanceAction,
    InstanceView,
    SessionState,
    StepOutcome,
    StepVerb,
    Waiting,
)
from fenix_grpc.core.session import Host, Session
from fenix_grpc.workflows.retry import Attempt, GiveUp, Later, Running, attempt, describe, tries

#: Actions of a host's own kind (mission: action plug-in types).
OWN_TYPE = {HostKind.COMPUTE: ActionType.COMPUTE, HostKind.CONTROLLER: ActionType.CONTROLLER}
#: Names that a reason lists; thousands would help nobody.
_FEW = 10


def go(state: SessionState, reason: str = "", host: str = "") -> Decision:
    """Enters a state."""
    return Decision(record=(StateEntered(state=state, reason=reason, host=host),))


def fail(reason: str) -> Decision:
    """Stops the session; an operator continues or deletes it."""
    return go(SessionState.MAINTENANCE_FAILED, reason)


def few(names: Sequence[str]) -> str:
    """Names for a reason: the first of them, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def started(session: Session, tried: Attempt) -> Decision:
    """An attempt as a decision: start it, wait for it, wait before trying again, or stop."""
    if isinstance(tried, StepStarted):
        return Decision(run=(tried,))
    if isinstance(tried, GiveUp):
        return fail(tried.why)
    if isinstance(tried, Later):
        wait = Waiting(
            subject="time",
            reason=f"trying again after: {tried.why}",
            since=tried.since,
            deadline=tried.at,
            then="it is tried again",
        )
        return Decision(wake_at=tried.at, waiting=(wait,))
    step = tried.step
    subject = f"instance:{step.instance_id}" if step.instance_id else f"host:{step.host}"
    wait = Waiting(subject=subject, reason=describe(session, step), since=step.started_at)
    return Decision(waiting=(wait,))


def first_of(decisions: Iterable[Decision]) -> Decision:
    """Independent decisions as one; a failure among them is the only thing that counts."""
    everything = tuple(decisions)
    for decision in everything:
        for event in decision.record:
            if isinstance(event, StateEntered):
                return decision
    return merged(*everything)


def exclude_foreign(session: Session) -> Decision | None:
    """Leaves out hosts that somebody else has disabled meanwhile; they are never enabled by us."""
    taken = {
        host.name: foreign_reason(host)
        for host in session.todo(HostKind.COMPUTE)
        if not host.disabled and not host.view.enabled
    }
    if not taken:
        return None
    kept = tuple(h.name for h in session.hosts.values() if h.selected and h.name not in taken)
    return Decision(record=(HostsSelected(hosts=kept, excluded=taken),))


def foreign_reason(host: Host) -> str:
    """Why a disabled host is left alone."""
    why = host.view.disabled_reason
    return f"disabled by somebody else{f': {why}' if why else ''}"


def everybody(session: Session) -> dict[str, tuple[str, ...]]:
    """Projects that are affected, each with its instances on the hosts that are worked on."""
    return {
        project_id: tuple(i.instance_id for i in session.instances_of(project_id))
        for project_id in session.projects
    }


def run_once(session: Session, now: datetime, kind: ActionType) -> Decision | None:
    """Runs the pre or post actions one after the other; None when all have ended well."""
    for index in session.action_order(kind):
        if index not in session.actions_done:
            return started(session, attempt(session, now, StepVerb.RUN_ACTION, action_index=index))
    return None


def close(session: Session, now: datetime, host: Host) -> Decision | None:
    """Keeps new instances off a host and looks at what is left there; None when that is known."""
    if not host.closed_seq:
        return started(session, attempt(session, now, StepVerb.DISABLE_HOST, host=host.name))
    if session.looked_seq < max(host.closed_seq, host.touched_seq):
        return Decision(look=True)
    return None


def work(session: Session, now: datetime, host: Host) -> Decision:
    """The next thing to do on a host that may be worked on: its actions in order, then back into service."""
    if host.progress is None:
        return Decision(record=(HostChanged(host=host.name, progress=HostProgress.IN_MAINTENANCE),))
    types = [ActionType.HOST, *([OWN_TYPE[host.view.kind]] if host.view.kind in OWN_TYPE else [])]
    for index in session.action_order(*types):
        if index not in host.actions_done:
            return started(
                session,
                attempt(session, now, StepVerb.RUN_ACTION, host=host.name, action_index=index),
            )
    if host.progress is HostProgress.IN_MAINTENANCE:
        done = HostProgress.MAINTENANCE_COMPLETE
        return Decision(record=(HostChanged(host=host.name, progress=done),))
    return started(session, attempt(session, now, StepVerb.ENABLE_HOST, host=host.name))


def not_yet_clear(session: Session, now: datetime, host: Host) -> Decision:
    """No instance is listed there but room is still booked: the cloud is cleaning up, or something else is wrong."""
    policy = session.created.policy
    ended = [s.ended_at for s in session.steps.values() if s.host == host.name and s.ended_at]
    since = max([session.entered_at, *ended])
    deadline = since + timedelta(seconds=policy.own_action_s)
    reason = f"host {host.name} lists no instance but {host.view.used} are still in use"
    if now >= deadline:
        return fail(reason)
    wait = Waiting(
        subject=f"host:{host.name}",
        reason=reason,
        since=since,
        deadline=deadline,
        then="the session stops",
    )
    wake_at = min(deadline, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def clear_and_work(session: Session, now: datetime, host: Host) -> Decision:
    """The next thing to do for a host without instances: work on it as soon as that is proven."""
    if host.progress is None:
        not_closed = close(session, now, host)
        if not_closed is not None:
            return not_closed
        if not session.proven_empty(host):
            return not_yet_clear(session, now, host)
    return work(session, now, host)


#: Words for an instance on which an operation is open (nova API: server status).
BETWIXT = frozenset({"MIGRATING", "RESIZE", "VERIFY_RESIZE"})


def finish_lost(session: Session, now: datetime) -> Decision | None:
    """Brings moves to their end whose outcome is unknown and that have got somewhere: such an instance is not where it
    was but may still hold room there (nova API: VERIFY_RESIZE). None when there are none."""
    left = [
        step
        for instance_id, step in sorted(session.lost_moves.items())
        if (seen := session.instances.get(instance_id)) is not None
        and (seen.host != step.host or seen.status in BETWIXT)
    ]
    if not left:
        return None
    if not session.fresh:
        return Decision(look=True)
    return first_of(
        started(
            session,
            attempt(
                session,
                now,
                step.verb,
                host=step.host,
                instance_id=step.instance_id,
                target=step.target,
                how=step.how,
            ),
        )
        for step in left
    )


def announce_done(session: Session) -> tuple[InstanceActionDone, ...]:
    """Instances that have left their host as agreed and were not told of yet."""
    moving = {step.instance_id for step in session.open()}
    told = []
    for instance_id, agreed in session.agreed.items():
        instance = session.instances.get(instance_id)
        to_host = instance.host if instance else ""
        if agreed.done or instance_id in moving or to_host == agreed.from_host:
            continue
        told.append(
            InstanceActionDone(
                instance_id=instance_id,
                project_id=agreed.project_id,
                action=agreed.action,
                from_host=agreed.from_host,
                to_host=to_host,
            )
        )
    return tuple(told)


def move_away(session: Session, now: datetime, host: str) -> Decision | None:
    """Moves what is on a host as agreed, as much at once as allowed; None when there is no room for it."""
    staying = session.instances_on(host)
    ours = [i for i in staying if _action(session, i) is not InstanceAction.OWN_ACTION]
    running = {step.instance_id for step in session.open() if step.instance_id}
    idle = [i for i in ours if i.instance_id not in running]
    placed = _places(session, host, idle)
    if placed is None and not running:
        return None
    moves = [started(session, _move(session, now, i, placed or {})) for i in ours]
    free = session.created.policy.parallel_moves - len(running)
    own = [i for i in staying if _action(session, i) is InstanceAction.OWN_ACTION]
    return first_of(
        [*_at_most(free if placed is not None else 0, moves), *own_actions(session, now, own)]
    )


def _action(session: Session, instance: InstanceView) -> InstanceAction:
    return session.agreed[instance.instance_id].action


def _places(
    session: Session, host: str, instances: Sequence[InstanceView]
) -> Mapping[str, str] | None:
    """A destination for each; none named where hosts have refused it and the scheduler is to choose. None: no room."""
    refusals = {i.instance_id: _refused_targets(session, i.instance_id) for i in instances}
    packing = pack(session, instances, without=frozenset({host}), avoid=refusals)
    if packing.unplaced and pack(session, instances, without=frozenset({host})).unplaced:
        return None
    return packing.placed


def _move(
    session: Session, now: datetime, instance: InstanceView, placed: Mapping[str, str]
) -> Attempt:
    return attempt(
        session,
        now,
        StepVerb.MOVE_INSTANCE,
        host=instance.host,
        instance_id=instance.instance_id,
        target=placed.get(instance.instance_id, ""),
        how=_action(session, instance),
    )


def _refused_targets(session: Session, instance_id: str) -> frozenset[str]:
    """Hosts that have refused the instance in this run; a refusal is information."""
    return frozenset(
        step.target
        for step in tries(session, StepVerb.MOVE_INSTANCE, instance_id)
        if step.outcome is StepOutcome.FAILED and step.run == session.continued and step.target
    )


def _at_most(free: int, decisions: Iterable[Decision]) -> Iterable[Decision]:
    """Starts no more than `free` of them; the others are asked about again when something has ended."""
    for decision in decisions:
        if decision.run and free <= 0:
            continue
        free -= len(decision.run)
        yield decision


def own_actions(
    session: Session, now: datetime, instances: Iterable[InstanceView]
) -> Iterable[Decision]:
    """Waits for instances whose project replaces them itself, each for so long."""
    policy = session.created.policy
    for instance in instances:
        since = session.agreed[instance.instance_id].at
        deadline = since + timedelta(seconds=policy.own_action_s)
        if now >= deadline:
            yield fail(
                f"instance {instance.instance_id} of project {instance.project_id} is still on "
                f"{instance.host} {policy.own_action_s:.0f} s after the project chose OWN_ACTION"
            )
            return
        wait = Waiting(
            subject=f"project:{instance.project_id}",
            reason=f"own action for instance {instance.instance_id} on {instance.host}",
            since=since,
            deadline=deadline,
            then="the session stops",
        )
        wake_at = min(deadline, now + timedelta(seconds=policy.poll_s))
        yield Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def give_back(session: Session, now: datetime) -> Decision:
    """A deleted session: nothing new begins, what runs comes to its end, and hosts return to their former state unless
    work on them did not end well."""
    if session.closed:
        return Decision()
    if session.open_steps:
        return merged(*(started(session, Running(step)) for step in session.open()))
    if session.lost_moves and not session.fresh:
        return Decision(look=True)
    unfinished = finish_lost(session, now)
    if unfinished is not None and not _gives_up(unfinished):
        return unfinished
    tried = {n: attempt(session, now, StepVerb.ENABLE_HOST, host=n) for n in session.owed_hosts}
    left = tuple(
        name
        for name, outcome in tried.items()
        if isinstance(outcome, GiveUp) or _spoilt(session, name)
    )
    owed = [outcome for name, outcome in tried.items() if name not in left]
    if owed:
        return merged(*(started(session, outcome) for outcome in owed))
    return Decision(record=(SessionClosed(left_disabled=left),))


def _spoilt(session: Session, host: str) -> bool:
    """Work on the host began and did not end well."""
    ran = (s for s in session.steps.values() if s.host == host and s.verb is StepVerb.RUN_ACTION)
    last = {step.action_index: step for step in ran}
    return any(step.outcome is not StepOutcome.DONE for step in last.values())


def _gives_up(decision: Decision) -> bool:
    return any(isinstance(event, StateEntered) for event in decision.record)
