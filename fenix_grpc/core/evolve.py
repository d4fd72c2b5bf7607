"""State is the fold of the journal: `evolve(session, recorded)` is its one transition function.

It believes every event: checks happen before an event is appended. It must fold every journal ever recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from fenix_grpc.core import events as e
from fenix_grpc.core.capacity import groups_of
from fenix_grpc.core.model import (
    ASKING,
    ActionType,
    HostProgress,
    HostView,
    InstanceAction,
    InstanceView,
    Resources,
    SessionState,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.observe import changes_anything
from fenix_grpc.core.persistent import put, put_all, without
from fenix_grpc.core.reindex import LEAVING, Shift, reindexed, shifted
from fenix_grpc.core.session import Agreed, Ask, Host, Session, Step

K = TypeVar("K")
V = TypeVar("V")
_NOT_OF_THE_CLOUD = frozenset({StepVerb.RUN_ACTION, StepVerb.FETCH_PACKAGE})
#: States in which a session has not begun its work.
_BEFORE = frozenset({SessionState.MAINTENANCE, SessionState.MAINTENANCE_FAILED})


class Entry(Protocol):
    """An event in its place; `ports.Recorded` is one."""

    @property
    def session_id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def event(self) -> e.Event: ...


def fold(entries: Iterable[Entry], session: Session | None = None) -> Session | None:
    """The session after all entries; None when there are none."""
    for entry in entries:
        session = evolve(session, entry)
    return session


def evolve(session: Session | None, entry: Entry) -> Session:
    """The session after one more entry."""
    if isinstance(entry.event, e.SessionCreated):
        return Session(
            session_id=entry.session_id,
            seq=entry.seq,
            created=entry.event,
            created_at=entry.at,
            updated_at=entry.at,
            entered_at=entry.at,
            window_end=entry.event.window_end,
        )
    if session is None:
        raise ValueError(f"session {entry.session_id} does not begin with SessionCreated")
    after = _BRANCHES[type(entry.event)](session, entry.event, entry)
    index = reindexed(session, after, entry.event)
    return replace(after, seq=entry.seq, updated_at=entry.at, index=index)


def _world_observed(session: Session, event: e.WorldObserved, entry: Entry) -> Session:
    if event.problem:
        since = session.cloud_problem_since or entry.at
        return replace(session, cloud_problem=event.problem, cloud_problem_since=since)
    hosts = {view.host: _seen(session, view, event, entry) for view in event.hosts}
    left = {
        name: _left(host, entry)
        for name in event.gone_hosts
        if (host := session.hosts.get(name)) is not None
        and (host.retired or host.selected or host.disabled)
    }
    known_instances, gone = session.instances, event.gone_instances
    shifts: list[Shift] = [(k, [known_instances[k].host], ()) for k in gone if k in known_instances]
    for seen in event.instances:
        old = known_instances.get(seen.instance_id)
        if old is None or old.host != seen.host:
            shifts.append((seen.instance_id, [old.host] if old else (), [seen.host]))
    # A move of unknown outcome may have disturbed its instance for as long as nobody looked.
    settled = {
        instance_id: entry.at
        for instance_id, step in session.lost_moves.items()
        if session.looked_seq < step.ended_seq <= event.looked_after_seq
    }
    after = replace(
        session,
        hosts=put_all(without(session.hosts, event.gone_hosts), {**left, **hosts}),
        instances=_changed(known_instances, {i.instance_id: i for i in event.instances}, gone),
        on_host=shifted(session.on_host, shifts),
        moved=put_all(session.moved, settled),
        groups=put_all(session.groups, {group.group_id: group for group in event.groups}),
        instance_constraints=_changed(
            session.instance_constraints,
            {c.instance_id: c for c in event.instance_constraints},
            event.gone_instance_constraints,
        ),
        group_constraints=_changed(
            session.group_constraints,
            {c.group_id: c for c in event.group_constraints},
            event.gone_group_constraints,
        ),
        listening=(session.listening | set(event.listening)) - set(event.not_listening),
        looked_seq=max(session.looked_seq, event.looked_after_seq),
        looked_at=entry.at,
        changed_seq=entry.seq if changes_anything(event) else session.changed_seq,
        cloud_problem="",
        cloud_problem_since=None,
    )
    return replace(after, projects=_affected(after, event.instances))


def _left(host: Host, entry: Entry) -> Host:
    """A host of the session that the cloud does not show any more. What was done with it stays true, and it may return,
    unless it was to leave."""
    if host.retired:
        return replace(host, removed=True, maintained=True, disabled=False, closed_seq=0)
    view, since = replace(host.view, up=False), host.down_since or entry.at
    return replace(host, gone=True, view=view, down_since=since)


def _seen(session: Session, view: HostView, event: e.WorldObserved, entry: Entry) -> Host:
    """One that is seen enabled after it was closed is closed no more: somebody else has opened it."""
    known = session.hosts.get(view.host)
    since = None if view.up else (known and known.down_since) or entry.at
    if known is None:
        return Host(view=view, down_since=since, added=session.selected)
    opened = view.enabled and 0 < known.closed_seq <= event.looked_after_seq
    return replace(
        known,
        view=view,
        closed_seq=0 if opened else known.closed_seq,
        down_since=since,
        evacuated=Resources() if view.up else known.evacuated,
        gone=False,
    )


def _others_observed(session: Session, event: e.OthersObserved, entry: Entry) -> Session:
    return replace(
        session,
        held_hosts=_changed(
            session.held_hosts,
            {held.host: held for held in event.held_hosts if held.session_id},
            [held.host for held in event.held_hosts if not held.session_id],
        ),
        impacts=_changed(
            session.impacts,
            {impact.instance_id: impact for impact in event.impacts},
            event.gone_impacts,
        ),
        others_at=entry.at,
        changed_seq=entry.seq,
    )


def _changed(known: Mapping[K, V], new: Mapping[K, V], gone: Iterable[K]) -> Mapping[K, V]:
    return put_all(without(known, gone), new)


def _affected(session: Session, seen: Iterable[InstanceView]) -> tuple[str, ...]:
    """Projects with instances on selected hosts, those already known first."""
    if not session.selected:
        return session.projects
    new = {
        instance.project_id
        for instance in seen
        if (host := session.hosts.get(instance.host)) is not None and host.selected
    }
    return session.projects + tuple(sorted(new.difference(session.projects)))


def _hosts_selected(session: Session, event: e.HostsSelected, entry: Entry) -> Session:
    chosen, retire = frozenset(event.hosts), frozenset(session.created.retire)
    hosts = {
        name: replace(
            host,
            selected=name in chosen,
            excluded=event.excluded.get(name, host.excluded),
            retired=name in retire,
        )
        for name, host in session.hosts.items()
    }
    after = replace(session, hosts=hosts, selected=True)
    return replace(after, projects=_affected(after, after.instances.values()))


def _state_entered(session: Session, event: e.StateEntered, entry: Entry) -> Session:
    failed = event.state is SessionState.MAINTENANCE_FAILED
    after = replace(
        session,
        state=event.state,
        prev_state=session.state,
        reason=event.reason,
        entered_at=entry.at,
        current_host=session.current_host if failed else event.host,
        started=session.started or event.state not in _BEFORE,
        asks=session.asks if failed or event.keeps_asks else {},
    )
    if event.state is SessionState.SCALE_IN:
        return replace(after, scale_in_loads=(*session.scale_in_loads, load(session)), plan=None)
    return after


def _plan_made(session: Session, event: e.PlanMade, entry: Entry) -> Session:
    return replace(session, plan=event, plan_seq=entry.seq)


def load(session: Session) -> Resources:
    """What all known instances use together."""
    total = Resources()
    for instance in session.instances.values():
        total += instance.size
    return total


def _project_asked(session: Session, event: e.ProjectAsked, entry: Entry) -> Session:
    if event.kind not in ASKING:
        return session
    known = session.instances
    ask = Ask(
        notice_id=event.notice_id,
        project_id=event.project_id,
        kind=event.kind,
        instance_ids=event.instance_ids,
        hosts={i: known[i].host for i in event.instance_ids if i in known},
        asked_at=entry.at,
        reply_at=event.reply_at,
        actions_at=event.actions_at,
        needed=event.needed,
        suggested_instance_ids=event.suggested_instance_ids,
        allowed_actions=event.allowed_actions,
        reason=event.reason,
    )
    kinds = session.asked_kinds.get(event.project_id, frozenset()) | {event.kind}
    return replace(
        session,
        asks=put(session.asks, event.notice_id, ask),
        notices=session.notices + 1,
        asked_kinds=put(session.asked_kinds, event.project_id, kinds),
        agreed=without(session.agreed, _taken_back(session, event)),
    )


def _taken_back(session: Session, event: e.ProjectAsked) -> list[str]:
    """Instances of which a question says that what was agreed for them is no longer possible."""
    if event.kind not in LEAVING or not event.allowed_actions:
        return []
    known = ((i, session.agreed.get(i)) for i in event.instance_ids)
    return [i for i, a in known if a and not a.done and a.action not in event.allowed_actions]


def _project_replied(session: Session, event: e.ProjectReplied, entry: Entry) -> Session:
    ask = session.asks.get(event.notice_id)
    if ask is None:
        return session
    answered = replace(
        ask,
        answer=event.answer,
        answered_at=entry.at,
        answer_reason=event.reason,
        action=event.action,
        instance_actions=event.instance_actions,
    )
    return _agreed(_touched(session, ask.instance_ids, entry.seq), answered, dirty=entry.seq)


def _project_defaulted(session: Session, event: e.ProjectDefaulted, entry: Entry) -> Session:
    ask = session.asks.get(event.notice_id)
    if ask is None:
        return session
    answered = replace(
        ask, defaulted=event.reason, answered_at=entry.at, action=event.action, instance_actions={}
    )
    return _agreed(session, answered, dirty=session.dirty_seq)


def _agreed(session: Session, ask: Ask, *, dirty: int) -> Session:
    """A settled ask takes effect; a manager that answered may have changed its application."""
    agreed = session.agreed
    if ask.refused and ask.kind in LEAVING:
        agreed = without(
            agreed, (i for i in ask.instance_ids if i in agreed and not agreed[i].done)
        )
    elif ask.kind in LEAVING and ask.answered_at:
        agreed = put_all(agreed, {i: _agreement(session, ask, i) for i in ask.instance_ids})
    return replace(
        session, asks=put(session.asks, ask.notice_id, ask), agreed=agreed, dirty_seq=dirty
    )


def _agreement(session: Session, ask: Ask, instance_id: str) -> Agreed:
    known = session.instances.get(instance_id)
    return Agreed(
        action=ask.instance_actions.get(instance_id)
        or ask.action
        or _usual(session, instance_id, ask.allowed_actions),
        project_id=ask.project_id,
        from_host=ask.hosts.get(instance_id) or session.current_host,
        at=ask.answered_at or ask.asked_at,
        groups=groups_of(session, known) if known else (),
    )


def _usual(
    session: Session, instance_id: str, allowed: tuple[InstanceAction, ...]
) -> InstanceAction:
    """What is done when a reply names no action: what the constraint says, else MIGRATE (mission: project API)."""
    demand = session.instance_constraints.get(instance_id)
    ways = (w for w in (demand.migration_types if demand else ()) if not allowed or w in allowed)
    return next(ways, InstanceAction.MIGRATE)


def _touched(session: Session, instance_ids: Iterable[str], seq: int) -> Session:
    """The hosts of these instances may differ from now on."""
    names = {session.instances[i].host for i in instance_ids if i in session.instances}
    changed = {n: replace(session.hosts[n], touched_seq=seq) for n in names if n in session.hosts}
    return replace(session, hosts=put_all(session.hosts, changed)) if changed else session


def _instance_action_done(session: Session, event: e.InstanceActionDone, entry: Entry) -> Session:
    agreed = session.agreed.get(event.instance_id)
    if agreed is None:
        return session
    done = replace(agreed, done=True, done_at=entry.at)
    return replace(session, agreed=put(session.agreed, event.instance_id, done))


def _action_replaced(session: Session, event: e.ActionReplaced, entry: Entry) -> Session:
    agreed = session.agreed.get(event.instance_id)
    if agreed is None:
        return session
    replaced = replace(agreed, action=event.action)
    return replace(session, agreed=put(session.agreed, event.instance_id, replaced))


def _host_changed(session: Session, event: e.HostChanged, entry: Entry) -> Session:
    host = session.hosts.get(event.host)
    # a host that was never taken out of service is done with its work; others when they are enabled again
    done = event.progress is HostProgress.MAINTENANCE_COMPLETE and host and not host.disabled
    if event.progress is HostProgress.HOST_ADDED or event.progress is HostProgress.HOST_REMOVED:
        return _with_host(session, event.host, progress=event.progress)
    session = _with_host(session, event.host, progress=event.progress, maintained=bool(done))
    return _unchecked(session, event.host)


def _unchecked(session: Session, name: str) -> Session:
    """Checks that passed on a host say nothing about it any more."""
    checks = session.action_order(ActionType.CHECK)
    if not checks or name not in session.hosts:
        return session
    kept = session.hosts[name].actions_done.difference(checks)
    return _with_host(session, name, actions_done=kept)


def _host_set_aside(session: Session, event: e.HostSetAside, entry: Entry) -> Session:
    aside = {"set_aside": event.reason, "given_back": event.given_back}
    return _unchecked(_with_host(session, event.host, **aside), event.host)


def _with_host(session: Session, name: str, **changes: Any) -> Session:
    host = session.hosts.get(name)
    if host is None:
        return session
    return replace(session, hosts=put(session.hosts, name, replace(host, **changes)))


def _step_started(session: Session, event: e.StepStarted, entry: Entry) -> Session:
    step = Step(
        step_id=event.step_id,
        verb=event.verb,
        host=event.host,
        instance_id=event.instance_id,
        target=event.target,
        how=event.how,
        action_index=event.action_index,
        package_index=event.package_index,
        started_at=entry.at,
        run=session.continued,
    )
    after = replace(
        session,
        steps=put(session.steps, event.step_id, step),
        open_steps=session.open_steps | {event.step_id},
    )
    if event.verb is StepVerb.DISABLE_HOST:
        # owed from the first moment: the call may succeed although its answer is lost
        return _with_host(after, event.host, disabled=True)
    return after


def _step_ended(session: Session, event: e.StepEnded, entry: Entry) -> Session:
    step = session.steps.get(event.step_id)
    if step is None or step.outcome is not None:
        return session
    ended = replace(
        step,
        outcome=event.outcome,
        detail=event.detail,
        output=event.output,
        ended_at=entry.at,
        ended_seq=entry.seq,
    )
    after = replace(
        session,
        steps=put(session.steps, event.step_id, ended),
        open_steps=session.open_steps - {event.step_id},
        dirty_seq=entry.seq,
    )
    if event.outcome is StepOutcome.DONE and step.verb not in _NOT_OF_THE_CLOUD:
        after = replace(after, cloud_problem="", cloud_problem_since=None)  # it has answered
    return _EFFECTS[step.verb](after, ended, event, entry)


def _disable_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    host = session.hosts.get(step.host)
    if event.outcome is StepOutcome.DONE and host is not None:
        view = replace(host.view, enabled=False)
        return _with_host(session, step.host, closed_seq=entry.seq, view=view)
    if event.outcome is StepOutcome.FAILED:
        return _with_host(session, step.host, disabled=False, closed_seq=0)
    return session


def _enable_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    host = session.hosts.get(step.host)
    if event.outcome is not StepOutcome.DONE or host is None:
        return session
    return _with_host(
        session,
        step.host,
        disabled=False,
        closed_seq=0,
        maintained=host.progress is HostProgress.MAINTENANCE_COMPLETE,
        view=replace(host.view, enabled=True, disabled_reason=""),
    )


def _remove_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    if event.outcome is not StepOutcome.DONE:
        return session
    return _with_host(
        session, step.host, removed=True, maintained=True, disabled=False, closed_seq=0
    )


def _move_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    lost = without(session.lost_moves, [step.instance_id])
    if event.outcome is StepOutcome.LOST:
        lost = put(lost, step.instance_id, step)
    after = replace(session, lost_moves=lost, moved=put(session.moved, step.instance_id, entry.at))
    session = _with_host(after, step.host, touched_seq=entry.seq)
    instance = session.instances.get(step.instance_id)
    if event.outcome is not StepOutcome.DONE or instance is None:
        return session
    if not event.host:
        instances = without(session.instances, [step.instance_id])
    else:
        there = replace(instance, host=event.host)
        instances = put(session.instances, step.instance_id, there)
    shift = (step.instance_id, [instance.host], [event.host] if event.host else ())
    return replace(session, instances=instances, on_host=shifted(session.on_host, [shift]))


def _evacuation_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    """As a move; what it held stays booked on its host until that reports again (nova: compute/manager.py, the
    evacuation's allocation is removed when the service starts)."""
    host, instance = session.hosts.get(step.host), session.instances.get(step.instance_id)
    after = _move_ended(session, step, event, entry)
    if event.outcome is not StepOutcome.DONE or host is None or instance is None:
        return after
    return _with_host(after, step.host, evacuated=host.evacuated + instance.size)


def _action_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    if event.outcome is not StepOutcome.DONE:
        return session
    if not step.host:
        return replace(session, actions_done=session.actions_done | {step.action_index})
    host = session.hosts.get(step.host)
    done = (host.actions_done if host else frozenset()) | {step.action_index}
    if session.created.actions[step.action_index].type is ActionType.CHECK:
        return _with_host(session, step.host, actions_done=done)  # it changes nothing there
    return _with_host(session, step.host, actions_done=done, touched_seq=entry.seq)


def _fetch_ended(session: Session, step: Step, event: e.StepEnded, entry: Entry) -> Session:
    if event.outcome is not StepOutcome.DONE:
        return session
    return replace(session, fetched={**session.fetched, step.package_index: event.sha256})


def _session_continued(session: Session, event: e.SessionContinued, entry: Entry) -> Session:
    """Agreements stay; refusals and silence are asked anew, and failures of the earlier try count no more: hosts that
    were set aside are taken up again."""
    same = event.state is session.prev_state
    kept = {k: ask for k, ask in session.asks.items() if same and ask.settled and not ask.refused}
    return replace(
        session,
        hosts=put_all(session.hosts, {h.name: _taken_up(h) for h in session.set_aside}),
        state=event.state,
        prev_state=session.state,
        reason="",
        entered_at=entry.at,
        current_host=session.current_host if same else "",
        started=session.started or event.state not in _BEFORE,
        asks=kept,
        continued=session.continued + 1,
        continued_at=entry.at,
        window_end=_window_end(session, event, entry),
        scale_in_loads=(),
        plan=None,
        dirty_seq=entry.seq,
    )


def _taken_up(host: Host) -> Host:
    return replace(host, set_aside="", given_back=False)


def _window_end(session: Session, event: e.SessionContinued, entry: Entry) -> datetime | None:
    """A window that is over binds no more: who continues the session then without a new end wants it to go on."""
    old = session.window_end
    return event.window_end or (old if old is not None and old > entry.at else None)


def _session_verified(session: Session, event: e.SessionVerified, entry: Entry) -> Session:
    return replace(session, verified=event)


def _session_deleted(session: Session, event: e.SessionDeleted, entry: Entry) -> Session:
    return replace(session, deleted=True, continued=session.continued + 1)


def _session_closed(session: Session, event: e.SessionClosed, entry: Entry) -> Session:
    return replace(session, closed=True)


_BRANCHES: Mapping[type[e.Event], Callable[[Session, Any, Entry], Session]] = {
    e.WorldObserved: _world_observed,
    e.OthersObserved: _others_observed,
    e.HostsSelected: _hosts_selected,
    e.PlanMade: _plan_made,
    e.StateEntered: _state_entered,
    e.ProjectAsked: _project_asked,
    e.ProjectReplied: _project_replied,
    e.ProjectDefaulted: _project_defaulted,
    e.InstanceActionDone: _instance_action_done,
    e.ActionReplaced: _action_replaced,
    e.HostChanged: _host_changed,
    e.HostSetAside: _host_set_aside,
    e.StepStarted: _step_started,
    e.StepEnded: _step_ended,
    e.SessionContinued: _session_continued,
    e.SessionDeleted: _session_deleted,
    e.SessionClosed: _session_closed,
    e.SessionVerified: _session_verified,
}

_EFFECTS: Mapping[StepVerb, Callable[[Session, Step, e.StepEnded, Entry], Session]] = {
    StepVerb.DISABLE_HOST: _disable_ended,
    StepVerb.ENABLE_HOST: _enable_ended,
    StepVerb.MOVE_INSTANCE: _move_ended,
    StepVerb.REMOVE_HOST: _remove_ended,
    StepVerb.RUN_ACTION: _action_ended,
    StepVerb.FETCH_PACKAGE: _fetch_ended,
    StepVerb.EVACUATE_INSTANCE: _evacuation_ended,
}
