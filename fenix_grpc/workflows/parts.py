"""Pieces that every workflow puts together: entering a state, working on a host, emptying one, giving back what is due.

Each is a pure function from a session to a Decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from fenix_grpc.core.decision import Decision, merged
from fenix_grpc.core.events import (
    HostChanged,
    HostSetAside,
    HostsSelected,
    InstanceActionDone,
    StateEntered,
    StepStarted,
)
from fenix_grpc.core.live import Intervention, rule_of
from fenix_grpc.core.model import (
    BETWIXT,
    ActionType,
    HostKind,
    HostProgress,
    InstanceView,
    SessionState,
    StepOutcome,
    StepVerb,
    Waiting,
)
from fenix_grpc.core.safety import quorum
from fenix_grpc.core.session import MARK, Host, Session, Step
from fenix_grpc.workflows.dead_hosts import departures, perishing
from fenix_grpc.workflows.gates import gate
from fenix_grpc.workflows.retry import Attempt, GiveUp, Later, attempt, describe, tries

#: Actions of a host's own kind (mission: action plug-in types).
OWN_TYPE = {HostKind.COMPUTE: ActionType.COMPUTE, HostKind.CONTROLLER: ActionType.CONTROLLER}
#: Names that a reason lists; thousands would help nobody.
_FEW = 10
#: Times that somebody else may enable a host while it is emptied.
_OPENED = 3
#: Running steps that are told of one by one.
_MANY = 50


def go(state: SessionState, reason: str = "", host: str = "") -> Decision:
    """Enters a state."""
    return Decision(record=(StateEntered(state=state, reason=reason, host=host),))


def fail(reason: str) -> Decision:
    """Stops the session; an operator continues or deletes it."""
    return go(SessionState.MAINTENANCE_FAILED, reason)


def fail_host(session: Session, host: str, reason: str) -> Decision:
    """Gives up the work on a host. It is set aside and others go on, as long as the session's failure budget allows it;
    then, and for what is of no host, the session stops."""
    known, aside = session.hosts.get(host), [h for h in session.set_aside if not h.given_back]
    if known is not None and known.todo and len(aside) < session.created.policy.failure_budget:
        return Decision(record=(HostSetAside(host=host, reason=reason),))
    if not aside:
        return fail(reason)
    names = few([each.name for each in aside])
    return fail(f"{reason}; that is more than the failure budget: set aside before were {names}")


def few(names: Sequence[str]) -> str:
    """Names for a reason: the first of them, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def started(session: Session, tried: Attempt) -> Decision:
    """An attempt as a decision: start it, wait for it, wait before trying again, or stop."""
    if isinstance(tried, StepStarted):
        return Decision(run=(tried,))
    if isinstance(tried, GiveUp):
        return fail_host(session, tried.host, tried.why)
    if isinstance(tried, Later):
        wait = Waiting(
            subject="time",
            reason=f"trying again after: {tried.why}",
            since=tried.since,
            deadline=tried.at,
            then="it is tried again",
        )
        return Decision(wake_at=tried.at, waiting=(wait,))
    return Decision(waiting=(_runs(session, tried.step),))


def cloud_away(session: Session, now: datetime) -> Decision:
    """The cloud does not answer: look again at intervals, for so long."""
    policy = session.created.policy
    since = session.cloud_problem_since or session.updated_at
    deadline = since + timedelta(seconds=policy.cloud_away_s)
    if now >= deadline:
        return fail(
            f"the cloud has not answered for {policy.cloud_away_s:.0f} s: {session.cloud_problem}"
        )
    wait = Waiting(
        subject="cloud",
        reason=session.cloud_problem,
        since=since,
        deadline=deadline,
        then="the session stops",
    )
    wake_at = min(deadline, now + timedelta(seconds=policy.poll_s))
    return Decision(wake_at=wake_at, poll=True, waiting=(wait,))


def running(session: Session) -> Decision:
    """Waiting for everything that runs, as far as anybody would read it."""
    told = tuple(_runs(session, step) for step in islice(session.open(), _MANY))
    more = len(session.open_steps) - len(told)
    if not more:
        return Decision(waiting=told)
    rest = Waiting(subject="session", reason=f"{more} more steps", since=session.updated_at)
    return Decision(waiting=(*told, rest))


def _runs(session: Session, step: Step) -> Waiting:
    subject = f"host:{step.host}" if step.host else "session"
    if step.instance_id:
        subject = f"instance:{step.instance_id}"
    deadline, then = _patience(session, step)
    return Waiting(
        subject=subject,
        reason=describe(session, step),
        since=step.started_at,
        deadline=deadline,
        then=then,
    )


def _patience(session: Session, step: Step) -> tuple[datetime | None, str]:
    """When a running live migration is interfered with next, and how."""
    policy, demands = session.created.policy, session.instance_constraints
    rule = rule_of(policy, demands, step.instance_id, step.how)
    if rule is None:
        return None, ""
    age_s = (session.updated_at - step.started_at).total_seconds()
    next_s = rule.next_s(age_s)
    if next_s is None:
        return None, ""
    forced = rule.due(next_s, forced=False) is Intervention.FORCE
    return step.started_at + timedelta(
        seconds=next_s
    ), "it is forced" if forced else "it is aborted"


def first_of(decisions: Iterable[Decision]) -> Decision:
    """Independent decisions as one; a failure among them is the only thing that counts, and one failure at a time."""
    everything = tuple(decisions)
    for decision in everything:
        for event in decision.record:
            if isinstance(event, StateEntered | HostSetAside):
                return decision
    return merged(*everything)


def exclude_foreign(session: Session) -> Decision | None:
    """Leaves out hosts that somebody else has disabled meanwhile; they are never enabled by us."""
    taken = {
        host.name: foreign_reason(host)
        for host in session.todo(HostKind.COMPUTE)
        if not host.disabled and not host.view.enabled
    }
    return _leave_out(session, taken) if taken else None


def exclude_gone(session: Session) -> Decision | None:
    """Leaves out hosts that somebody else has removed from the cloud; stops when that leaves none. One that is gone
    during the work on it is waited for: the work itself may have the host enter itself anew."""
    taken = {
        host.name: "it is not in the cloud any more: somebody else has removed it"
        for host in session.todo()
        if host.gone and host.progress is not HostProgress.IN_MAINTENANCE
    }
    return _leave_out_or_stop(session, taken)


def exclude_held(session: Session) -> Decision | None:
    """Leaves out hosts that another session works on by now; stops when that leaves none."""
    taken = {
        host.name: f"held by session {held.session_id}, until that is done with it or deleted"
        for host in session.todo()
        if (held := session.held_hosts.get(host.name)) and not host.disabled and not host.progress
    }
    return _leave_out_or_stop(session, taken)


def _leave_out_or_stop(session: Session, taken: Mapping[str, str]) -> Decision | None:
    if not taken:
        return None
    if len(taken) == sum(host.selected for host in session.hosts.values()):
        reasons = few([f"{name} ({why})" for name, why in taken.items()])
        return fail(f"no host can be worked on: {reasons}")
    return _leave_out(session, taken)


def _leave_out(session: Session, taken: Mapping[str, str]) -> Decision:
    kept = tuple(h.name for h in session.hosts.values() if h.selected and h.name not in taken)
    return Decision(record=(HostsSelected(hosts=kept, excluded=taken),))


def foreign_reason(host: Host) -> str:
    """Why a disabled host is left alone."""
    why = host.view.disabled_reason
    if why.startswith(MARK):
        return f"held by session {why.removeprefix(MARK)}, or left by it: continue or delete that one first"
    return f"disabled by somebody else{f': {why}' if why else ''}"


def everybody(session: Session) -> dict[str, tuple[str, ...]]:
    """Projects that are affected, each with its instances on the hosts that are worked on."""
    found: dict[str, list[str]] = {project_id: [] for project_id in session.projects}
    for instance_id, instance in sorted(session.instances.items()):
        host = session.hosts.get(instance.host)
        if host is not None and host.selected and instance.project_id in found:
            found[instance.project_id].append(instance_id)
    return {project_id: tuple(instance_ids) for project_id, instance_ids in found.items()}


def run_once(session: Session, now: datetime, kind: ActionType) -> Decision | None:
    """Runs the pre or post actions one after the other; None when all have ended well."""
    for index in session.action_order(kind):
        if index not in session.actions_done:
            return started(session, attempt(session, now, StepVerb.RUN_ACTION, action_index=index))
    return None


def close(session: Session, now: datetime, host: Host) -> Decision | None:
    """Keeps new instances off a host and looks at what is left there; None when that is known. One that somebody else
    opens meanwhile is closed again, a few times."""
    if not host.closed_seq:
        unchecked = None if host.disabled else gate(session, now, host)
        if unchecked is not None:
            return started(session, unchecked)
        times = _opened_by_others(session, host)
        if times >= _OPENED:
            text = f"somebody else has enabled host {host.name} {times} times while it was emptied"
            return fail_host(session, host.name, f"{text}; find out who, then continue")
        return started(session, attempt(session, now, StepVerb.DISABLE_HOST, host=host.name))
    if session.looked_seq < max(host.closed_seq, host.touched_seq):
        return Decision(look=True)
    return None


def _opened_by_others(session: Session, host: Host) -> int:
    """How often since the session was last continued."""
    times = Counter(
        verb
        for verb in (StepVerb.DISABLE_HOST, StepVerb.ENABLE_HOST)
        for step in tries(session, verb, host.name)
        if step.outcome is StepOutcome.DONE and step.run == session.continued
    )
    return times[StepVerb.DISABLE_HOST] - times[StepVerb.ENABLE_HOST]


def work(session: Session, now: datetime, host: Host) -> Decision:
    """The next thing to do on a host that may be worked on: its actions in order, then back into service."""
    if host.progress is None:
        unchecked = None if host.disabled else gate(session, now, host)
        if unchecked is not None:
            return started(session, unchecked)
        hold = quorum(session, host)
        if hold is not None:
            return _await_quorum(session, now, host, hold.reason)
        return Decision(record=(HostChanged(host=host.name, progress=HostProgress.IN_MAINTENANCE),))
    types = [ActionType.HOST, *([OWN_TYPE[host.view.kind]] if host.view.kind in OWN_TYPE else [])]
    for index in session.action_order(*types):
        if index not in host.actions_done:
            return started(
                session,
                attempt(session, now, StepVerb.RUN_ACTION, host=host.name, action_index=index),
            )
    if host.retired:
        return _remove(session, now, host)
    if host.progress is HostProgress.IN_MAINTENANCE:
        done = HostProgress.MAINTENANCE_COMPLETE
        complete = Decision(record=(HostChanged(host=host.name, progress=done),))
        waits = _await_services(session, now, host)
        unchecked = None if waits else gate(session, now, host)
        return waits or (complete if unchecked is None else started(session, unchecked))
    return started(session, attempt(session, now, StepVerb.ENABLE_HOST, host=host.name))


def _remove(session: Session, now: datetime, host: Host) -> Decision:
    """A retired host leaves the cloud when its service is stopped: one that runs would enter itself again (Nova)."""
    if session.looked_seq < host.touched_seq:
        return Decision(look=True)
    if not host.view.up:
        return started(session, attempt(session, now, StepVerb.REMOVE_HOST, host=host.name))
    policy = session.created.policy
    ended = [s.ended_at for s in session.steps.values() if s.host == host.name and s.ended_at]
    since = session.waited_since(max(ended, default=session.entered_at))
    deadline = since + timedelta(seconds=policy.retire_s)
    reason = f"the service of host {host.name}, which is retired, is not stopped"
    if now >= deadline:
        return fail_host(session, host.name, f"{reason} {policy.retire_s:.0f} s after its work")
    return _until(host, reason, since, deadline, now + timedelta(seconds=policy.poll_s))


def _await_services(session: Session, now: datetime, host: Host) -> Decision | None:
    """After the work its services must report again before the next controller is begun, or a compute host counts as
    room for others; None when they do."""
    if session.looked_seq < host.touched_seq:
        return Decision(look=True)
    if host.view.healthy:
        return None
    policy = session.created.policy
    ended = [s.ended_at for s in session.steps.values() if s.host == host.name and s.ended_at]
    since = session.waited_since(max(ended, default=session.entered_at))
    deadline = since + timedelta(seconds=policy.up_s)
    reason = f"the services of host {host.name} do not report after the work on it"
    if host.gone:
        reason = f"host {host.name} is not in the cloud any more after the work on it"
    elif host.view.up:
        reason = f"after the work on host {host.name}: {host.view.trouble}"
    if now >= deadline:
        return fail_host(session, host.name, f"{reason} for {policy.up_s:.0f} s")
    return _until(host, reason, since, deadline, now + timedelta(seconds=policy.poll_s))


def _until(
    host: Host, reason: str, since: datetime, deadline: datetime, next_look: datetime
) -> Decision:
    """Looks again and again until the deadline."""
    wait = Waiting(
        subject=f"host:{host.name}",
        reason=reason,
        since=since,
        deadline=deadline,
        then="the session stops",
    )
    return Decision(wake_at=min(deadline, next_look), poll=True, waiting=(wait,))


def _await_quorum(session: Session, now: datetime, host: Host, reason: str) -> Decision:
    """Too few controllers serve: somebody repairs one, or another session gives one back."""
    policy = session.created.policy
    since = max(session.entered_at, session.others_at or session.entered_at)
    deadline = since + timedelta(seconds=policy.own_action_s)
    if now >= deadline:
        return fail(reason)
    return _until(host, reason, since, deadline, now + timedelta(seconds=policy.poll_s))


def not_yet_clear(session: Session, now: datetime, host: Host) -> Decision:
    """No instance is listed there but room is still booked: the cloud is cleaning up, or something else is wrong."""
    policy = session.created.policy
    ended = [s.ended_at for s in session.steps.values() if s.host == host.name and s.ended_at]
    since = max([session.entered_at, *ended])
    deadline = since + timedelta(seconds=policy.own_action_s)
    reason = f"host {host.name} lists no instance but {host.view.used} are still in use"
    if now >= deadline:
        return fail_host(session, host.name, reason)
    return _until(host, reason, since, deadline, now + timedelta(seconds=policy.poll_s))


def clear_and_work(session: Session, now: datetime, host: Host) -> Decision:
    """The next thing to do for a host without instances: work on it as soon as that is proven."""
    if host.progress is None:
        not_closed = close(session, now, host)
        if not_closed is not None:
            return not_closed
        if not session.proven_empty(host):
            return not_yet_clear(session, now, host)
    return work(session, now, host)


def finish_lost(session: Session, now: datetime) -> Decision | None:
    """Brings moves to their end whose outcome is unknown and that have got somewhere: such an instance is not where it
    was but may still hold room there (nova API: VERIFY_RESIZE). None when there are none."""
    left = [
        step
        for instance_id, step in sorted(session.lost_moves.items())
        if (seen := session.instances.get(instance_id)) is not None
        and (
            seen.host != step.host or (seen.status in BETWIXT and not perishing(session, step.host))
        )
    ]
    tried = [(step, _again(session, now, step)) for step in left]
    due = [t for step, t in tried if not (isinstance(t, GiveUp) and _is_aside(session, step.host))]
    if not due:
        return None
    if not session.fresh:
        return Decision(look=True)
    return first_of(started(session, attempted) for attempted in due)


def _again(session: Session, now: datetime, step: Step) -> Attempt:
    """The same step once more, to follow what the first one has begun."""
    return attempt(
        session,
        now,
        step.verb,
        host=step.host,
        instance_id=step.instance_id,
        target=step.target,
        how=step.how,
    )


def _is_aside(session: Session, host: str) -> bool:
    known = session.hosts.get(host)
    return known is not None and bool(known.set_aside)


def announce_done(session: Session) -> Decision | None:
    """Tells of instances that have left their host as agreed; None when there are none. One that its move broke has not
    left as agreed: an operator has to repair it first."""
    if not session.index.departed:
        return None
    moving = {step.instance_id for step in session.open()}
    told = []
    for instance_id in sorted(session.index.departed.difference(moving)):
        instance, agreed = session.instances.get(instance_id), session.agreed[instance_id]
        broken = _broken(session, instance)
        if broken:
            return fail(broken) if session.fresh else Decision(look=True)
        told.append(
            InstanceActionDone(
                instance_id=instance_id,
                project_id=agreed.project_id,
                action=agreed.action,
                from_host=agreed.from_host,
                to_host=instance.host if instance else "",
            )
        )
    return Decision(record=tuple(told)) if told else None


def _broken(session: Session, instance: InstanceView | None) -> str:
    """How a move left its instance in ERROR somewhere else (nova API: a resize that fails on its target does)."""
    if instance is None or instance.status != "ERROR":
        return ""
    past = departures(session, instance.instance_id)
    if not past or past[-1].outcome is not StepOutcome.FAILED:
        return ""
    return f"{describe(session, past[-1])} failed: {past[-1].detail}"


def own_actions(
    session: Session, now: datetime, instances: Iterable[InstanceView]
) -> Iterable[Decision]:
    """Waits for instances whose project replaces them itself, each for so long."""
    policy = session.created.policy
    for instance in instances:
        since = session.waited_since(session.agreed[instance.instance_id].at)
        deadline = since + timedelta(seconds=policy.own_action_s)
        if now >= deadline:
            yield fail_host(
                session,
                instance.host,
                f"instance {instance.instance_id} of project {instance.project_id} is still on "
                f"{instance.host} {policy.own_action_s:.0f} s after the project chose OWN_ACTION",
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
